"""A function that misuses the Runtime API: nothing it says there may hurt the server or reach another function."""

import concurrent.futures

import pytest


@pytest.fixture
def actor(actors):
    """Its own, since its environment may be broken by what it does."""
    return actors(Timeout=8)


def works(actor, watch):
    """The function gets a fresh start if it needs one, and the neighbour noticed nothing."""
    reply = actor.function.invoke({"code": "result = 'works'"})
    if reply.error:  # the call that finds the environment broken may be lost; the one after is not
        reply = actor.function.invoke({"code": "result = 'works'"})
    assert reply.ok() == "works"
    watch.call()
    assert max(watch.times) < 1


GARBAGE = {
    "nothing": b"",
    "not HTTP": b"hello there\r\n\r\n",
    "binary": bytes(range(256)) * 40,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "endless request line": b"GET /" + b"a" * (2 << 20),
    "giant header": b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nX: " + b"a" * (2 << 20) + b"\r\n\r\n",
    "very many headers": b"GET /ping HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(50000)) + b"\r\n",
    "negative length": b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nContent-Length: -5\r\n\r\nhello",
    "huge length": b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\nx",
    "two lengths": b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "length and chunked": b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bad chunk": b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nhello\r\n",
    "endless chunk": b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n" + b"x" * 100000,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(100),
    "unknown method": b"BREW /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n",
    "bare line feeds": b"GET /2018-06-01/runtime/nowhere HTTP/1.1\nHost: x\n\n",
    "nul bytes": b"GET /\x00\x00 HTTP/1.1\r\n\x00: \x00\r\n\r\n",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage(actor, watch, name):
    import base64
    for _ in range(2):
        actor.invoke("import base64; result = exchange(base64.b64decode(event['data']), 2)[:200]",
                     data=base64.b64encode(GARBAGE[name]).decode())
    works(actor, watch)


@pytest.mark.parametrize(
    "request_line, statuses",
    [
        ("GET /2018-06-01/runtime/nowhere", (404,)),
        ("GET /", (404,)),
        ("GET /2018-06-01/../../etc/passwd", (400, 404)),
        ("GET /2015-03-31/functions", (404,)),
        ("DELETE /2018-06-01/runtime/invocation/next", (404, 405)),
        ("POST /2018-06-01/runtime/invocation/00000000-0000-0000-0000-000000000000/response", (400, 403)),
        ("POST /2018-06-01/runtime/invocation/not-an-id/response", (400, 403)),
        ("POST /2018-06-01/runtime/invocation//response", (400, 403, 404)),
        ("POST /2018-06-01/runtime/invocation/00000000-0000-0000-0000-000000000000/error", (400, 403)),
        ("POST /2018-06-01/runtime/init/error", (202, 403)),
        ("GET /2018-06-01/runtime/invocation/next", (403,)),
    ])
def test_wrong_requests(actor, watch, request_line, statuses):
    answer = actor.invoke("""
        result = exchange((event["line"] + " HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 2\\r\\n\\r\\n{}").encode())
    """, line=request_line)
    if not answer.error:  # an accepted init error ends the environment
        status = int(answer.json.split(" ")[1])
        assert status in statuses, answer.json
        if status in (400, 403):
            assert '"errorType"' in answer.json and '"errorMessage"' in answer.json
    works(actor, watch)


def test_an_id_of_another_function(actor, innocent, watch):
    """The id of a neighbour's running call is worth nothing here: the neighbour's client gets the neighbour's answer."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(innocent.run, """
            print("id", context.aws_request_id, flush=True)
            time.sleep(2)
            result = ["mine", context.aws_request_id]
        """)
        # The test plays an attacker who has learnt the id: it stands in the neighbour's log as soon as the call runs.
        logs = innocent.function.functions.server.client("logs")
        from support.waiting import eventually

        def seen():
            try:
                events = logs.filter_log_events(logGroupName=innocent.function.log_group, filterPattern="id")["events"]
            except logs.exceptions.ResourceNotFoundException:
                return []  # the neighbour's first line is on its way
            return [e["message"].split()[1] for e in events if e["message"].startswith("id ")]

        try:
            identifier = eventually(seen, "the id", seconds=1.5)[-1]
        except AssertionError:
            identifier = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"  # logs come later; any id that is not its own will do
        for ending in ("response", "error"):
            answer = actor.run("""
                body = '"stolen"'
                result = exchange((f"POST /2018-06-01/runtime/invocation/{event['id']}/{event['ending']} HTTP/1.1\\r\\nHost: x\\r\\n"
                                   f"Content-Length: {len(body)}\\r\\n\\r\\n{body}").encode())
            """, id=identifier, ending=ending)
            assert int(answer.split(" ")[1]) in (400, 403), answer
        value = running.result()
        assert value[0] == "mine"
    works(actor, watch)


def test_two_answers_to_one_call(actor, watch):
    reply = actor.invoke("""
        def answer(body):
            return exchange((f"POST /2018-06-01/runtime/invocation/{context.aws_request_id}/response HTTP/1.1\\r\\nHost: x\\r\\n"
                             f"Content-Length: {len(body)}\\r\\n\\r\\n{body}").encode())
        first, second = answer('"first"'), answer('"second"')
        print("statuses", first.split(" ")[1], second.split(" ")[1], flush=True)
        result = "third"
    """)
    assert reply.json == "first", "the answer that came first is the client's"
    works(actor, watch)


def test_an_answer_to_the_call_before(actor, watch):
    """An id that is answered is spent; the next call is not answered by it."""
    old = actor.run("result = context.aws_request_id")
    reply = actor.invoke("""
        body = '"late"'
        status = exchange((f"POST /2018-06-01/runtime/invocation/{event['id']}/response HTTP/1.1\\r\\nHost: x\\r\\n"
                           f"Content-Length: {len(body)}\\r\\n\\r\\n{body}").encode()).split(" ")[1]
        result = ["now", status]
    """, id=old)
    value = reply.ok()
    assert value[0] == "now" and value[1] in ("400", "403")
    works(actor, watch)


def test_next_twice_at_once(actor, watch):
    reply = actor.invoke("""
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(
            exchange(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n", 2).split(" ")[1:2])) for _ in range(8)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        result = [each[0] if each else None for each in answers]
    """)
    if not reply.error:
        assert set(reply.json) <= {"403", None}
    works(actor, watch)


def test_stealing_events_of_the_next_calls(actor, watch):
    """A child that asks for events too gets at most those of its own function, and the function recovers."""
    actor.invoke("""
        if os.fork() == 0:
            for _ in range(20):
                exchange(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n", 0.5)
            os._exit(0)
        result = 1
    """)
    for _ in range(3):
        assert actor.function.invoke({"code": "result = 1"}).status == 200
    works(actor, watch)


def test_a_body_that_never_ends(actor, watch, server):
    before = server.resident_bytes()
    actor.invoke("""
        with socket.create_connection(api(), 3) as connection:
            connection.sendall((f"POST /2018-06-01/runtime/invocation/{context.aws_request_id}/response HTTP/1.1\\r\\nHost: x\\r\\n"
                                "Transfer-Encoding: chunked\\r\\n\\r\\n").encode())
            block = b"100000\\r\\n" + b"x" * (1 << 20) + b"\\r\\n"
            try:
                for _ in range(300):
                    connection.sendall(block)
            except OSError:
                pass
        result = 1
    """)
    assert server.resident_bytes() < before + (150 << 20)
    works(actor, watch)


@pytest.mark.parametrize("path", ["/2020-01-01/extension/register", "/2018-06-01/runtime/init/error", "/nothing"])
def test_many_bodies_at_once(actor, watch, server, path):
    """What connections hold is the server's memory, and so there is a limit to all of an environment's together."""
    before = server.resident_bytes()
    actor.invoke("""
        held = []
        body = b"x" * (1 << 20)
        for _ in range(100):
            connection = socket.create_connection(api(), 3)
            connection.settimeout(0.5)
            held.append(connection)
            try:
                connection.sendall((f"POST {event['path']} HTTP/1.1\\r\\nHost: x\\r\\nLambda-Extension-Name: a\\r\\n"
                                    "Content-Length: 6000001\\r\\n\\r\\n").encode())
                for _ in range(6):
                    connection.sendall(body[:1_000_000])
            except OSError:
                pass
        result = 1
    """, path=path)
    assert server.resident_bytes() < before + (100 << 20)
    works(actor, watch)


def test_hostile_headers_of_answers(actor, watch):
    """Header values go through to clients only where Lambda lets them."""
    reply = actor.invoke("""
        body = '"x"'
        exchange((f"POST /2018-06-01/runtime/invocation/{context.aws_request_id}/error HTTP/1.1\\r\\nHost: x\\r\\n"
                  "Lambda-Runtime-Function-Error-Type: evil\\tX-Injected\\r\\nContent-Type: text/html\\r\\nX-Amz-Executed-Version: 99\\r\\n"
                  f"Content-Length: {len(body)}\\r\\n\\r\\n{body}").encode())
        result = 1
    """)
    assert reply.headers["x-amz-executed-version"] == "$LATEST"
    assert "x-injected" not in reply.headers
    assert reply.headers["content-type"] == "application/json"
    works(actor, watch)


def test_extensions_api_is_not_an_open_door(actor, watch):
    """Not part of Apus yet; whatever it answers, it answers in JSON or 404 and goes on."""
    answer = actor.run("""
        body = '{"events": ["INVOKE"]}'
        result = exchange((f"POST /2020-01-01/extension/register HTTP/1.1\\r\\nHost: x\\r\\nLambda-Extension-Name: evil\\r\\n"
                           f"Content-Length: {len(body)}\\r\\n\\r\\n{body}").encode())
    """)
    assert answer.split(" ")[1] in ("403", "404")
    works(actor, watch)
