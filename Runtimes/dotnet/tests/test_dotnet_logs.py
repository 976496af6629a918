"""The console, the loggers, and the two formats."""

import json
import re

import pytest

SOURCE = """\
using System;
using System.Collections.Generic;
using System.IO;
using Amazon.Lambda.Core;

public class Logs
{
    public Stream Log(Stream input, ILambdaContext context)
    {
        Console.Write("a"); Console.Write(1); Console.WriteLine("b\\nc");
        Console.WriteLine(2.5);
        Console.Error.WriteLine("{0} wrong", "all");
        context.Logger.LogDebug("hidden");
        LambdaLogger.Log("static");
        context.Logger.LogWarning("{count} of {{x}} {price:F2} {list} {@map} {missing}", 3, 1.5, new[] { 1, 2 }, new Dictionary<string, int> { ["k"] = 1 });
        try { throw new InvalidOperationException("no"); }
        catch (Exception problem) { context.Logger.LogError(problem, "caught {0}", "it"); }
        Console.Write("rest");
        return input;
    }
}
"""
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
ID = "00000000-0000-4000-8000-000000000001"
MESSAGES = ["a1b\nc", "2.5", "all wrong", "static", '3 of {x} 1.50 System.Int32[] {"k":1} {missing}', "caught it", "rest"]
LEVELS = ["Information", "Information", "Error", "Information", "Warning", "Error", "Information"]


@pytest.fixture
def log(compile_to, launch, start):
    compile_to(start.task / "Logs.dll", SOURCE)

    def log(**options):
        function = launch("Logs::Logs::Log", **options)
        assert function.invoke().path.endswith("/response")
        return function

    return log


def test_old_runtimes_log_lines_as_they_are(log):
    texts = log().texts()
    assert [text.partition("\nSystem.Invalid")[0].removesuffix("\n") for text in texts] == MESSAGES


def test_newer_runtimes_put_time_request_and_level_before_them(log):
    function = log(environment={"AWS_EXECUTION_ENV": "AWS_Lambda_dotnet8"})
    labels = {"Information": "info", "Warning": "warn", "Error": "fail"}
    for frame, message, level in zip(function.frames(), MESSAGES, LEVELS, strict=True):
        assert re.match(f"{STAMP}\t{ID}\t{labels[level]}\t{re.escape(message)}\n", frame.text), frame
        assert frame.kind & 0xFFFFFF03 == 0xA55A0003


def test_records_in_json(log):
    function = log(environment={"AWS_LAMBDA_LOG_FORMAT": "JSON"})
    frames = function.frames()
    records = [json.loads(frame.text) for frame in frames]
    assert [(record["message"], record["level"]) for record in records] == list(zip(MESSAGES, LEVELS))
    assert {frame.kind >> 2 & 7 for frame in frames} == {3, 4, 5}
    assert {frame.kind & 3 for frame in frames} == {2}
    assert list(records[0]) == ["timestamp", "level", "requestId", "traceId", "message"]
    assert {name: records[4][name] for name in ("count", "price", "list", "map")} == {
        "count": 3, "price": "1.50", "list": [1, 2], "map": {"k": 1}}
    assert (records[5]["errorType"], records[5]["errorMessage"], records[5]["0"]) == ("System.InvalidOperationException", "no", "it")
    assert records[5]["stackTrace"][0] == "System.InvalidOperationException: no"


@pytest.mark.parametrize("variables, expected", [
    ({"AWS_LAMBDA_LOG_LEVEL": "DEBUG"}, ["a1b\nc", "2.5", "all wrong", "hidden", *MESSAGES[3:]]),
    ({"AWS_LAMBDA_LOG_LEVEL": "WARN"}, [message for message, level in zip(MESSAGES, LEVELS) if level != "Information"]),
    ({"AWS_LAMBDA_LOG_LEVEL": "DEBUG", "AWS_LAMBDA_HANDLER_LOG_LEVEL": "Error"}, ["all wrong", "caught it"]),
    ({"AWS_LAMBDA_LOG_LEVEL": "FATAL"}, []),
])
def test_levels(log, variables, expected):
    function = log(environment={"AWS_LAMBDA_LOG_FORMAT": "JSON", **variables})
    assert [json.loads(text)["message"] for text in function.texts()] == expected


def test_without_a_log_channel_lines_go_to_standard_output(log):
    function = log(framed=False)
    assert function.output().startswith("a1b\nc\n2.5\nall wrong\nstatic\n")
    assert function.errors() == ""
