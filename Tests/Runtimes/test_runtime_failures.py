"""How functions fail, in every language alike or by the language's own shape."""

import pytest

from support.conformance import assert_payload


def token(function):
    return function.invoke({"do": "remember", "with": None}).ok()[0]


def test_an_error_of_the_handler_has_the_shape_of_the_language(program, runtime):
    before = token(program)
    assert_payload(program.invoke({"do": "fail", "with": None}), runtime.failure)
    assert token(program) == before, "an error is no reset"


def test_a_timeout(deploy, runtime):
    function = deploy(Timeout=runtime.timeout)
    before = token(function)
    function.invoke({"do": "write", "with": "kept"}).ok()
    reply = function.invoke({"do": "sleep", "with": 60})
    assert_payload(reply, {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {{id}} Error: Task timed out after {runtime.timeout}.00 seconds",
    })
    assert token(function) != before, "a timeout is a reset"
    assert function.invoke({"do": "read", "with": None}).ok() == "kept"


@pytest.mark.parametrize("status, reason", [(0, "without providing a reason"), (7, "with error: exit status 7")])
def test_a_process_that_ends(program, status, reason):
    before = token(program)
    reply = program.invoke({"do": "exit", "with": status})
    assert_payload(reply, {
        "errorType": "Runtime.ExitError", "errorMessage": f"RequestId: {{id}} Error: Runtime exited {reason}"})
    assert token(program) != before


def test_too_much_memory(program, runtime):
    assert_payload(program.invoke({"do": "grow", "with": None}), runtime.out_of_memory)
    token(program)


@pytest.mark.needs("adrift")
def test_an_error_beside_the_handler(program, runtime):
    reply = program.invoke({"do": "adrift", "with": None})
    if runtime.adrift:
        assert_payload(reply, runtime.adrift)
    else:
        assert reply.ok() is None
        assert "adrift" in reply.log
    token(program)


def test_a_function_that_cannot_be_loaded(deploy, runtime, init_failure):
    function = deploy(init_failure.package, handler=init_failure.handler)
    for _ in range(2):
        reply = function.invoke()
        assert_payload(reply, init_failure.payload)
    assert init_failure.payload["errorType"] in reply.log
