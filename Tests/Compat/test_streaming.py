"""Answers that are sent as they come: InvokeWithResponseStream, and Invoke of functions that stream."""

import base64
import hashlib
import json
import os
import socket
import subprocess
import threading
import time

import pytest
from botocore.eventstream import EventStreamBuffer

from support.faults import refused
from support.functions import Functions
from support.server import ROOT, binary
from support.signing import signed
from support.waiting import eventually, steady

# A runtime of one's own, over a raw socket. The event says what it is to do.
BOOTSTRAP = r"""#!/usr/bin/python3
import base64, json, os, socket, sys, time

host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")

class Connection:
    def __init__(self):
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = b""

    def send(self, text):
        self.socket.sendall(text if isinstance(text, bytes) else text.encode())

    def reply(self):
        while b"\r\n\r\n" not in self.data:
            part = self.socket.recv(65536)
            if not part:
                return 0, {}, b""
            self.data += part
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:])
        length = int(fields.get("content-length", 0))
        while len(self.data) < length:
            self.data += self.socket.recv(65536)
        body, self.data = self.data[:length], self.data[length:]
        return int(lines[0].split(" ")[1]), fields, body

    def begin(self, id, mode="streaming", type="text/plain"):
        self.send(f"POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: x\r\n"
                  f"Content-Type: {type}\r\nLambda-Runtime-Function-Response-Mode: {mode}\r\n"
                  "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n")

    def chunk(self, data):
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self, **trailers):
        names = {"type": "Lambda-Runtime-Function-Error-Type", "body": "Lambda-Runtime-Function-Error-Body"}
        self.send("0\r\n" + "".join(f"{names[name]}: {value}\r\n" for name, value in trailers.items()) + "\r\n")

connection = Connection()
while True:
    connection.send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
    status, fields, body = connection.reply()
    id = fields["lambda-runtime-aws-request-id"]
    scope = {"event": json.loads(body), "connection": connection, "id": id}
    exec(scope["event"]["code"], {**globals(), **scope})
    if connection.socket.fileno() < 0:
        connection = Connection()
"""

FAILURE = {"errorMessage": "half-way", "errorType": "Broken"}
ENCODED = base64.b64encode(json.dumps(FAILURE).encode()).decode()


class Stream:
    """A streamed call, and when its parts came."""

    def __init__(self, function, payload, client=None, **settings):
        self.began = time.monotonic()
        self.response = (client or function.client).invoke_with_response_stream(
            FunctionName=function.name, Payload=json.dumps(payload).encode(), **settings)
        self.headers = self.response["ResponseMetadata"]["HTTPHeaders"]
        self.times = []
        self.chunks = []
        self.complete = None

    def __iter__(self):
        for event in self.response["EventStream"]:
            assert self.complete is None, "something came after InvokeComplete"
            if "PayloadChunk" in event:
                self.times.append(time.monotonic())
                self.chunks.append(event["PayloadChunk"]["Payload"])
                yield self.chunks[-1]
            else:
                self.complete = event["InvokeComplete"]

    def read(self):
        """The whole answer; it has to end with InvokeComplete."""
        body = b"".join(self)
        assert self.complete is not None, "the stream has no end"
        return body


@pytest.fixture(scope="module")
def raw(module_functions):
    """Runs code in a custom runtime: `raw("connection.begin(id); …")` is a Stream."""
    function = module_functions.custom(BOOTSTRAP, Timeout=10, MemorySize=256)

    def run(code, **settings):
        return Stream(function, {"code": code, **settings.pop("payload", {})}, **settings)

    run.function = function
    run.invoke = lambda code, **settings: function.invoke({"code": code}, **settings)
    return run


@pytest.fixture(scope="module")
def fast_server(new_module_server):
    """No limit to the bandwidth: what is measured is something else."""
    return new_module_server(arguments=["--stream-bandwidth", "0"])


@pytest.fixture
def fast(fast_server):
    functions = Functions(fast_server)
    yield functions
    functions.close()


# Parts and their times

def test_the_first_chunk_comes_when_it_is_written(raw):
    # The function says when it wrote; both clocks are this machine's.
    stream = raw("""
connection.begin(id)
connection.chunk(repr(time.monotonic()).encode())
time.sleep(2)
connection.chunk(b"late")
connection.end()
connection.reply()
""")
    body = stream.read()
    assert body.endswith(b"late")
    written = float(stream.chunks[0])
    assert stream.times[0] - written < 0.02
    assert stream.times[1] - stream.times[0] > 1.9
    assert stream.complete == {}


def test_each_of_many_chunks_comes_at_its_time(raw):
    stream = raw("""
connection.begin(id)
for number in range(20):
    connection.chunk(b"%.6f" % time.monotonic())
    time.sleep(0.05)
connection.end()
connection.reply()
""")
    stream.read()
    delays = sorted(came - float(chunk) for came, chunk in zip(stream.times, stream.chunks))
    assert len(delays) == 20 and delays[10] < 0.01 and delays[-1] < 0.05


def test_an_answer_has_its_headers(raw):
    stream = raw("connection.begin(id, type='application/x-mine'); connection.chunk(b'a'); connection.end(); connection.reply()",
                 LogType="Tail")
    assert stream.response["StatusCode"] == 200
    assert stream.response["ExecutedVersion"] == "$LATEST"
    assert stream.headers["content-type"] == "application/vnd.amazon.eventstream"
    assert stream.headers["transfer-encoding"] == "chunked"
    assert stream.headers["x-amzn-remapped-content-type"] == "application/x-mine"
    assert stream.headers["x-amzn-trace-id"].startswith("Root=1-")
    request = stream.response["ResponseMetadata"]["RequestId"]
    assert stream.read() == b"a"
    assert set(stream.complete) == {"LogResult"}
    log = base64.b64decode(stream.complete["LogResult"]).decode()
    assert f"START RequestId: {request} Version: $LATEST" in log
    assert f"REPORT RequestId: {request}" in log


def test_bytes_arrive_as_they_are(raw):
    stream = raw("""
import os
data = bytes(range(256)) * 4096
connection.begin(id)
for size in (1, 2, 17, 1000, 65536, 300000):
    connection.chunk(data[:size])
    data = data[size:]
for byte in data[:5000]:
    connection.chunk(bytes([byte]))
connection.chunk(data[5000:])
connection.end()
connection.reply()
""")
    assert stream.read() == bytes(range(256)) * 4096


def test_a_version_is_named_by_qualifier(raw):
    version = raw.function.publish()
    stream = raw("connection.begin(id); connection.end(); connection.reply()", Qualifier=version)
    assert stream.read() == b""
    assert stream.response["ExecutedVersion"] == version


def test_calls_follow_each_other_in_one_environment(raw):
    code = "connection.begin(id); connection.chunk(str(os.getpid()).encode()); connection.end(); connection.reply()"
    first = raw(code).read()
    for _ in range(10):
        assert raw(code).read() == first


def test_an_http_prelude_is_content(raw):
    stream = raw("""
connection.begin(id, type="application/vnd.awslambda.http-integration-response")
connection.chunk(b'{"statusCode":201}' + bytes(8) + b"body")
connection.end()
connection.reply()
""")
    assert stream.headers["x-amzn-remapped-content-type"] == "application/vnd.awslambda.http-integration-response"
    assert stream.read() == b'{"statusCode":201}' + bytes(8) + b"body"


# Errors

def test_an_error_in_the_middle_is_told_at_the_end(raw):
    stream = raw(f"""
connection.begin(id)
connection.chunk(b"part")
connection.end(type="Function.HalfWay", body="{ENCODED}")
assert connection.reply()[0] == 202
""")
    assert stream.read() == b"part"
    assert stream.complete["ErrorCode"] == "Function.HalfWay"
    assert json.loads(stream.complete["ErrorDetails"]) == FAILURE


def test_an_error_of_the_whole_answer_is_unhandled(raw):
    stream = raw(f"""
body = {json.dumps(FAILURE)!r}
connection.send(f"POST /2018-06-01/runtime/invocation/{{id}}/error HTTP/1.1\\r\\nContent-Length: {{len(body)}}\\r\\n\\r\\n{{body}}")
connection.reply()
""")
    assert json.loads(stream.read()) == FAILURE
    assert stream.headers["x-amzn-remapped-content-type"] == "application/json"
    assert stream.complete["ErrorCode"] == "Unhandled"
    assert json.loads(stream.complete["ErrorDetails"]) == FAILURE


def test_an_answer_that_is_cut_off_is_truncated(raw):
    stream = raw("""
connection.begin(id)
connection.chunk(b"part")
connection.send("ff\\r\\nnot all of it")
connection.socket.close()
""")
    assert stream.read() == b"partnot all of it"
    assert stream.complete["ErrorCode"] == "Runtime.TruncatedResponse"
    assert raw("connection.begin(id); connection.chunk(b'well'); connection.end(); connection.reply()").read() == b"well"


def test_an_unknown_mode_is_an_error(raw):
    code = """
connection.begin(id, mode="sometimes")
connection.chunk(b"part")
connection.end()
status, fields, body = connection.reply()
assert (status, json.loads(body)["errorType"]) == (400, "InvalidFunctionResponseMode"), (status, body)
"""
    stream = raw(code)
    stream.read()
    assert stream.complete["ErrorCode"] == "Runtime.InvalidResponseModeHeader"
    reply = raw.invoke(code)
    assert reply.error == "Unhandled"
    assert reply.json["errorType"] == "Runtime.InvalidResponseModeHeader"


def test_a_second_answer_is_refused(raw):
    stream = raw("""
connection.begin(id)
connection.chunk(b"first ")
other = Connection()
other.begin(id)
other.chunk(b"second")
other.end()
status, _, body = other.reply()
connection.chunk(f"{status} {json.loads(body)['errorType']}".encode())
connection.end()
connection.reply()
""")
    assert stream.read() == b"first 403 InvalidStateTransition"
    assert stream.complete == {}


def test_the_timeout_ends_a_stream(functions):
    function = functions.custom(BOOTSTRAP, Timeout=1)
    stream = Stream(function, {"code": "connection.begin(id)\nconnection.chunk(b'part')\ntime.sleep(60)"}, LogType="Tail")
    assert stream.read() == b"part"
    assert 0.9 < time.monotonic() - stream.began < 5
    assert stream.complete["ErrorCode"] == "Sandbox.Timedout"
    assert "Task timed out after 1.00 seconds" in stream.complete["ErrorDetails"]
    assert "Task timed out after 1.00 seconds" in base64.b64decode(stream.complete["LogResult"]).decode()
    # The next call has a process of its own.
    code = "connection.begin(id); connection.chunk(b'well'); connection.end(); connection.reply()"
    assert Stream(function, {"code": code}).read() == b"well"


def test_the_end_of_the_process_ends_a_stream(functions):
    function = functions.custom(BOOTSTRAP, Timeout=10)
    stream = Stream(function, {"code": "connection.begin(id)\nconnection.chunk(b'part')\nos._exit(3)"})
    assert stream.read() == b"part"
    assert stream.complete["ErrorCode"] in ("Runtime.TruncatedResponse", "Runtime.ExitError")
    # Before the first byte it is the end of the process that is told of.
    stream = Stream(function, {"code": "os._exit(3)"})
    assert "exit status 3" in json.loads(stream.read())["errorMessage"]
    assert stream.complete["ErrorCode"] == "Runtime.ExitError"


def test_what_cannot_run_is_refused_as_by_invoke(client, raw):
    with refused(404, "ResourceNotFoundException", containing="function:no-such-function"):
        client.invoke_with_response_stream(FunctionName="no-such-function")
    with refused(400, "InvalidRequestContentException", containing="Could not parse request body into json"):
        client.invoke_with_response_stream(FunctionName=raw.function.name, Payload=b"{")
    with refused(400, "ValidationException", containing="[RequestResponse, DryRun]"):
        client.invoke_with_response_stream(FunctionName=raw.function.name, InvocationType="Event")


def test_a_foreign_key_is_refused(server, raw):
    stranger = server.client("lambda", access="AKIAIOSFODNN7EXAMPLE", secret="wrong")
    with refused(403, ("UnrecognizedClientException", "InvalidSignatureException")):
        stranger.invoke_with_response_stream(FunctionName=raw.function.name)


def test_a_dry_run_runs_nothing(client, raw):
    response = client.invoke_with_response_stream(
        FunctionName=raw.function.name, Payload=json.dumps({"code": "os._exit(1)"}), InvocationType="DryRun")
    assert response["StatusCode"] == 204
    assert list(response["EventStream"]) == []


# Functions and calls of different minds

def test_a_function_that_does_not_stream_answers_in_one_chunk(functions):
    function = functions.create("def handler(event, context):\n    return {'got': event}\n")
    stream = Stream(function, [1, 2])
    assert stream.read() == b'{"got": [1, 2]}'
    assert len(stream.chunks) == 1
    assert stream.headers["x-amzn-remapped-content-type"] == "application/json"
    assert stream.complete == {}


def test_a_large_answer_that_is_not_streamed_comes_whole(functions):
    function = functions.create("def handler(event, context):\n    return 'x' * 6_000_000\n", MemorySize=512)
    stream = Stream(function, {})
    assert stream.read() == b'"' + b"x" * 6_000_000 + b'"'
    assert max(len(chunk) for chunk in stream.chunks) <= 1 << 20


def test_an_error_of_a_handler_is_content_and_completion(functions):
    function = functions.create("def handler(event, context):\n    raise ValueError('no')\n")
    stream = Stream(function, {})
    error = json.loads(stream.read())
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "no")
    assert stream.complete["ErrorCode"] == "Unhandled"
    assert json.loads(stream.complete["ErrorDetails"]) == error


def test_invoke_collects_what_a_function_streams(raw):
    reply = raw.invoke("""
connection.begin(id)
for part in (b"one ", b"two ", b"three"):
    connection.chunk(part)
    time.sleep(0.02)
connection.end()
connection.reply()
""")
    assert (reply.error, reply.payload) == (None, b"one two three")
    assert reply.headers["content-type"] == "application/octet-stream"


def test_invoke_says_what_went_wrong_in_the_middle(raw):
    reply = raw.invoke(f"""
connection.begin(id)
connection.chunk(b"part")
connection.end(type="Function.HalfWay", body="{ENCODED}")
connection.reply()
""")
    assert (reply.error, reply.json) == ("Unhandled", FAILURE)


def test_invoke_has_its_limit_also_for_streams(raw):
    code = """
connection.begin(id)
for _ in range(7):
    connection.chunk(bytes(1 << 20))
connection.end()
status = connection.reply()[0]
print("status", status, flush=True)
"""
    reply = raw.invoke(code)
    assert reply.error == "Unhandled"
    assert reply.json == {
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        "errorType": "Function.ResponseSizeTooLarge"}
    assert raw(code).read() == bytes(7 << 20)


# Node.js

def test_streamify_response(functions):
    function = functions.node("""
exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {
  stream = awslambda.HttpResponseStream.from(stream, {statusCode: 201, headers: {a: 'b'}, cookies: ['c']});
  stream.write('first');
  await new Promise(resolve => setTimeout(resolve, 300));
  stream.write(Buffer.from([0, 255]));
  stream.end('last');
});
""")
    for _ in range(2):
        stream = Stream(function, {})
        head, _, body = stream.read().partition(bytes(8))
        assert json.loads(head) == {"statusCode": 201, "headers": {"a": "b"}, "cookies": ["c"]}
        assert body == b"first\x00\xfflast"
        assert stream.times[-1] - stream.times[0] > 0.25
        assert stream.headers["x-amzn-remapped-content-type"] == "application/vnd.awslambda.http-integration-response"
    assert function.invoke({}, tail=False).payload.endswith(b"first\x00\xfflast")


def test_a_pipeline_streams_megabytes(fast):
    function = fast.node("""
const { pipeline } = require('stream/promises');
const { Readable } = require('stream');
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  await pipeline(Readable.from((function* () { for (let i = 0; i < 320; i++) yield Buffer.alloc(65536, i); })()), stream);
});
""", MemorySize=256, Timeout=20)
    expected = hashlib.sha256()
    for number in range(320):
        expected.update(bytes([number % 256]) * 65536)
    assert hashlib.sha256(Stream(function, {}).read()).digest() == expected.digest()


def test_errors_of_streaming_handlers(functions):
    function = functions.node("""
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  if (event.late) stream.write('part');
  if (event.hang) await new Promise(() => {});
  throw new RangeError('sorry');
});
""")
    late = Stream(function, {"late": True})
    assert late.read() == b"part"
    assert late.complete["ErrorCode"] == "RangeError"
    assert json.loads(late.complete["ErrorDetails"])["errorMessage"] == "sorry"
    early = Stream(function, {})
    assert json.loads(early.read())["errorMessage"] == "sorry"
    assert early.complete["ErrorCode"] == "Unhandled"


# The command line

def test_apus_invoke_prints_a_stream_as_it_comes(server, raw):
    def invoke(code, *options):
        return subprocess.Popen(
            [str(binary()), "invoke", raw.function.name, "--stream", "--payload", json.dumps({"code": code}), *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=server.client_environment(), cwd=ROOT)

    with invoke("connection.begin(id)\nconnection.chunk(b'first')\ntime.sleep(1)\n"
                "connection.chunk(b'last')\nconnection.end()\nconnection.reply()", "--log") as process:
        assert os.read(process.stdout.fileno(), 100) == b"first"
        came = time.monotonic()
        rest, errors = process.communicate(timeout=20)
    assert (rest, process.returncode) == (b"last", 0), errors
    assert time.monotonic() - came > 0.8
    assert b"REPORT RequestId" in errors
    with invoke(f"connection.begin(id); connection.chunk(b'part'); connection.end(type='X', body='{ENCODED}'); connection.reply()") as process:
        rest, errors = process.communicate(timeout=20)
    assert (rest, process.returncode) == (b"part", 1)
    assert b"Broken: half-way" in errors


# Amounts

def write(megabytes, chunk=1 << 16):
    return f"""
connection.begin(id)
data = bytes(range(256)) * {chunk // 256}
for _ in range({(megabytes << 20) // chunk}):
    connection.chunk(data)
connection.end()
status = connection.reply()[0]
print("the runtime was told", status, flush=True)
"""


def test_a_slow_reader_does_not_fill_the_memory(fast, fast_server):
    function = fast.custom(BOOTSTRAP, Timeout=60, MemorySize=256)
    Stream(function, {"code": write(1)}).read()
    before = steady(fast_server.resident_bytes, "the server's memory")
    stream = Stream(function, {"code": write(100)})
    total, highest = 0, 0
    for chunk in stream:
        total += len(chunk)
        stream.chunks.clear()
        for _ in range(10):  # slower than any function writes
            hashlib.sha256(chunk)
        if total >> 22 != (total - len(chunk)) >> 22:  # every 4 MiB
            highest = max(highest, fast_server.resident_bytes())
    assert total == 100 << 20
    assert stream.complete == {}
    assert highest - before < 8 << 20, f"{(highest - before) >> 10} KiB more"


def test_a_reader_that_stops_keeps_the_function_waiting(fast, fast_server):
    function = fast.custom(BOOTSTRAP, Timeout=60, MemorySize=256)
    Stream(function, {"code": write(1)}).read()
    before = fast_server.resident_bytes()
    stream = Stream(function, {"code": write(64)})
    chunks = iter(stream)
    next(chunks)
    # Nothing is read now: what is on its way fits into a few buffers.
    after = steady(fast_server.resident_bytes, "the server's memory", seconds=1)
    assert after - before < 8 << 20, f"{(after - before) >> 10} KiB more"
    assert 1 + sum(1 for _ in chunks) > 100
    assert sum(len(chunk) for chunk in stream.chunks) == 64 << 20


def test_two_hundred_megabytes_and_no_more(fast, fast_server):
    function = fast.custom(BOOTSTRAP, Timeout=120, MemorySize=256)
    digest, total = hashlib.sha256(), 0
    stream = Stream(function, {"code": write(200)}, LogType="Tail")
    for chunk in stream:
        digest.update(chunk)
        total += len(chunk)
        stream.chunks.clear()
    assert total == 200 << 20
    assert digest.digest() == hashlib.sha256(bytes(range(256)) * (200 << 12)).digest()
    assert "ErrorCode" not in stream.complete
    stream = Stream(function, {"code": write(201)}, LogType="Tail")
    total = 0
    for chunk in stream:
        total += len(chunk)
        stream.chunks.clear()
    assert total == 200 << 20
    assert stream.complete["ErrorCode"] == "Function.ResponseSizeTooLarge"
    assert "(209715200 bytes)" in stream.complete["ErrorDetails"]


def test_the_first_six_megabytes_are_free_and_then_it_is_two_a_second(functions):
    function = functions.custom(BOOTSTRAP, Timeout=30, MemorySize=256)
    Stream(function, {"code": write(1)}).read()
    stream = Stream(function, {"code": write(9)})
    assert len(stream.read()) == 9 << 20
    free = stream.times[next(i for i, _ in enumerate(stream.chunks) if sum(map(len, stream.chunks[:i + 1])) >= 5 << 20)]
    assert free - stream.began < 1
    # 3 MiB more at 2 MiB a second.
    assert 1.2 < stream.times[-1] - stream.began < 4


# Clients that leave

def leave(server, function, code, after):
    """A client that closes its connection once it has so many bytes."""
    path = f"/2021-11-15/functions/{function.name}/response-streaming-invocations"
    body = json.dumps({"code": code}).encode()
    target, headers = signed(server, "POST", path, body)
    text = f"POST {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(server.address) as connection:
        connection.sendall(text.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        count = 0
        while count < after:
            part = connection.recv(65536)
            assert part, "the server closed the connection"
            count += len(part)


def logged(logs, function, text):
    """The lines of a function's log, once one of them has this text."""
    def lines():
        try:
            events = logs.filter_log_events(logGroupName=function.log_group)["events"]
        except logs.exceptions.ResourceNotFoundException:
            return []
        lines = [event["message"] for event in events]
        return lines if any(text in line for line in lines) else []

    return eventually(lines, f"a line with {text!r}", 30)


def test_the_function_goes_on_when_the_client_has_gone(fast, fast_server):
    function = fast.custom(BOOTSTRAP, Timeout=60, MemorySize=256)
    Stream(function, {"code": write(1)}).read()
    before = fast_server.resident_bytes()
    leave(fast_server, function, write(80) + "print('went on to the end', flush=True)\n", 1000)
    lines = logged(fast_server.client("logs"), function, "went on to the end")
    assert any("the runtime was told 202" in line for line in lines)
    assert fast_server.resident_bytes() - before < 8 << 20
    # Its environment is of use again.
    assert Stream(function, {"code": write(1)}).read() == bytes(range(256)) * 4096


def test_the_timeout_is_that_of_the_function_when_the_client_has_gone(functions, server, logs):
    function = functions.custom(BOOTSTRAP, Timeout=1)
    code = "connection.begin(id)\nconnection.chunk(b'part')\ntime.sleep(60)"
    leave(server, function, code, 100)
    logged(logs, function, "Task timed out after 1.00 seconds")


# Connections

def exchange(server, function, code, version="HTTP/1.1", connection="close"):
    path = f"/2021-11-15/functions/{function.name}/response-streaming-invocations"
    body = json.dumps({"code": code}).encode()
    target, headers = signed(server, "POST", path, body)
    text = f"POST {target} {version}\r\nConnection: {connection}\r\n"
    text += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(server.address) as client:
        client.sendall(text.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = b""
        while part := client.recv(65536):
            answer += part
    head, _, rest = answer.partition(b"\r\n\r\n")
    return head.decode(), rest


def messages(data):
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [(message.headers[":event-type"], message.payload) for message in buffer]


def test_chunks_on_the_wire(server, raw):
    code = "connection.begin(id); connection.chunk(b'a'); connection.end(); connection.reply()"
    head, rest = exchange(server, raw.function, code)
    assert head.startswith("HTTP/1.1 200 OK\r\n")
    assert "Transfer-Encoding: chunked" in head and "Connection: close" in head
    body = b""
    while True:
        size, _, rest = rest.partition(b"\r\n")
        data, rest = rest[:int(size, 16)], rest[int(size, 16):]
        assert rest[:2] == b"\r\n"
        rest = rest[2:]
        if not data:
            break
        body += data
    assert rest == b""
    assert messages(body) == [("PayloadChunk", b"a"), ("InvokeComplete", b"{}")]


def test_a_client_that_knows_no_chunks_has_the_answer_until_the_end_of_the_connection(server, raw):
    code = "connection.begin(id); connection.chunk(b'a'); connection.end(); connection.reply()"
    head, rest = exchange(server, raw.function, code, version="HTTP/1.0", connection="keep-alive")
    assert "Transfer-Encoding" not in head and "Connection: close" in head
    assert messages(rest) == [("PayloadChunk", b"a"), ("InvokeComplete", b"{}")]


def test_one_connection_serves_streams_and_other_calls(server, raw):
    client = server.client("lambda", max_pool_connections=1)
    code = "connection.begin(id); connection.chunk(b'a'); connection.end(); connection.reply()"
    for _ in range(3):
        assert Stream(raw.function, {"code": code}, client=client).read() == b"a"
        assert raw.function.invoke({"code": code}, client=client).payload == b"a"
        client.get_function(FunctionName=raw.function.name)


def test_streams_at_the_same_time(fast):
    function = fast.custom(BOOTSTRAP, Timeout=30, MemorySize=256)
    client = fast.server.client("lambda", max_pool_connections=8)
    results = []

    def run():
        results.append(len(Stream(function, {"code": write(5)}, client=client).read()))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [5 << 20] * 8


# Hostile runtimes

HOSTILE = [
    "zz\r\npart\r\n", "-1\r\n", "ffffffffffffffffff\r\n", "4\r\npartX\r\n", "4\npart\n", "\r\n", "4;" + "x" * 1000,
    "0\r\nbad trailer\r\n\r\n", "0\r\n: x\r\n\r\n", "0\r\n" + "a: b\r\n" * 1000 + "\r\n", "0\r\nx: " + "y" * 200_000 + "\r\n\r\n",
]


@pytest.mark.parametrize("framing", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_framing_ends_its_own_stream_only(raw, framing):
    stream = raw(f"""
connection.begin(id)
connection.chunk(b"good ")
try:
    connection.send({framing!r})
    connection.socket.shutdown(socket.SHUT_WR)
    connection.reply()
except OSError:
    pass
connection.socket.close()
""")
    assert stream.read().startswith(b"good ")
    assert stream.complete["ErrorCode"] == "Runtime.TruncatedResponse"
    assert raw("connection.begin(id); connection.chunk(b'well'); connection.end(); connection.reply()").read() == b"well"


@pytest.mark.parametrize("trailers", [
    {"type": "X" * 1000}, {"type": "é", "body": "!!!!"}, {"body": ENCODED}, {"type": "A\tB", "body": ""}])
def test_odd_trailers_are_errors_all_the_same(raw, trailers):
    stream = raw(f"connection.begin(id); connection.chunk(b'a'); connection.end(**{trailers!r}); connection.reply()")
    assert stream.read() == b"a"
    assert stream.complete["ErrorCode"] == trailers.get("type", "Runtime.Unknown")
    assert "ErrorDetails" in stream.complete
