"""`console` on its way out."""

import json
import re

import pytest

ID = "00000000-0000-4000-8000-000000000001"
CALLS = """
console.log('init');
exports.handler = async () => {
  console.trace('t'); console.debug('d'); console.info('i'); console.log('l %s', 1, {a: 1}); console.warn('w\\nw');
  console.error('e', new RangeError('r')); console.log({k: 1});
  throw new TypeError('bad');
};"""
LEVELS = {"TRACE": 4, "DEBUG": 8, "INFO": 12, "WARN": 16, "ERROR": 20}


@pytest.fixture
def run(start):
    def run(environment=None, **options):
        function = start("nodejs20.x", "index.handler", {"index.js": CALLS}, environment=environment, **options)
        function.invoke()
        return function

    return run


def test_text_records_are_frames(run):
    frames = run().frames()
    records = [re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t([\w-]+)\t(\w+)\t(.*)\n", frame.text, re.DOTALL).groups()
        for frame in frames]
    assert [record[:2] for record in records] == [("undefined", "INFO")] + [
        (ID, level) for level in ("TRACE", "DEBUG", "INFO", "INFO", "WARN", "ERROR", "INFO", "ERROR")]
    assert [frame.kind for frame in frames] == [0xA55A0003 | LEVELS[record[1]] for record in records]
    assert [record[2] for record in records][:6] == ["init", "t", "d", "i", "l 1 { a: 1 }", "w\nw"]
    title, _, error = records[-1][2].partition(" \t")
    assert title == "Invoke Error"
    fields = json.loads(error)
    assert (fields["errorType"], fields["errorMessage"]) == ("TypeError", "bad")
    assert fields["stack"][0] == "TypeError: bad"


def test_without_frames_records_are_lines(run):
    lines = run(framed=False).output().split("\n")
    assert len(lines) == 10 and lines.pop() == ""  # nine records, those of several lines too
    assert lines[5].endswith("\tWARN\tw\rw")
    assert all(re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z\t[\w-]+\t[A-Z]+\t", line) for line in lines)


def test_json_records(run):
    frames = run({"AWS_LAMBDA_LOG_FORMAT": "JSON"}).frames()
    documents = [json.loads(frame.text) for frame in frames]
    assert [frame.kind for frame in frames] == [0xA55A0002 | LEVELS[document["level"]] for document in documents]
    assert documents[4]["message"] == "l 1 { a: 1 }" and documents[4]["requestId"] == ID
    assert documents[6]["errorType"] == "RangeError" and documents[6]["stackTrace"][0] == "RangeError: r"
    assert documents[7]["message"] == {"k": 1}
    failed = documents[8]["message"]
    assert (failed["errorType"], failed["errorMessage"]) == ("TypeError", "bad")


def test_levels_filter(run):
    frames = run({"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "warn"}).frames()
    assert [json.loads(frame.text)["level"] for frame in frames] == ["WARN", "ERROR", "ERROR"]


def test_the_descriptor_is_hidden(start):
    function = start("nodejs20.x", "index.handler", {
        "index.js": "exports.handler = async () => process.env._LAMBDA_TELEMETRY_LOG_FD ?? null;"})
    assert function.invoke().body == b"null"
