"""Exceptions, as clients, the log and X-Ray get them."""

import json

import pytest

SOURCE = """\
using System;
using System.IO;
using System.Threading.Tasks;

public class Errors
{
    private static void Inner() => throw new InvalidOperationException("inner \\"ü\\"\\n");

    public Stream Caused(Stream input)
    {
        try { Inner(); }
        catch (Exception problem) { throw new ArgumentException("outer", problem); }
        return null;
    }

    public Stream Several(Stream input) => Task.WhenAll(Fail("one"), Fail("two")).ContinueWith<Stream>(all => throw all.Exception).GetAwaiter().GetResult();

    public Stream Long(Stream input) => throw new Exception(new string('x', 300000));

    public Stream Big(Stream input) => throw new Exception(new string('é', 30000));

    private static async Task Fail(string message) { await Task.Yield(); throw new Exception(message); }
}
"""


@pytest.fixture
def fail(compile_to, launch, start):
    compile_to(start.task / "Errors.dll", SOURCE)
    return lambda method: launch(f"Errors::Errors::{method}")


def test_a_cause(fail):
    post = fail("Caused").invoke()
    body = json.loads(post.body)
    assert list(body) == ["errorType", "errorMessage", "stackTrace", "cause"]
    assert (body["errorType"], body["errorMessage"]) == ("ArgumentException", "outer")
    assert body["stackTrace"] == ["at Errors.Caused(Stream input)"]
    assert body["cause"] == {
        "errorType": "InvalidOperationException", "errorMessage": 'inner "ü"\n',
        "stackTrace": ["at Errors.Inner()", "at Errors.Caused(Stream input)"],
    }


def test_x_ray_is_told(fail, start):
    post = fail("Caused").invoke()
    cause = json.loads(post.headers["lambda-runtime-function-xray-error-cause"])
    assert cause == {
        "working_directory": str(start.task), "paths": [],
        "exceptions": [{"type": "ArgumentException", "message": "outer", "stack": [{"label": "Errors.Caused"}]}],
    }


def test_several_causes(fail):
    body = json.loads(fail("Several").invoke().body)
    assert body["errorType"] == "AggregateException"
    assert [each["errorMessage"] for each in body["causes"]] == ["one", "two"]
    assert body["cause"]["errorMessage"] == "one"


def test_an_error_that_is_too_long(fail):
    post = fail("Long").invoke()
    assert json.loads(post.body) == {"errorMessage": "Exception exceeded maximum payload size of 256KB."}
    assert "lambda-runtime-function-xray-error-cause" not in post.headers


def test_a_cause_that_is_too_long_for_a_header_is_left_out(fail):
    post = fail("Big").invoke()
    assert json.loads(post.body)["errorMessage"] == "é" * 30000
    assert "lambda-runtime-function-xray-error-cause" not in post.headers
