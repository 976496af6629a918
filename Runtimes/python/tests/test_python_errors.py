"""Errors of an invocation: body, headers, log record, and that the process lives on."""

import json

import pytest

NO_BREAK = "\u00a0"

CODE = """\
import json


class Custom(Exception):
    pass


def deep(n):
    if n == 0:
        raise Custom("bottom é")
    deep(n - 1)


def handler(event, context):
    what = event["what"]
    if what == "raise":
        raise ValueError("bad value")
    if what == "deep":
        deep(9)
    if what == "library":
        json.loads("{")
    if what == "result":
        return {1, 2}
    if what == "circular":
        loop = []
        loop.append(loop)
        return loop
    if what == "surrogate":
        return "\\ud800"
    if what == "unprintable":
        class Bad(Exception):
            def __str__(self): raise RuntimeError("never")
        raise Bad
    if what == "exit":
        raise SystemExit(event["code"])
    return "fine"
"""


@pytest.fixture
def function(start):
    return start("python3.11", "app.handler", {"app.py": CODE})


def failure(post):
    assert post.path.endswith("/error")
    assert post.headers["content-type"] == "application/json"
    body = json.loads(post.body)
    assert post.headers["lambda-runtime-function-error-type"] == body["errorType"]
    return body


def test_exception_of_a_handler(function, tmp_path):
    post = function.invoke({"what": "raise"})
    file = tmp_path / "task/app.py"
    assert failure(post) == {
        "errorMessage": "bad value",
        "errorType": "ValueError",
        "requestId": "00000000-0000-4000-8000-000000000001",
        "stackTrace": [f'  File "{file}", line 17, in handler\n    raise ValueError("bad value")\n'],
    }
    cause = json.loads(post.headers["lambda-runtime-function-xray-error-cause"])
    assert cause == {
        "working_directory": str(tmp_path / "task"),
        "exceptions": [{
            "message": "bad value", "type": "ValueError",
            "stack": [{"label": "handler", "path": str(file), "line": 17}],
        }],
        "paths": [str(file)],
    }
    assert function.invoke({"what": "nothing"}).body == b'"fine"'
    [frame] = function.frames()
    assert frame.kind == 0xA55A0017
    assert frame.text == (
        "[ERROR] ValueError: bad value\nTraceback (most recent call last):\n"
        f'{NO_BREAK * 2}File "{file}", line 17, in handler\n{NO_BREAK * 4}raise ValueError("bad value")'
    )


def test_repeated_frames_are_summed_up(function):
    post = function.invoke({"what": "deep"})
    assert post.headers["lambda-runtime-function-xray-error-cause"].isascii()
    body = failure(post)
    assert body["errorType"] == "Custom" and body["errorMessage"] == "bottom é"
    assert [entry.split(", ")[-1].strip() for entry in body["stackTrace"]] == [
        "in handler\n    deep(9)", *["in deep\n    deep(n - 1)"] * 3, "[Previous line repeated 6 more times]",
        'in deep\n    raise Custom("bottom é")',
    ]


def test_frames_of_the_library_are_kept(function):
    body = failure(function.invoke({"what": "library"}))
    assert body["errorType"] == "JSONDecodeError"
    assert "/json/__init__.py" in body["stackTrace"][1]


@pytest.mark.parametrize("what, message", [
    ("result", "Unable to marshal response: Object of type set is not JSON serializable"),
    ("circular", "Unable to marshal response: Circular reference detected"),
])
def test_results_that_are_no_json(function, what, message):
    body = failure(function.invoke({"what": what}))
    assert (body["errorType"], body["errorMessage"], body["stackTrace"]) == ("Runtime.MarshalError", message, [])
    assert function.invoke({"what": "nothing"}).body == b'"fine"'


def test_results_that_are_no_utf8(start):
    function = start("python3.12", "app.handler", {"app.py": CODE})
    assert failure(function.invoke({"what": "surrogate"}))["errorType"] == "Runtime.MarshalError"


def test_events_that_are_no_json(function):
    body = failure(function.invoke(b"{'a': 1}"))
    assert body["errorType"] == "Runtime.UnmarshalError"
    assert body["errorMessage"].startswith("Unable to unmarshal input: Expecting property name enclosed in double")
    assert failure(function.invoke(b"\xff"))["errorType"] == "Runtime.UnmarshalError"


def test_context_headers_that_are_no_json(function):
    body = failure(function.invoke({}, Lambda_Runtime_Client_Context="{"))
    assert body["errorType"] == "Runtime.LambdaContextUnmarshalError"
    assert body["errorMessage"].startswith("Unable to parse Client Context JSON: ")


def test_wrong_signature_and_unprintable_errors(start):
    function = start("python3.11", "app.none", {"app.py": CODE + "\ndef none():\n    pass\n"})
    body = failure(function.invoke({}))
    assert body["errorType"] == "TypeError"
    assert body["errorMessage"] == "none() takes 0 positional arguments but 2 were given"
    assert body["stackTrace"] == []


def test_an_exception_without_a_readable_message(function):
    assert failure(function.invoke({"what": "unprintable"}))["errorType"] == "Bad"
    assert function.invoke({"what": "nothing"}).body == b'"fine"'


@pytest.mark.parametrize("code, expected", [(0, 0), (5, 5), (None, 0), ("text", 1)])
def test_exit_in_a_handler_ends_the_process_without_an_answer(function, code, expected):
    function.api.send({"what": "exit", "code": code})
    assert function.exit_code() == expected
    assert len(function.api.requests) == 1


def test_a_cause_too_long_for_a_header_is_left_out(start):
    code = "def handler(event, context):\n    raise ValueError('x' * 100_000)\n"
    post = start("python3.11", "app.handler", {"app.py": code}).invoke()
    assert "lambda-runtime-function-xray-error-cause" not in post.headers
    assert len(json.loads(post.body)["errorMessage"]) == 100_000
