"""What Ruby functions print and log."""

import json
import re

import pytest

RUBY = "ruby3.1"
ID = "00000000-0000-4000-8000-000000000001"
TEXT, AS_JSON = 0xA55A0003, 0xA55A0002


def run(start, code, **environment):
    function = start(
        RUBY, "app.handler", {"app.rb": f"def handler(event:, context:)\n  {code}\n  nil\nend\n"}, environment=environment)
    assert function.invoke(True).path.endswith("/response")
    return function


@pytest.mark.parametrize("code, expected", [
    ("puts 'ünï'", "ünï\n"), ("puts", "\n"), ("puts 1, [2, [nil]]", "1\n2\n\n"), ("puts \"a\\n\"", "a\n"),
    ("puts \"\\u00fc\".b, \"\\xff\"", "ü\n\ufffd\n"),
])
def test_puts_is_one_frame(start, code, expected):
    [frame] = run(start, code).frames()
    assert (frame.kind, frame.text) == (TEXT, expected)


def test_other_output_is_lines(start):
    function = run(start, "print 'a'; $stdout.puts 'b'; p 1; warn 'c'; $stderr.puts 'd'")
    assert (function.output(), function.errors(), function.frames()) == ("ab\n1\n", "c\nd\n", [])


def test_puts_follows_another_stdout(start):
    function = run(start, "$stdout = StringIO.new; puts 'x'; text = $stdout.string; $stdout = STDOUT; puts text + 'y'")
    assert function.texts() == ["x\ny\n"]


def test_child_processes_have_no_frames(start):
    function = run(start, "system('echo child; ls /proc/self/fd | wc -l')")
    assert function.output() == "child\n4\n"


def test_a_signal_handler_may_print(start):
    assert run(start, "trap('USR1') { puts 'seen' }; Process.kill('USR1', Process.pid); sleep 0.01").texts() == ["seen\n"]


@pytest.mark.parametrize("device", ["$stdout", "STDOUT", "$stderr", "nil"])
def test_loggers_write_the_request_id(start, device):
    [text] = run(start, f"Logger.new({device}, progname: 'prog').warn('text')").texts()
    assert re.fullmatch(rf"W, \[\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{6}} #\d+\]  WARN {ID} -- prog: text\n", text)


def test_loggers_of_the_function_are_its_own(start):
    code = "device = StringIO.new; Logger.new(device).warn('text'); $stdout.puts device.string"
    function = run(start, code, AWS_LAMBDA_LOG_FORMAT="JSON")
    assert function.output().endswith(" WARN -- : text\n")


def documents(function):
    return [json.loads(frame.text) for frame in function.frames() if frame.kind == AS_JSON]


LEVELS = [(None, ["INFO", "WARN", "ERROR", "FATAL"]), ("TRACE", ["DEBUG", "INFO", "WARN", "ERROR", "FATAL"]), ("error", ["ERROR", "FATAL"])]


@pytest.mark.parametrize("level, expected", LEVELS)
def test_json_records(start, level, expected):
    more = {"AWS_LAMBDA_LOG_LEVEL": level} if level else {}
    code = "%i[debug info warn error fatal].each { |level| Logger.new($stdout).public_send(level, \"#{level} ünï\") }"
    found = documents(run(start, code, AWS_LAMBDA_LOG_FORMAT="JSON", **more))
    assert [(record["level"], record["message"]) for record in found] == [(each, f"{each.lower()} ünï") for each in expected]
    assert {tuple(record) for record in found} == {("timestamp", "level", "message", "requestId")}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["timestamp"]) for record in found)
    assert {record["requestId"] for record in found} == {ID}


def test_a_function_may_raise_the_level_and_not_lower_it(start):
    code = "[Logger::ERROR, Logger::DEBUG].each { |level| Logger.new($stdout, level: level).then { _1.info('i'); _1.error('e') } }"
    assert [record["message"] for record in documents(run(start, code, AWS_LAMBDA_LOG_FORMAT="JSON"))] == ["e", "i", "e"]


def test_objects_and_errors_in_json(start):
    code = "logger = Logger.new($stdout); logger.info({a: 1}); logger.info([1]); logger.error(KeyError.new('no'))"
    first, second, third = documents(run(start, code, AWS_LAMBDA_LOG_FORMAT="JSON"))
    assert (first["message"], second["message"]) == ({"a": 1}, "[1]")
    assert {name: third[name] for name in ("message", "errorType", "errorMessage", "stackTrace")} == {
        "message": "no", "errorType": "KeyError", "errorMessage": "no", "stackTrace": []}


def test_an_error_of_the_function_in_json(start):
    function = start(
        RUBY, "app.handler", {"app.rb": "def handler(event:, context:) = raise('no')\n"},
        environment={"AWS_LAMBDA_LOG_FORMAT": "JSON"})
    body = json.loads(function.invoke(None, Lambda_Runtime_Aws_Tenant_Id="tenant").body)
    [record] = documents(function)
    assert (record["level"], record["message"], record["tenantId"]) == ("ERROR", "Error raised from handler method", "tenant")
    assert {name: record[name] for name in body} == body


def test_without_frames_everything_is_lines(start):
    function = start(
        RUBY, "app.handler", {"app.rb": "def handler(event:, context:)\n  puts 'a'\n  Logger.new($stdout).info('b')\nend\n"},
        framed=False)
    function.invoke()
    assert re.fullmatch(r"a\nI, .* b\n", function.output())
