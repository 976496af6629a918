"""Cells that wait for their function, and the hooks around a snapshot."""

import json

import pytest

from test_cells import MALFORMED

OWN = ("AWS_LAMBDA_RUNTIME_API",)


@pytest.mark.parametrize("handler, event, expected", [
    ("Forms$Text", "a", b'"a!"'), ("Forms::overloaded", "a", b'"two"'), ("Forms$Bytes", 1, b"[1]"),
])
def test_a_cell_becomes_a_function(boot_java, handler, event, expected):
    cell = boot_java().become(handler)
    assert cell.receive() == b"", "the channel is closed"
    for _ in range(2):
        assert cell.invoke(event).body == expected
    cell.close()
    assert (cell.output(), cell.errors(), cell.frames()) == ("", "", [])


@pytest.mark.parametrize("variables", [{}, {"TZ": "America/New_York", "HOME": "/tmp", "A": "=\n\u00e9", "EMPTY": ""}])
def test_variables_are_those_of_a_direct_launch(boot_java, start_java, variables):
    cell = boot_java(variables={"ONLY_AT_BOOT": "1"}).become("Surroundings", **variables)
    direct = start_java("Surroundings", environment=variables)
    found, expected = json.loads(cell.invoke({}).body), json.loads(direct.invoke({}).body)
    for state in (found, expected):
        state["context"].pop("remainingTimeInMillis")
        for name in OWN:
            state["variables"].pop(name)
    assert found == expected


def test_child_processes_are_those_of_a_direct_launch(boot_java, start_java, functions):
    cell = boot_java(variables={"ONLY_AT_BOOT": "1"}).become("Surroundings::child")
    found = sorted(json.loads(cell.invoke({}).body).splitlines())
    expected = sorted(json.loads(start_java("Surroundings::child").invoke({}).body).splitlines())
    assert str(functions) in found
    assert [line for line in found if not line.startswith(OWN)] == [line for line in expected if not line.startswith(OWN)]


def test_the_rehearsal_leaves_nothing(boot_java):
    cell = boot_java().become("Hooks")
    assert json.loads(cell.invoke({}).body) == []
    assert [path for path in cell.api.requests if "restore" in path] == []


@pytest.mark.parametrize("message, problem", MALFORMED, ids=lambda value: repr(value[:8]))
def test_malformed_messages_end_the_cell(boot_java, message, problem):
    cell = boot_java()
    cell.send(message)
    assert cell.exit_code() == 1
    cell.close()
    assert cell.errors().startswith(f"runtime cell: {problem}")
    assert cell.errors().count("\n") == 1
    assert cell.output() == ""


def test_a_closed_channel_ends_the_cell_quietly(boot_java):
    cell = boot_java()
    cell.hang_up()
    assert cell.exit_code() == 0
    cell.close()
    assert (cell.output(), cell.errors()) == ("", "")


SNAPSHOT = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}


def test_hooks_run_around_a_restore_in_place(start_java):
    function = start_java("Hooks", environment=SNAPSHOT)
    function.api.wait_for_restore()
    assert json.loads(function.invoke({}).body) == ["before b", "before a", "after a", "after b"]


@pytest.mark.parametrize("hook, path, kind", [
    ("before a", "/init/error", "Runtime.BeforeCheckpointError"), ("after a", "/restore/error", "Runtime.AfterRestoreError"),
])
def test_a_hook_that_fails(start_java, hook, path, kind):
    function = start_java("Hooks", environment={**SNAPSHOT, "FAILS": hook})
    post = function.api.result()
    assert post.path.endswith(path)
    assert post.headers["lambda-runtime-function-error-type"] == kind
    assert function.exit_code() == 64


def test_no_hook_runs_in_a_cell_as_it_cannot_be_a_template(boot_java):
    """The platform sees an event asked for instead of a restore, and starts the version without a snapshot."""
    cell = boot_java().become("Hooks", **SNAPSHOT)
    assert json.loads(cell.invoke({}).body) == []
    assert [path for path in cell.api.requests if "restore" in path] == []
