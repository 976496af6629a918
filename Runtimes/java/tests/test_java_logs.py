"""What functions log: frames on the telemetry channel, lines on standard output."""

import json
import re

import pytest

LEVELS = ["UNDEFINED", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]
TEXT, JSON = 0xA55A0003, 0xA55A0002


def test_records_are_frames_with_their_level(start_java):
    function = start_java("Logs")
    function.invoke({})
    assert [(frame.kind, frame.text) for frame in function.frames()] == [
        (TEXT, "while loading\n"), (TEXT, "at\nUNDEFINED\n"),
        *((TEXT | number << 2, f"[{level}] at\n{level}\n") for number, level in enumerate(LEVELS) if number),
        (TEXT, "null\n"), (TEXT | 4 << 2, "raw\n"),
    ]
    assert (function.output(), function.errors()) == ("out é", "err é\n")


def test_records_in_json(start_java):
    function = start_java("Logs", environment={"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "WARN"})
    function.invoke({}, **{"Lambda-Runtime-Aws-Tenant-Id": "t"})
    frames = function.frames()
    *documents, raw = (frame.text for frame in frames)
    documents = [json.loads(text) for text in documents]
    for document in documents:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", document.pop("timestamp"))
    who = {"AWSRequestId": "00000000-0000-4000-8000-000000000001", "tenantId": "t"}
    assert documents == [
        {"message": "while loading", "level": "UNDEFINED"},
        *({"message": f"at\n{level}", "level": level, **who} for level in ("UNDEFINED", "WARN", "ERROR", "FATAL")),
        {"message": "null", "level": "UNDEFINED", **who},
    ]
    assert raw == "raw\n"
    assert [(frame.kind - JSON) >> 2 for frame in frames] == [0, 0, 4, 5, 6, 0, 4]


def test_errors_in_json(start_java):
    function = start_java("Failures", environment={"AWS_LAMBDA_LOG_FORMAT": "JSON"})
    function.invoke("none")
    [frame] = function.frames()
    document = json.loads(frame.text)
    assert (frame.kind, document["level"]) == (JSON | 5 << 2, "ERROR")
    assert document["message"].startswith("java.lang.IllegalStateException: java.lang.IllegalStateException\n")


@pytest.mark.parametrize("form", ["Text", "JSON"])
def test_without_a_channel_records_are_lines(start_java, form):
    function = start_java("Logs", framed=False, environment={"AWS_LAMBDA_LOG_FORMAT": form})
    function.invoke({})
    first = function.output().splitlines()[0]
    assert first == "while loading" if form == "Text" else json.loads(first)["message"] == "while loading"
