"""`LoggingConfig`: text and JSON, and what each level leaves out."""

import json

import pytest
from botocore.exceptions import ClientError

from support.waiting import eventually


def messages(logs, function, group=None):
    """Every line of the function's log."""
    try:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group or function.log_group)
        return [event["message"] for page in pages for event in page["events"]]
    except logs.exceptions.ResourceNotFoundException:
        return []


def after(logs, function, what, group=None):
    """The same, once there is such a line."""
    return eventually(
        lambda: (lines := messages(logs, function, group)) and any(what in line for line in lines) and lines,
        f"a line with {what!r}")


PYTHON_TALKS = """
import json, logging, os

def handler(event, context):
    log = logging.getLogger("own")
    for level in ["debug", "info", "warning", "error", "critical"]:
        getattr(log, level)("at %s", level)
    log.info("extra", extra={"order": 7})
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("divided")
    print("printed")
    print(json.dumps({"level": "debug", "msg": "own json"}))
    return {name: os.environ.get(name) for name in ["AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL"]}
"""


def test_system_records_are_telemetry_events(functions, logs):
    function = functions.create(PYTHON_TALKS, LoggingConfig={"LogFormat": "JSON"})
    reply = function.invoke()
    assert reply.ok() == {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}
    lines = after(logs, function, "platform.report")
    system = [json.loads(line) for line in lines if '"type":"platform.' in line]
    assert [event["type"] for event in system] == ["platform.initStart", "platform.start", "platform.report"]
    assert all(list(event) == ["time", "type", "record"] for event in system)
    start, begin, report = (event["record"] for event in system)
    assert list(start) == [
        "initializationType", "phase", "runtimeVersion", "runtimeVersionArn", "functionName", "functionVersion",
        "instanceId", "instanceMaxMemory"]
    assert start["instanceMaxMemory"] == 128 << 20
    assert begin == {"requestId": reply.request_id, "functionArn": function.arn, "version": "$LATEST"}
    assert list(report) == ["requestId", "metrics", "status"]
    assert list(report["metrics"]) == [
        "durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB", "initDurationMs"]
    assert report["status"] == "success"
    assert not any(line.startswith(("START ", "END ", "REPORT ", "INIT_START ")) for line in lines)
    # The end of the log with the answer is the same.
    assert '"type":"platform.report"' in reply.log


def test_application_records_of_python(functions, logs):
    function = functions.create(PYTHON_TALKS, LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG"})
    id = function.invoke().request_id
    lines = after(logs, function, "platform.report")
    own = [json.loads(line) for line in lines if line.startswith('{"timestamp"')]
    assert [(record["level"], record["message"]) for record in own] == [
        ("DEBUG", "at debug"), ("INFO", "at info"), ("WARNING", "at warning"), ("ERROR", "at error"),
        ("CRITICAL", "at critical"), ("INFO", "extra"), ("ERROR", "divided")]
    assert all(record["requestId"] == id and record["logger"] == "own" for record in own)
    assert own[5]["order"] == 7
    assert own[6]["errorType"] == "ZeroDivisionError" and own[6]["stackTrace"] and own[6]["location"]
    assert "printed" in lines
    assert any("own json" in line for line in lines)


@pytest.mark.parametrize("level, rank", [("TRACE", 0), ("DEBUG", 0), ("INFO", 1), ("WARN", 2), ("ERROR", 3), ("FATAL", 4)])
def test_the_application_level_of_python(functions, logs, level, rank):
    function = functions.create(PYTHON_TALKS, LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": level})
    assert function.invoke().ok()["AWS_LAMBDA_LOG_LEVEL"] == level
    lines = after(logs, function, "platform.report")
    seen = [json.loads(line)["message"] for line in lines if '"message": "at ' in line or '"message":"at ' in line]
    expected = ["at debug", "at info", "at warning", "at error", "at critical"][rank:]
    assert seen == expected
    # A line that is JSON already has a level too; others are passed on.
    assert any("own json" in line for line in lines) == (rank == 0)
    assert "printed" in lines


NODE_TALKS = """
exports.handler = async () => {
  for (const level of ['trace', 'debug', 'info', 'warn', 'error']) console[level]('at ' + level);
  console.log({ own: 1 });
};
"""


@pytest.mark.parametrize("level, rank", [("TRACE", 0), ("DEBUG", 1), ("INFO", 2), ("WARN", 3), ("ERROR", 4), ("FATAL", 5)])
def test_the_application_level_of_node(functions, logs, level, rank):
    function = functions.node(NODE_TALKS, LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": level})
    id = function.invoke().request_id
    lines = after(logs, function, "platform.report")
    own = [json.loads(line) for line in lines if line.startswith('{"timestamp"')]
    seen = [record["message"] for record in own if isinstance(record["message"], str)]
    assert seen == ["at trace", "at debug", "at info", "at warn", "at error"][rank:]
    assert all(record["requestId"] == id for record in own)
    assert any(record["message"] == {"own": 1} for record in own) == (rank <= 2)


CUSTOM_TALKS = """\
#!/bin/sh
API=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
while true; do
  ID=$(curl -sS -D - -o /dev/null "$API/next" | tr -d '\\r' | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
  echo '{"level":"debug","n":1}'
  echo '{"level":"Warning","n":2}'
  echo '{"n":3}'
  echo '{"level":7,"n":4}'
  echo '{"level":"error","n":'
  echo 'plain'
  curl -sS -o /dev/null -d '{}' "$API/$ID/response"
done
"""


@pytest.mark.parametrize("level, expected", [
    ("TRACE", ["1", "2", "3", "4"]), ("INFO", ["2", "3", "4"]), ("WARN", ["2"]), ("ERROR", [])])
def test_lines_that_are_json_have_a_level(functions, logs, level, expected):
    function = functions.custom(CUSTOM_TALKS, LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": level})
    function.invoke().ok()
    lines = after(logs, function, "platform.report")
    assert [line[-2] for line in lines if line.endswith("}") and '"n":' in line] == expected
    # What is no JSON object is passed on.
    assert '{"level":"error","n":' in lines and "plain" in lines


@pytest.mark.parametrize("level, kinds", [
    ("DEBUG", ["initStart", "initRuntimeDone", "initReport", "start", "runtimeDone", "report"]),
    ("INFO", ["initStart", "start", "report"]),
    ("WARN", []),
])
def test_the_system_level(functions, logs, level, kinds):
    function = functions.create(
        "def handler(event, context):\n    print('here')\n    import os\n    if event: os._exit(3)\n",
        LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": level})
    function.invoke().ok()
    lines = after(logs, function, "here")
    function.invoke({"exit": True})
    lines = after(logs, function, '"status":"error"')
    system = [json.loads(line) for line in lines if '"type":"platform.' in line]
    assert [event["type"].removeprefix("platform.") for event in system][:len(kinds)] == kinds
    failure = [event for event in system if event["record"].get("status") == "error"]
    assert [event["type"] for event in failure] == ["platform.runtimeDone", "platform.report"]
    assert all(event["record"]["errorType"] == "Runtime.ExitError" for event in failure)


def test_text_knows_no_levels(functions, logs):
    function = functions.create(PYTHON_TALKS)
    reply = function.invoke()
    assert reply.ok() == {"AWS_LAMBDA_LOG_FORMAT": None, "AWS_LAMBDA_LOG_LEVEL": None}
    lines = after(logs, function, "REPORT RequestId")
    assert lines[0].startswith("INIT_START Runtime Version: ")
    assert f"START RequestId: {reply.request_id} Version: $LATEST" in lines
    assert '{"level": "debug", "msg": "own json"}' in lines
    assert any(line.startswith("[WARNING]\t") and line.endswith(f"\t{reply.request_id}\tat warning") for line in lines)


def test_the_configuration_and_its_refusals(functions, logs):
    function = functions.create(PYTHON_TALKS)
    refusal = (
        'LogLevel is not supported when LogFormat is set to "Text". '
        'Remove LogLevel from your request or change the LogFormat to "Json" and try again.')
    for settings in [{"ApplicationLogLevel": "INFO"}, {"LogFormat": "Text", "SystemLogLevel": "WARN"}]:
        with pytest.raises(ClientError) as raised:
            function.configure(LoggingConfig=settings)
        assert raised.value.response["Error"]["Code"] == "InvalidParameterValueException"
        assert raised.value.response["Error"]["Message"] == refusal
    for settings in [{"LogFormat": "XML"}, {"LogFormat": "JSON", "ApplicationLogLevel": "LOUD"}]:
        with pytest.raises(ClientError) as raised:
            function.configure(LoggingConfig=settings)
        assert raised.value.response["Error"]["Code"] == "ValidationException"
    group = f"/own/{function.name}"
    answer = function.configure(LoggingConfig={"LogFormat": "JSON", "LogGroup": group})
    assert answer["LoggingConfig"] == {
        "LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO", "LogGroup": group}
    answer = function.configure(LoggingConfig={"SystemLogLevel": "WARN"})
    assert answer["LoggingConfig"] == {
        "LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "WARN", "LogGroup": group}
    function.invoke()
    after(logs, function, "at info", group)
    answer = function.configure(LoggingConfig={"LogFormat": "Text"})
    assert answer["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": group}
