"""What a function writes, and what becomes of it."""

import json

import pytest


def lines(reply):
    """What the function wrote during the call."""
    whole = reply.log.splitlines()
    start = next(number for number, line in enumerate(whole) if line.startswith(f"START RequestId: {reply.request_id}"))
    end = next(number for number, line in enumerate(whole) if line.startswith(f"END RequestId: {reply.request_id}"))
    return whole[start + 1:end]


def documents(reply):
    """What a log in JSON consists of; a record need not end its line."""
    decoder, rest, found = json.JSONDecoder(), reply.log.lstrip(), []
    while rest:
        document, end = decoder.raw_decode(rest)
        found.append(document)
        rest = rest[end:].lstrip()
    return found


@pytest.mark.parametrize("action", ["print", "complain"])
def test_lines_are_events(program, action):
    event = json.dumps({"do": action, "with": "a line, ünï"}, ensure_ascii=False).encode()
    assert lines(program.invoke(event)) == ["a line, ünï"]


def test_a_record_is_one_event_and_names_its_level(program):
    found = lines(program.invoke({"do": "log", "with": "text"}))
    assert [line.rpartition(" text")[1:] for line in found] == [(" text", "")] * 4
    assert [next(level for level in ("debug", "info", "warn", "error") if level in line) for line in found] == [
        "debug", "info", "warn", "error"]


@pytest.mark.needs("json")
@pytest.mark.parametrize("least, expected", [
    (None, ["info", "warn", "error"]), ("WARN", ["warn", "error"]), ("DEBUG", ["debug", "info", "warn", "error"]),
], ids=["INFO by default", "WARN", "DEBUG"])
def test_json_records(deploy, runtime, least, expected):
    function = deploy(LoggingConfig={"LogFormat": "JSON", **({"ApplicationLogLevel": least} if least else {})})
    reply = function.invoke({"do": "log", "with": "text"})
    records = [document for document in documents(reply) if "message" in document]
    assert [record["message"] for record in records] == [f"{level} text" for level in expected]
    assert [record["level"] for record in records] == [runtime.levels[level] for level in expected]
    for record in records:
        assert tuple(record) == runtime.record
        assert reply.request_id in record.values()


@pytest.mark.needs("json")
def test_an_error_in_json(deploy, runtime):
    function = deploy(LoggingConfig={"LogFormat": "JSON"})
    reply = function.invoke({"do": "fail", "with": None})
    [record] = [document for document in documents(reply) if document.get("level") == runtime.levels["error"]]
    told = record if "errorMessage" in record else record["message"]
    found = [reply.json["errorMessage"], reply.json["errorType"]]
    if isinstance(told, str):  # a text with the trace in it
        assert all(text in told for text in found)
    else:
        assert [told["errorMessage"], told["errorType"]] == found
