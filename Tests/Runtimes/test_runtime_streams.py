"""Answers that come piece by piece."""

import time

import pytest

pytestmark = pytest.mark.needs("streaming")


def stream(function, value=None):
    """(seconds, event) of each event of the answer."""
    answer = function.client.invoke_with_response_stream(
        FunctionName=function.name, Payload=b'{"do": "stream", "with": %s}' % (b'"fail"' if value else b"null"))
    return [(time.monotonic(), event) for event in answer["EventStream"]]


def text(events):
    return b"".join(event["PayloadChunk"]["Payload"] for _, event in events if "PayloadChunk" in event).decode()


@pytest.fixture
def streamer(deploy, runtime):
    return deploy(handler=runtime.streaming_handler)


def test_pieces_arrive_as_they_are_written(streamer):
    events = stream(streamer)
    assert text(events) == "one two"
    assert list(events[-1][1]) == ["InvokeComplete"]
    assert "ErrorCode" not in events[-1][1]["InvokeComplete"]
    assert events[-1][0] - events[0][0] > 0.3, "the first did not wait for the last"


def test_an_error_in_the_middle(streamer):
    events = stream(streamer, "fail")
    assert text(events).startswith("one ")
    assert events[-1][1]["InvokeComplete"]["ErrorCode"]


def test_a_stream_that_is_asked_for_at_once(streamer):
    assert streamer.invoke({"do": "stream", "with": None}).payload == b"one two"
