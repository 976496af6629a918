"""Events in, results out."""

import json

import pytest

VERSIONS = ["python3.10", "python3.11", "python3.12", "python3.13", "python3.14"]
ECHO = {"app.py": "def handler(event, context):\n    return event\n"}


@pytest.fixture
def run(start):
    """Starts a function whose file app.py is the given text."""
    return lambda code, handler="app.handler", **options: start("python3.11", handler, {"app.py": code}, **options)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_answers_logs_and_reports_errors(start, version):
    code = "import logging\ndef handler(event, context):\n    logging.warning('w')\n    print('p')\n    return event['n']\n"
    function = start(version, "app.handler", {"app.py": code})
    assert function.invoke({"n": 7}).body == b"7"
    assert json.loads(function.invoke({}).body)["errorType"] == "KeyError"
    assert function.invoke({"n": "é"}).body in (b'"\\u00e9"', '"é"'.encode())
    assert [text for text in function.texts() if text == "p\n"] == ["p\n"] * 3


def test_answer_and_next_request_travel_in_one_packet_on_one_connection(start):
    function = start("python3.11", "app.handler", ECHO)
    for number in range(3):
        post = function.invoke({"n": number})
        assert json.loads(post.body) == {"n": number}
        assert post.headers["content-type"] == "application/json"
    function.api.wait_for_next()
    assert function.api.connections == 1
    assert function.api.packets[1].endswith(b'{"n": 0}' + function.api.packets[0])


EVENTS = [
    None, True, 0, -1.5, 1e300, "", "\u00fc\U0001f600\u2028", [], {}, {"a": [1, {"b": None}]}, "x" * 6_000_000,
    list(range(100_000)),
]


@pytest.mark.parametrize("version", ["python3.11", "python3.12"])
def test_values_survive_the_round_trip(start, version):
    function = start(version, "app.handler", ECHO)
    for event in EVENTS:
        assert json.loads(function.invoke(event).body) == event


def test_events_may_have_blanks_around_and_chunks_or_other_types(start):
    function = start("python3.11", "app.handler", ECHO)
    assert function.invoke(b' \n{"a": 1}\r\n').body == b'{"a": 1}'
    assert function.invoke(b"not json", Content_Type="text/plain").body == b"not json"


# What AWS's encoder makes of values that JSON does not have; noted from its output.
RESULTS = [
    ("(1, 2)", '[1, 2]'),
    ("float('nan')", 'NaN'),
    ("{1: 'a', None: 'b', False: 'c', 2.5: 'd'}", '{"1": "a", "null": "b", "false": "c", "2.5": "d"}'),
    ("decimal.Decimal('1.10')", '1.10'),
    ("{'d': [decimal.Decimal('3'), decimal.Decimal('NaN')], 's': 'é'}", '{"d": [3, NaN], "s": "\\u00e9"}'),
    ("Point(1, Point(2, 'z'))", '{"x": 1, "y": {"x": 2, "y": "z"}}'),
    ("{'a': b'bytes', b'k': 1}", '{"a": "bytes", "k": 1}'),
    ("{'a': b'bytes'}", '{"a": "bytes"}'),
    ("enum.IntEnum('E', 'A B').B", '2'),
    ("b'raw \\xff'", None),
]


@pytest.mark.parametrize("expression, expected", RESULTS)
def test_results_beyond_json(run, expression, expected):
    code = (
        "import collections, decimal, enum\nPoint = collections.namedtuple('Point', 'x y')\n"
        f"def handler(event, context):\n    return {expression}\n"
    )
    post = run(code).invoke()
    if expected is None:
        assert (post.body, post.headers["content-type"]) == (b"raw \xff", "application/unknown")
    else:
        assert post.body.decode() == expected


CONTEXT = """
import os
def handler(event, context):
    names = ("function_name function_version invoked_function_arn memory_limit_in_mb aws_request_id log_group_name "
             "log_stream_name tenant_id").split()
    answer = {name: getattr(context, name) for name in names}
    answer["identity"] = [context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id]
    client = context.client_context
    answer["client"] = client and [client.client.app_title, client.client.installation_id, client.custom, client.env]
    answer["left"] = context.get_remaining_time_in_millis()
    answer["trace"] = os.environ.get("_X_AMZN_TRACE_ID")
    answer["child"] = os.popen("echo $_X_AMZN_TRACE_ID").read().strip()
    answer["repr"] = repr(context)
    return answer
"""


def test_context_has_every_field(run):
    function = run(CONTEXT)
    plain = json.loads(function.invoke(Lambda_Runtime_Deadline_Ms="1000").body)
    assert plain["function_name"] == "hello" and plain["function_version"] == "$LATEST"
    assert plain["memory_limit_in_mb"] == "128" and plain["log_group_name"] == "/aws/lambda/hello"
    assert plain["log_stream_name"].startswith("2026/01/01/[$LATEST]")
    assert plain["aws_request_id"] == "00000000-0000-4000-8000-000000000001"
    assert plain["invoked_function_arn"] == "arn:aws:lambda:us-east-1:000000000000:function:hello"
    assert plain["identity"] == [None, None] and plain["client"] is None and plain["tenant_id"] is None
    assert plain["left"] == 0
    assert plain["trace"].startswith("Root=1-5bef4de7") and plain["child"] == plain["trace"]
    assert plain["repr"].startswith("LambdaContext([aws_request_id=00000000-")

    client = {"client": {"app_title": "tïtle", "installation_id": "i"}, "custom": {"k": "v"}, "env": {"e": "f"}}
    full = json.loads(function.invoke(
        Lambda_Runtime_Trace_Id=None,
        Lambda_Runtime_Client_Context=json.dumps(client, ensure_ascii=False),
        Lambda_Runtime_Cognito_Identity='{"cognitoIdentityId": "id", "cognitoIdentityPoolId": "pool"}',
        Lambda_Runtime_Aws_Tenant_Id="blue",
    ).body)
    assert full["client"] == ["tïtle", "i", {"k": "v"}, {"e": "f"}]
    assert full["identity"] == ["id", "pool"] and full["tenant_id"] == "blue"
    assert full["trace"] is None and full["child"] == ""
    assert full["left"] > 10**9


def test_a_refused_answer_is_followed_by_the_next_invocation(start):
    function = start("python3.11", "app.handler", ECHO)
    function.api.refuse = (413, False)
    function.invoke("x" * 1000)
    assert function.invoke(1).body == b"1"
    # Closing half-way is what a server does that will not read 6 MB to say no.
    function.api.wait_for_next()
    function.api.refuse = (413, True)
    function.api.send("x" * 6_000_000)
    assert function.api.invoke(2).body == b"2"
    assert function.api.connections == 2


def test_event_and_result_are_freed_before_the_wait(run):
    code = (
        "import weakref\nclass Text(str): pass\nlast = None\n"
        "def handler(event, context):\n    global last\n    freed = last is None or last() is None\n"
        "    text = Text('t')\n    last = weakref.ref(text)\n    return [text, freed]\n"
    )
    function = run(code)
    assert [json.loads(function.invoke().body)[1] for _ in range(2)] == [True, True]


def test_bytes_of_an_event_are_freed_before_the_handler_runs(run):
    code = (
        "def handler(event, context):\n"
        "    with open('/proc/self/statm') as file: return int(file.read().split()[1]) * 4096\n"
    )
    function = run(code)
    small, large, after = (int(function.invoke(event).body) for event in ("x", "x" * 6_000_000, "x"))
    assert 5_000_000 < large - small < 9_000_000  # the text alone
    assert after - small < 3_000_000


def test_threads_and_subprocesses_work(run):
    code = (
        "import subprocess, threading\nticks = []\n"
        "def handler(event, context):\n"
        "    thread = threading.Thread(target=lambda: ticks.append(1))\n    thread.start(); thread.join()\n"
        "    subprocess.run(['echo', 'from child'], check=True)\n    return len(ticks)\n"
    )
    function = run(code)
    assert function.invoke().body == b"1"
    assert function.output() == "from child\n"
    assert function.texts() == []


def test_signal_handlers_run_while_waiting_for_an_event(run):
    code = (
        "import signal, sys\n"
        "def stop(*_):\n    print('stopping')\n    sys.exit(3)\n"
        "signal.signal(signal.SIGTERM, stop)\ndef handler(event, context): return 1\n"
    )
    function = run(code)
    function.invoke()
    function.api.wait_for_next()
    function.process.terminate()
    assert function.exit_code() == 3
    assert function.texts() == ["stopping\n"]


def test_a_default_timeout_of_the_function_is_not_ours(run):
    code = "import socket\nsocket.setdefaulttimeout(0)\ndef handler(event, context): return event\n"
    function = run(code)
    function.api.wait_for_next()
    assert function.invoke(1).body == b"1"
