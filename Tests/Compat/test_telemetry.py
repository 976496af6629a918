"""The Telemetry API and the Logs API, from the inside: an extension within the function's process."""

import json
import textwrap

import pytest

from support.waiting import eventually

# The extension: it listens, registers, subscribes as the environment says, and tells the handler what it was sent.
EXTENSION = textwrap.dedent('''
    import http.server, json, os, socketserver, threading, urllib.error, urllib.request

    API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"]
    records, requests, outcome = [], [], {}

    def call(method, path, body=None, headers={}):
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(API + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request) as response:
                return response.status, response.read().decode(), response.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), error.headers

    class Collector(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            requests.append([self.path, self.headers["Host"], self.headers["Content-Type"]])
            records.extend(json.loads(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
        def log_message(self, *arguments):
            pass

    class Lines(socketserver.StreamRequestHandler):
        def handle(self):
            for line in self.rfile:
                records.append(json.loads(line))

    def serve(kind):
        server = (http.server.ThreadingHTTPServer if kind is Collector else socketserver.ThreadingTCPServer)(
            ("127.0.0.1", 0), kind)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server.server_address[1]

    def register():
        status, body, headers = call(
            "POST", "/2020-01-01/extension/register", {"events": []}, {"Lambda-Extension-Name": "inside"})
        assert status == 200, body
        identifier = {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}
        threading.Thread(
            target=call, args=("GET", "/2020-01-01/extension/event/next", None, identifier), daemon=True).start()
        return identifier

    def subscribe(identifier, path="/2022-07-01/telemetry", **settings):
        status, body, _ = call("PUT", path, settings, identifier)
        return [status, body]
''')

SUBSCRIBER = EXTENSION + textwrap.dedent('''
    version = os.environ.get("VERSION", "2022-12-13")
    logs = version < "2022"
    if os.environ.get("PROTOCOL") == "TCP":
        destination = {"protocol": "TCP", "port": serve(Lines)}
    else:
        destination = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:%d/collect" % serve(Collector)}
    print("while loading")
    identifier = register()
    path = "/2020-08-15/logs" if logs else "/2022-07-01/telemetry"
    answer = subscribe(
        identifier, path, schemaVersion=version, types=["platform", "function", "extension"],
        buffering={"timeoutMs": 25}, destination=destination)

    calls = []

    def handler(event, context):
        calls.append(context.aws_request_id)
        if event.get("say"):
            print(event["say"])
        if event.get("late"):
            return subscribe(identifier, path, schemaVersion=version, types=["function"], destination=destination)
        if not event.get("read"):
            return None
        # All but its own report.
        import time
        deadline = time.monotonic() + 10
        while sum(r["type"] == "platform.report" for r in records) < len(calls) - 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        return {"answer": answer, "records": records, "requests": requests, "calls": calls[:-1]}
''')


def records(function):
    """What the extension was sent up to the report of the call before, its own answer, and the ids of the calls."""
    return function.invoke({"read": True}, tail=False).ok()


@pytest.mark.parametrize("protocol", ["HTTP", "TCP"])
def test_an_extension_is_told_everything_in_order(functions, protocol):
    function = functions.create(SUBSCRIBER, Environment={"Variables": {"PROTOCOL": protocol}}, Timeout=20)
    ids = [function.invoke({"say": f"call {n}"}, tail=False).request_id for n in range(3)]
    told = records(function)
    assert told["answer"] == [200, '"OK"']
    seen = [(record["type"], record["record"]) for record in told["records"]]
    kinds = [kind for kind, _ in seen]
    assert kinds[:7] == [
        "platform.initStart", "function", "platform.telemetrySubscription", "platform.extension",
        "platform.initRuntimeDone", "platform.initReport", "platform.start"]
    assert seen[0][1]["initializationType"] == "on-demand" and seen[0][1]["functionName"] == function.name
    assert seen[1][1] == "while loading\n"
    assert seen[2][1] == {"name": "inside", "state": "Subscribed", "types": ["platform", "function", "extension"]}
    assert seen[3][1] == {"name": "inside", "state": "Ready", "events": []}
    assert seen[4][1] == {"initializationType": "on-demand", "phase": "init", "status": "success"}
    assert seen[5][1]["metrics"]["durationMs"] > 0
    expected = []
    for number, id in enumerate(ids):
        expected += [
            ("platform.start", id), ("function", f"call {number}\n"), ("platform.runtimeDone", id),
            ("platform.report", id)]
    found = [
        (kind, record if kind == "function" else record["requestId"])
        for kind, record in seen[6:] if kind != "platform.extension"]
    assert found[:12] == expected
    reports = [record for kind, record in seen if kind == "platform.report"]
    assert set(reports[0]["metrics"]) == {
        "durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB", "initDurationMs"}
    assert "initDurationMs" not in reports[1]["metrics"] and reports[1]["status"] == "success"
    done = [record for kind, record in seen if kind == "platform.runtimeDone"]
    assert done[0]["metrics"]["producedBytes"] > 0
    assert [span["name"] for span in done[0]["spans"]] == ["responseLatency"]
    assert all(record["time"].endswith("Z") and len(record["time"]) == 24 for record in told["records"])
    assert sorted(record["time"] for record in told["records"]) == [record["time"] for record in told["records"]]
    if protocol == "HTTP":
        path, host, kind = told["requests"][0]
        assert (path, kind) == ("/collect", "application/json") and host.startswith("sandbox.localdomain:")


@pytest.mark.parametrize("version", ["2020-08-15", "2021-03-18"])
def test_the_logs_api(functions, version):
    function = functions.create(SUBSCRIBER, Environment={"Variables": {"VERSION": version}}, Timeout=20)
    id = function.invoke({"say": "hello"}, tail=False).request_id
    told = records(function)
    assert told["answer"] == [200, '"OK"']
    done = ["platform.runtimeDone"] if version == "2021-03-18" else []
    kinds = [record["type"] for record in told["records"]]
    assert kinds[:5 + len(done) + 2] == [
        "function", "platform.logsSubscription", "platform.extension", "platform.start", "function", *done,
        "platform.end", "platform.report"]
    by_kind = {record["type"]: record["record"] for record in told["records"][:5 + len(done) + 2]}
    assert by_kind["platform.start"] == {"requestId": id, "version": "$LATEST"}
    assert by_kind["platform.end"] == {"requestId": id}
    assert "status" not in by_kind["platform.report"]


def test_the_last_records_come_before_the_end(functions, logs):
    function = functions.create(
        SUBSCRIBER.replace('"timeoutMs": 25', '"timeoutMs": 30000')
        .replace("records.extend(json.loads(body))", "print('told of', len(json.loads(body)), flush=True)"))
    function.invoke({}, tail=False).ok()
    # The environment of the old configuration has to go.
    function.configure(MemorySize=192)

    def told():
        try:
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=function.log_group)
            return [e["message"] for page in pages for e in page["events"] if e["message"].startswith("told of")]
        except logs.exceptions.ResourceNotFoundException:
            return []  # nothing has been logged yet

    # init: 6 records; the call: 3.
    assert eventually(told, "the word of the subscriber")[0] == "told of 9"


def test_nobody_subscribes_after_init(functions):
    function = functions.create(SUBSCRIBER)
    status, body = function.invoke({"late": True}, tail=False).ok()
    assert status == 403
    assert '"errorType":"Telemetry.SubscriptionClosed"' in body
    assert "Telemetry API subscription is closed already" in body


REFUSALS = EXTENSION + textwrap.dedent('''
    identifier = register()
    good = {"schemaVersion": "2022-12-13", "types": ["platform"],
            "destination": {"protocol": "HTTP", "URI": "http://sandbox:1234"}}
    answers = {
        "no port": subscribe(identifier, **{**good, "destination": {"protocol": "HTTP", "URI": "http://sandbox"}}),
        "outside": subscribe(identifier, **{**good, "destination": {"protocol": "HTTP", "URI": "http://169.254.169.254:80/"}}),
        "quote": subscribe(identifier, **{**good, "schemaVersion": 'a"b'}),
        "bytes": call("PUT", "/2022-07-01/telemetry", bytes(range(256)), identifier)[:2],
        "nobody": call("PUT", "/2022-07-01/telemetry", good, {})[:2],
        "first": subscribe(identifier, **good),
        "again": subscribe(identifier, **good),
        "other": subscribe(identifier, "/2020-08-15/logs", **{**good, "schemaVersion": "2020-08-15"}),
    }

    def handler(event, context):
        return answers
''')


def test_refusals_are_json_in_awss_words(functions):
    answers = functions.create(REFUSALS).invoke(tail=False).ok()
    assert [answers["first"], answers["again"]] == [[200, '"OK"']] * 2
    bodies = {name: (status, json.loads(body)) for name, (status, body) in answers.items()}
    assert bodies["no port"] == (
        400, {"errorType": "ValidationError", "errorMessage": "URI port is not provided"})
    assert bodies["outside"][0] == 403
    assert bodies["outside"][1]["errorMessage"] == "Only 'sandbox.localdomain' hostname is supported."
    assert bodies["quote"][1]["errorMessage"].startswith('unknown variant `a"b`, expected one of `2020-08-15`')
    assert bodies["bytes"][0] == 400
    assert bodies["nobody"][0] == 403
    assert bodies["other"] == (400, {
        "errorType": "Logs.ValidationError",
        "errorMessage": "The extension inside is already subscribed to the TelemetryAPI. "
                        "You must either subscribe to the LogsAPI or the TelemetryAPI"})


def test_no_record_is_lost_under_load(functions):
    function = functions.create(SUBSCRIBER, Timeout=20)
    for _ in range(2000):
        function.invoke(b'{"say": "x"}', tail=False)
    # Nearly all of them ran in one environment.
    told = records(function)
    assert len(told["calls"]) > 500
    for kind in ["platform.start", "platform.runtimeDone", "platform.report"]:
        seen = [r["record"]["requestId"] for r in told["records"] if r["type"] == kind]
        assert seen[:len(told["calls"])] == told["calls"], kind
    assert sum(r["type"] == "function" and r["record"] == "x\n" for r in told["records"]) == len(told["calls"])
    assert not [r for r in told["records"] if r["type"] == "platform.logsDropped"]


HOSTILE = EXTENSION + textwrap.dedent('''
    import socket
    listener = socket.create_server(("127.0.0.1", 0))
    taken = []

    def abuse():
        while True:
            connection, _ = listener.accept()
            taken.append(connection)
            try:
                if os.environ["ABUSE"] == "flood":
                    connection.sendall(b"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n")
                    while True:
                        connection.sendall(b"10000\\r\\n" + b"x" * 65536 + b"\\r\\n")
                elif os.environ["ABUSE"] == "close":
                    connection.close()
                # Else it never answers.
            except OSError:
                pass

    threading.Thread(target=abuse, daemon=True).start()
    identifier = register()
    answer = subscribe(
        identifier, schemaVersion="2022-12-13", types=["platform", "function"], buffering={"timeoutMs": 25},
        destination={"protocol": "HTTP", "URI": "http://sandbox:%d" % listener.getsockname()[1]})

    def handler(event, context):
        for _ in range(event["lines"]):
            print("x" * 10000)
        return [answer, len(taken)]
''')


@pytest.mark.parametrize("abuse", ["silence", "flood", "close"])
def test_a_hostile_listener_takes_nothing_from_the_server(functions, server, abuse):
    function = functions.create(HOSTILE, Environment={"Variables": {"ABUSE": abuse}}, Timeout=30)
    answer, _ = function.invoke({"lines": 1}, tail=False).ok()
    assert answer == [200, '"OK"']
    before, descriptors = server.resident_bytes(), server.descriptors()
    for _ in range(50):
        function.invoke({"lines": 100}, tail=False).ok()
    # 50 MB were printed; what waits for the listener is at most 1 MB, the rest is the log on its way to the disk.
    assert server.resident_bytes() - before < 40 << 20
    # There were up to 200 connections by now; environments and cells that come and go have some descriptors too.
    assert server.descriptors() - descriptors < 60
    _, connections = function.invoke({"lines": 0}, tail=False).ok()
    assert connections >= 1
