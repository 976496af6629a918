"""What goes in and what comes out."""

import pytest

VALUES = {
    "object": {"a": [1, 2.5, True, None], "b": {"c": ""}},
    "unicode": "ünïcödé \u2028 \U0001f426 \0 \\ \" /",
    "numbers": [0, -1, 2**53, 0.1, 1e100, -1.5e-7],
    "text": "plain",
    "nothing": None,
    "5 MB": "x" * 5_000_000,
}


def test_a_function_runs(row, functions, package):
    """What the host lacks is named here, once; the other tests leave it out."""
    if row.missing():
        pytest.skip(f"missing: {row.missing()}")
    function = functions.create(package(row, "function"), runtime=row.id, handler=row.handler, **row.settings)
    assert function.invoke({"do": "echo", "with": row.id}).ok() == row.id


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_an_event_comes_back_as_it_was(program, value):
    assert program.invoke({"do": "echo", "with": value}).ok() == value


def test_an_environment_serves_again(program):
    token, calls = program.invoke({"do": "remember", "with": None}).ok()
    assert program.invoke({"do": "remember", "with": None}).ok() == [token, calls + 1]


def test_calls_at_the_same_time_have_environments_of_their_own(program):
    replies = program.spread(2, {"do": "sleep", "with": 0.3}, tail=True)
    assert [reply.ok() for reply in replies] == [None, None]
    assert len({reply.request_id for reply in replies}) == 2
    assert all(f"START RequestId: {reply.request_id}" in reply.log for reply in replies)
