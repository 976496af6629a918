"""Invoke: payloads, types, the log tail, the context object and the environment."""

import base64
import json
import re

import pytest

from support.faults import refused
from support.functions import PYTHON
from support.server import REGION
from support.waiting import eventually

LIMIT = 6291556  # bytes of payload, both ways
REPORT = re.compile(
    r"REPORT RequestId: (?P<id>\S+)\tDuration: (?P<duration>\d+\.\d\d) ms\tBilled Duration: (?P<billed>\d+) ms\t"
    r"Memory Size: (?P<size>\d+) MB\tMax Memory Used: (?P<used>\d+) MB\t(Init Duration: (?P<init>\d+\.\d\d) ms\t)?")


def report(log):
    found = REPORT.search(log)
    assert found, log
    return found


@pytest.fixture(scope="module")
def echo(module_functions):
    return module_functions.create("def handler(event, context):\n    return event\n", MemorySize=512, Timeout=20)


@pytest.fixture(scope="module")
def sized(module_functions):
    return module_functions.create(
        "def handler(event, context):\n    return 'x' * event['size']\n", MemorySize=512, Timeout=20)


@pytest.mark.parametrize(
    "value", [{}, [], None, True, 0, -1.5, "", "text", "ünï ✓ \u0000 \"", {"a": {"b": [1, 2, {"c": None}]}}, [[]] * 3])
def test_payloads_come_back(echo, value):
    reply = echo.invoke(value if value is not None else b"null")
    assert (reply.status, reply.version, reply.error) == (200, "$LATEST", None)
    assert reply.json == value


def test_an_empty_payload_is_an_empty_object(client, echo):
    assert client.invoke(FunctionName=echo.name)["Payload"].read() == b"{}"


def test_no_value_is_null(functions):
    assert functions.create("def handler(event, context):\n    pass\n").invoke().payload == b"null"


@pytest.mark.parametrize("body", [b"{", b"not json", b'{"a":1}}', b"{'a': 1}", b'"\xff"', b"[1,]", b"NaN", b"\xef\xbb\xbf{"])
def test_a_payload_that_is_not_json(echo, body):
    with refused(400, "InvalidRequestContentException") as refusal:
        echo.invoke(body)
    assert refusal.message.startswith("Could not parse request body into json: Could not parse payload into json: ")


def test_request_payload_limit(echo):
    exact = b'"' + b"x" * (LIMIT - 2) + b'"'
    assert echo.invoke(exact, tail=False).payload == exact
    with refused(413, ("RequestTooLargeException", "RequestEntityTooLargeException")):
        echo.invoke(exact[:-1] + b'x"', tail=False)
    assert echo.invoke({"after": 1}).ok() == {"after": 1}


def test_response_payload_limit(sized):
    reply = sized.invoke({"size": LIMIT - 2}, tail=False)
    assert (reply.error, len(reply.payload)) == (None, LIMIT)
    reply = sized.invoke({"size": LIMIT - 1}, tail=False)
    assert (reply.status, reply.error) == (200, "Unhandled")
    assert reply.json == {
        "errorMessage": f"Response payload size exceeded maximum allowed payload size ({LIMIT} bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }
    assert sized.invoke({"size": 3}).ok() == "xxx"


def test_answer_headers(echo):
    headers = echo.invoke({}).headers
    assert headers["x-amz-executed-version"] == "$LATEST"
    assert headers["x-amzn-remapped-content-length"] == "0"
    assert headers["content-type"] == "application/json"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", headers["x-amzn-requestid"])
    assert headers["x-amzn-trace-id"].startswith("Root=1-")


# Invocation types

def test_dry_run(client, functions):
    function = functions.create("def handler(event, context):\n    print('must not run')\n")
    answer = client.invoke(FunctionName=function.name, InvocationType="DryRun")
    assert (answer["StatusCode"], answer["Payload"].read()) == (204, b"")
    with refused(404, "ResourceNotFoundException"):
        client.invoke(FunctionName="nobody", InvocationType="DryRun")


def test_event_is_accepted_and_runs(client, logs, functions):
    function = functions.create("def handler(event, context):\n    print('ran with', event['mark'])\n")
    answer = client.invoke(FunctionName=function.name, InvocationType="Event", Payload=b'{"mark": "m-42"}')
    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    assert "FunctionError" not in answer
    request_id = answer["ResponseMetadata"]["RequestId"]

    def lines():
        try:
            return [e["message"] for e in logs.filter_log_events(logGroupName=function.log_group)["events"]]
        except logs.exceptions.ResourceNotFoundException:
            return []

    eventually(lambda: any("ran with m-42" in line for line in lines()), "the event's log line")
    eventually(lambda: any(f"REPORT RequestId: {request_id}" in line for line in lines()), "its report")


def test_an_unknown_invocation_type(server, echo):
    client = server.client("lambda", parameter_validation=False)
    with refused(400, ("ValidationException", "InvalidParameterValueException")) as refusal:
        client.invoke(FunctionName=echo.name, InvocationType="Sometimes")
    assert "Sometimes" in refusal.message and "invocationType" in refusal.message


# The log

def test_log_tail(functions):
    function = functions.create("""
        print("while loading")

        def handler(event, context):
            print("line one")
            print("line two, ünï")
    """)
    reply = function.invoke()
    lines = reply.log.splitlines()  # what was written before START may or may not be part of the tail; see test_logs.py
    start = lines.index(f"START RequestId: {reply.request_id} Version: $LATEST")
    assert lines[start + 1:start + 3] == ["line one", "line two, ünï"]
    assert lines[start + 3] == f"END RequestId: {reply.request_id}"
    found = report(lines[start + 4] + "\t")
    assert found["id"] == reply.request_id
    assert (found["size"], found["init"] is not None) == ("128", True)
    assert float(found["duration"]) <= int(found["billed"])

    warm = function.invoke()
    assert warm.log.startswith(f"START RequestId: {warm.request_id} Version: $LATEST\n")
    assert report(warm.log)["init"] is None


def test_no_log_unless_asked(echo):
    assert echo.invoke({}, tail=False).log == ""


def test_log_tail_is_the_last_4_kilobytes(functions):
    function = functions.create("""
        def handler(event, context):
            for number in range(2000):
                print("line", number)
    """)
    reply = function.invoke()
    raw = base64.b64decode(reply.headers["x-amz-log-result"])
    assert len(raw) <= 4096
    assert "line 1999\n" in reply.log and "line 1000\n" not in reply.log
    assert report(reply.log)["id"] == reply.request_id


def test_max_memory_used_is_true(functions):
    function = functions.create(
        "keep = []\ndef handler(event, context):\n    keep.append(b'x' * (event['mb'] << 20))\n", MemorySize=512)
    small = int(report(function.invoke({"mb": 1}).log)["used"])
    large = int(report(function.invoke({"mb": 150}).log)["used"])
    assert 3 <= small < 100
    assert 150 <= large - small + 1 and large < 150 + small + 40


def test_duration_is_true(functions):
    function = functions.create("import time\ndef handler(event, context):\n    time.sleep(0.25)\n")
    function.invoke()
    duration = float(report(function.invoke().log)["duration"])
    assert 250 <= duration < 400


def test_init_duration_is_true(functions):
    function = functions.create("import time\ntime.sleep(0.4)\ndef handler(event, context):\n    pass\n")
    found = report(function.invoke().log)
    assert 400 <= float(found["init"]) < 900
    assert float(found["duration"]) < 200
    assert int(found["billed"]) >= float(found["init"])


# What the function sees

CONTEXT = """
import os

def handler(event, context):
    identity, client = context.identity, context.client_context
    return {
        "function_name": context.function_name,
        "function_version": context.function_version,
        "invoked_function_arn": context.invoked_function_arn,
        "memory_limit_in_mb": context.memory_limit_in_mb,
        "aws_request_id": context.aws_request_id,
        "log_group_name": context.log_group_name,
        "log_stream_name": context.log_stream_name,
        "left": context.get_remaining_time_in_millis(),
        "identity": [identity.cognito_identity_id, identity.cognito_identity_pool_id],
        "client": client and [client.custom, client.env, client.client and client.client.app_title],
        "variables": dict(os.environ),
        "folder": os.getcwd(),
        "uid": os.getuid(),
    }
"""


@pytest.fixture(scope="module")
def context(module_functions):
    return module_functions.create(
        CONTEXT, Timeout=30, MemorySize=256, Environment={"Variables": {"MINE": "1", "TZ": "Europe/Berlin"}})


def test_context_object(context):
    reply = context.invoke()
    value = reply.ok()
    assert value["function_name"] == context.name
    assert value["function_version"] == "$LATEST"
    assert value["invoked_function_arn"] == context.arn
    assert value["memory_limit_in_mb"] in ("256", 256)
    assert value["aws_request_id"] == reply.request_id
    assert value["log_group_name"] == f"/aws/lambda/{context.name}"
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", value["log_stream_name"])
    assert 25000 < value["left"] <= 30000
    assert value["identity"] == [None, None]
    assert value["client"] is None
    assert value["uid"] != 0


def test_invoked_arn_keeps_the_qualifier_that_was_asked_for(client, context):
    answer = client.invoke(FunctionName=context.name, Qualifier="$LATEST")
    assert json.load(answer["Payload"])["invoked_function_arn"] == context.arn + ":$LATEST"


def test_client_context(client, context):
    sent = {"custom": {"k": "v"}, "env": {"locale": "de"}, "client": {"app_title": "t"}}
    answer = client.invoke(
        FunctionName=context.name, ClientContext=base64.b64encode(json.dumps(sent).encode()).decode())
    assert json.load(answer["Payload"])["client"] == [{"k": "v"}, {"locale": "de"}, "t"]


def test_environment_variables(context):
    value = context.invoke().ok()
    variables = value["variables"]
    expected = {
        "_HANDLER": "app.handler",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{PYTHON}",
        "AWS_LAMBDA_FUNCTION_NAME": context.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{context.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": value["log_stream_name"],
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "LANG": "en_US.UTF-8",
        "TZ": "Europe/Berlin",
        "MINE": "1",
    }
    assert {name: variables.get(name) for name in expected} == expected
    assert re.fullmatch(r"[\d.]+:\d+", variables["AWS_LAMBDA_RUNTIME_API"])
    assert variables["AWS_ACCESS_KEY_ID"] and variables["AWS_SECRET_ACCESS_KEY"] and variables["AWS_SESSION_TOKEN"]
    assert variables["PATH"].startswith("/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin")
    assert value["folder"] == "/var/task"


def test_trace_id_is_passed_on(server, functions):
    function = functions.create("import os\ndef handler(event, context):\n    return os.environ['_X_AMZN_TRACE_ID']\n")
    client = server.client("lambda")
    header = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1"
    client.meta.events.register("before-sign.lambda.Invoke", lambda request, **_: request.headers.add_header("X-Amzn-Trace-Id", header))
    assert "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700" in function.invoke(client=client).ok()
    first, second = function.invoke().ok(), function.invoke().ok()
    assert first.startswith("Root=1-") and first != second, "each invocation has its own trace"


def test_function_calls_the_platform_with_its_own_credentials(functions):
    """The way of a function to the API: AWS_ENDPOINT_URL and the role's session in its environment."""
    function = functions.create("""
        import os, urllib.request, urllib.error

        def handler(event, context):
            try:
                with urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/_apus/health", timeout=5) as answer:
                    return answer.status
            except urllib.error.HTTPError as error:
                return error.code
    """, Timeout=10)
    assert function.invoke().ok() == 200


def test_environment_is_reused_last_in_first_out(functions):
    function = functions.create("""
        import uuid
        me = str(uuid.uuid4())

        def handler(event, context):
            return me
    """)
    assert len({function.invoke().ok() for _ in range(5)}) == 1


def test_globals_and_tmp_survive_between_calls(functions):
    function = functions.create("""
        import os
        count = 0

        def handler(event, context):
            global count
            count += 1
            with open("/tmp/count", "a") as file:
                file.write("x")
            return [count, os.path.getsize("/tmp/count")]
    """)
    assert [function.invoke().ok() for _ in range(3)] == [[1, 1], [2, 2], [3, 3]]


def test_background_threads_do_not_hold_the_answer(functions):
    function = functions.create("""
        import threading, time

        def handler(event, context):
            threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
            return "at once"
    """)
    assert function.invoke().ok() == "at once"
    assert function.invoke().ok() == "at once"
