"""CloudWatch Logs by boto3: what functions wrote, and the operations on groups."""

import re
import time

import pytest

from support.faults import refused
from support.server import ACCOUNT, REGION
from support.waiting import eventually

TALKS = """
print("while loading")

def handler(event, context):
    for line in event["lines"]:
        print(line)
"""


def read_all(logs, **selection):
    """Every message, by get_log_events from the head, until the token no longer moves."""
    messages, token, pages = [], None, 0
    while True:
        page = logs.get_log_events(startFromHead=True, **selection, **({"nextToken": token} if token else {}))
        messages += [event["message"] for event in page["events"]]
        pages += 1
        assert pages < 1000, "the forward token never stops"
        if page["nextForwardToken"] == token:
            return messages
        token = page["nextForwardToken"]


def filtered(logs, group, **selection):
    try:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, **selection)
        return [event for page in pages for event in page["events"]]
    except logs.exceptions.ResourceNotFoundException:
        return []


@pytest.fixture(scope="module")
def talker(module_functions, logs):
    """A function with three known invocations in its log."""
    function = module_functions.create(TALKS)
    function.ids = [
        function.invoke({"lines": lines}).request_id
        for lines in (["alpha 1", "beta 2"], ["ERROR gamma 3"], [f"bulk {n}" for n in range(50)])]
    eventually(
        lambda: any(function.ids[-1] in e["message"] and "REPORT" in e["message"] for e in filtered(logs, function.log_group)),
        "the last report line")
    return function


def stream_of(logs, talker):
    return logs.describe_log_streams(logGroupName=talker.log_group)["logStreams"][0]["logStreamName"]


def test_a_group_and_a_stream_per_function(logs, talker):
    groups = logs.describe_log_groups(logGroupNamePrefix=talker.log_group)["logGroups"]
    assert [group["logGroupName"] for group in groups] == [talker.log_group]
    assert groups[0]["arn"] == f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{talker.log_group}:*"
    assert abs(groups[0]["creationTime"] / 1000 - time.time()) < 300
    assert groups[0]["storedBytes"] >= 0
    streams = logs.describe_log_streams(logGroupName=talker.log_group)["logStreams"]
    assert len(streams) == 1
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", streams[0]["logStreamName"])
    assert streams[0]["firstEventTimestamp"] <= streams[0]["lastEventTimestamp"]


def test_order_and_content(logs, talker):
    messages = read_all(logs, logGroupName=talker.log_group, logStreamName=stream_of(logs, talker))
    text = [message.rstrip("\n") for message in messages]
    assert text[0].startswith("INIT_START Runtime Version: python:3.")
    assert text[1:3] == ["while loading", f"START RequestId: {talker.ids[0]} Version: $LATEST"]
    first, second, third = (text.index(f"START RequestId: {id} Version: $LATEST") for id in talker.ids)
    assert text[first + 1:first + 4] == ["alpha 1", "beta 2", f"END RequestId: {talker.ids[0]}"]
    assert text[first + 4].startswith(f"REPORT RequestId: {talker.ids[0]}\tDuration: ")
    assert first < second < third
    assert text[third + 1:third + 51] == [f"bulk {n}" for n in range(50)]


def test_get_log_events_in_pages(logs, talker):
    stream = stream_of(logs, talker)
    selection = {"logGroupName": talker.log_group, "logStreamName": stream}
    whole = read_all(logs, **selection)
    assert read_all(logs, limit=7, **selection) == whole
    newest = logs.get_log_events(limit=5, **selection)
    assert [event["message"] for event in newest["events"]] == whole[-5:]
    older = logs.get_log_events(limit=5, nextToken=newest["nextBackwardToken"], **selection)
    assert [event["message"] for event in older["events"]] == whole[-10:-5]
    again = logs.get_log_events(limit=5, nextToken=newest["nextForwardToken"], **selection)
    assert again["events"] == [] and again["nextForwardToken"] == newest["nextForwardToken"]
    event = newest["events"][0]
    assert abs(event["timestamp"] / 1000 - time.time()) < 300
    assert event["ingestionTime"] >= event["timestamp"] - 1000


def test_time_window(logs, talker):
    stream = stream_of(logs, talker)
    events = logs.get_log_events(logGroupName=talker.log_group, logStreamName=stream, startFromHead=True)["events"]
    middle = events[len(events) // 2]["timestamp"]
    later = logs.get_log_events(
        logGroupName=talker.log_group, logStreamName=stream, startTime=middle, startFromHead=True)["events"]
    assert later and all(event["timestamp"] >= middle for event in later)
    earlier = logs.get_log_events(
        logGroupName=talker.log_group, logStreamName=stream, endTime=middle, startFromHead=True)["events"]
    assert all(event["timestamp"] < middle for event in earlier)


@pytest.mark.parametrize(
    "pattern, expected",
    [
        ("alpha", ["alpha 1"]),
        ("ERROR", ["ERROR gamma 3"]),
        ('"gamma 3"', ["ERROR gamma 3"]),
        ("?alpha ?beta", ["alpha 1", "beta 2"]),
        ("bulk -1", None),
        ("nowhere", []),
        ("gamma ERROR", ["ERROR gamma 3"]),
    ])
def test_filter_patterns(logs, talker, pattern, expected):
    messages = [event["message"].rstrip("\n") for event in filtered(logs, talker.log_group, filterPattern=pattern)]
    if expected is None:
        assert messages == [f"bulk {n}" for n in range(50) if "1" not in str(n)] or messages == [
            f"bulk {n}" for n in range(50) if n != 1]
    else:
        assert messages == expected


def test_filter_over_streams_and_pages(logs, talker):
    stream = stream_of(logs, talker)
    whole = filtered(logs, talker.log_group)
    assert len({event["eventId"] for event in whole}) == len(whole)
    assert all(event["logStreamName"] == stream for event in whole)
    pages = list(logs.get_paginator("filter_log_events").paginate(
        logGroupName=talker.log_group, logStreamNames=[stream], PaginationConfig={"PageSize": 11}))
    assert max(len(page["events"]) for page in pages) <= 11
    assert [event["eventId"] for page in pages for event in page["events"]] == [event["eventId"] for event in whole]


def test_groups_by_hand(logs):
    name = "/tests/by-hand"
    created = logs.create_log_group(logGroupName=name, tags={"a": "b"})
    assert created["ResponseMetadata"]["HTTPStatusCode"] == 200
    with refused(400, "ResourceAlreadyExistsException", "The specified log group already exists"):
        logs.create_log_group(logGroupName=name)
    logs.put_retention_policy(logGroupName=name, retentionInDays=7)
    [group] = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert group["retentionInDays"] == 7
    with refused(400, ("InvalidParameterException", "ValidationException")):
        logs.put_retention_policy(logGroupName=name, retentionInDays=2)
    assert logs.describe_log_streams(logGroupName=name)["logStreams"] == []
    logs.delete_log_group(logGroupName=name)
    assert logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"] == []
    for call in (
        lambda: logs.delete_log_group(logGroupName=name),
        lambda: logs.describe_log_streams(logGroupName=name),
        lambda: logs.put_retention_policy(logGroupName=name, retentionInDays=7),
        lambda: logs.filter_log_events(logGroupName=name),
    ):
        with refused(400, "ResourceNotFoundException", "The specified log group does not exist."):
            call()


def test_a_missing_stream(logs, talker):
    with refused(400, "ResourceNotFoundException", "The specified log stream does not exist."):
        logs.get_log_events(logGroupName=talker.log_group, logStreamName="nobody")


def test_group_pages(logs):
    names = [f"/tests/pages/{number}" for number in range(5)]
    for name in names:
        logs.create_log_group(logGroupName=name)
    pages = list(logs.get_paginator("describe_log_groups").paginate(
        logGroupNamePrefix="/tests/pages/", PaginationConfig={"PageSize": 2}))
    assert [len(page["logGroups"]) for page in pages] == [2, 2, 1]
    assert [group["logGroupName"] for page in pages for group in page["logGroups"]] == names
    for name in names:
        logs.delete_log_group(logGroupName=name)


def test_bad_group_names(server):
    logs = server.client("logs", parameter_validation=False)
    for name in ("", "with space", "x" * 513):
        with refused(400, ("InvalidParameterException", "ValidationException")):
            logs.create_log_group(logGroupName=name)


def test_a_group_that_comes_back_is_empty_and_works(logs, functions):
    function = functions.create(TALKS)
    function.invoke({"lines": ["before"]})
    eventually(lambda: any("before" in e["message"] for e in filtered(logs, function.log_group)), "the first line")
    logs.delete_log_group(logGroupName=function.log_group)
    function.invoke({"lines": ["after"]})
    eventually(lambda: any("after" in e["message"] for e in filtered(logs, function.log_group)), "the line after the deletion")
    assert not any("before" in e["message"] for e in filtered(logs, function.log_group))


def test_a_group_of_ones_own(logs, functions):
    function = functions.create(TALKS, LoggingConfig={"LogGroup": "/tests/own-group", "LogFormat": "Text"})
    function.invoke({"lines": ["into my group"]})
    eventually(lambda: any("into my group" in e["message"] for e in filtered(logs, "/tests/own-group")), "the line")
    assert filtered(logs, function.log_group) == []
    logs.delete_log_group(logGroupName="/tests/own-group")


def test_long_lines_and_odd_bytes(logs, functions):
    function = functions.create("""
        import os

        def handler(event, context):
            print("L" * 100000)
            os.write(1, b"bytes \\xff\\xfe end\\n")
            print("no newline at the end", end="")
    """)
    reply = function.invoke()
    assert reply.error is None

    def complete():
        messages = [event["message"] for event in filtered(logs, function.log_group)]
        return messages if any("REPORT" in message for message in messages) else None

    messages = eventually(complete, "the report")
    assert sum(message.count("L") for message in messages if set(message.strip()) == {"L"}) == 100000
    assert any(message.startswith("bytes ") and message.rstrip().endswith(" end") for message in messages)
    assert any("no newline at the end" in message for message in messages)


def test_an_unknown_operation(logs):
    with pytest.raises(logs.exceptions.ClientError) as caught:
        logs.create_log_stream(logGroupName="/tests/x", logStreamName="y")
    error = caught.value.response["Error"]
    assert error["Code"] and ("CreateLogStream" in error["Message"] or error["Code"] == "ResourceNotFoundException")


def test_json_log_format(logs, functions):
    function = functions.create("""
        import logging

        def handler(event, context):
            logging.getLogger("shop").warning("careful %d", 7)
            logging.getLogger().info("too quiet")
    """, LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "WARN", "SystemLogLevel": "INFO"})
    import json
    reply = function.invoke()
    records = [json.loads(line) for line in reply.log.splitlines() if line.startswith("{")]
    application = [r for r in records if r.get("level")]
    assert [(r["level"], r["message"], r["requestId"]) for r in application] == [("WARNING", "careful 7", reply.request_id)] or [
        (r["level"], r["message"], r["requestId"]) for r in application] == [("WARN", "careful 7", reply.request_id)]
    kinds = [r["type"] for r in records if "type" in r]
    assert "platform.start" in kinds and "platform.report" in kinds
    report = next(r for r in records if r.get("type") == "platform.report")
    assert report["record"]["requestId"] == reply.request_id
    assert report["record"]["status"] == "success"
    assert report["record"]["metrics"]["durationMs"] > 0
