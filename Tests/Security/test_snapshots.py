"""A snapshot belongs to one version of one function of one account, and each environment of it is somebody of its own."""

import pytest

from support.functions import ROLE, SNAPSHOT_TAG, SNAPSTART_ARGUMENTS, SNAPSTART_PYTHON, Functions
from support.metrics import come_by, starts
from support.packages import pack
from support.server import ACCOUNT
from support.waiting import eventually

# The token tells one init from another.
TOKEN = """
import os, time
token = os.urandom(16).hex()

def handler(event, context):
    time.sleep(event.get("seconds", 0))
    return {
        "token": token, "stream": context.log_stream_name, "name": context.function_name, "version": context.function_version,
        "arn": context.invoked_function_arn, "variables": dict(os.environ),
        "credentials": [os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")],
    }
"""


def tokens(function, qualifier, count=2):
    """The tokens of so many new environments of a version."""
    return {reply.ok()["token"] for reply in function.spread(count, {"seconds": 0.4}, Qualifier=qualifier)}


def test_two_functions_of_the_same_code(functions, server):
    one, other = (functions.snapstart(TOKEN, Timeout=10) for _ in range(2))
    seen = [tokens(function, function.publish()) for function in (one, other)]
    assert [len(each) for each in seen] == [1, 1]
    assert seen[0] != seen[1]
    assert starts(server, one, "template") >= 2 and starts(server, other, "template") >= 2


def test_two_versions(functions):
    function = functions.snapstart(TOKEN, Timeout=10)
    first = function.publish()
    function.configure(Environment={"Variables": {"MINE": "second"}})
    second = function.publish()
    assert first != second
    one, other = tokens(function, first), tokens(function, second)
    assert len(one) == len(other) == 1 and one != other
    assert function.invoke(Qualifier=first).ok()["variables"].get("MINE") is None
    assert function.invoke(Qualifier=second).ok()["variables"]["MINE"] == "second"


def test_a_function_made_again_under_its_name(functions):
    """What is deleted is gone with its snapshot; a version 1 that comes later has one of its own."""
    function = functions.snapstart(TOKEN, name="made-again", Timeout=10)
    before = tokens(function, function.publish())
    function.delete()
    function = functions.snapstart(TOKEN, name="made-again", Timeout=10)
    assert tokens(function, function.publish()).isdisjoint(before)


def test_an_update_of_latest_drops_its_snapshot(functions, server):
    function = functions.create(TOKEN, Tags=SNAPSHOT_TAG, Timeout=10)

    come_by(server, function, "template", {"seconds": 0.3})
    before = {reply.ok()["token"] for reply in function.spread(6, {"seconds": 0.3})}
    function.update_code(TOKEN + "\n# changed\n")
    after = {reply.ok()["token"] for reply in function.spread(3, {"seconds": 0.3})}
    assert before.isdisjoint(after)


@pytest.fixture
def two_accounts(new_server):
    server = new_server(dev=True, arguments=SNAPSTART_ARGUMENTS)
    made = []
    for account in ("111111111111", "222222222222"):
        client = server.client("lambda", access=account, secret="x")
        client.create_function(
            FunctionName="same", Runtime=SNAPSTART_PYTHON, Role=ROLE.replace(ACCOUNT, account), Handler="app.handler",
            Code={"ZipFile": pack({"app.py": TOKEN})}, SnapStart={"ApplyOn": "PublishedVersions"}, Timeout=10)
        functions = Functions(server)
        functions._client, functions._url = client, server.url
        made.append((account, functions.adopt("same")))
    return made


def test_two_accounts(two_accounts):
    """The same name, the same code, the same version, another account."""
    seen = []
    for account, function in two_accounts:
        version = function.publish()
        values = [function.invoke(Qualifier=version).ok() for _ in range(2)]
        assert {value["arn"].split(":")[4] for value in values} == {account}
        seen.append({value["token"] for value in values})
    assert [len(each) for each in seen] == [1, 1] and seen[0] != seen[1]


def test_every_fork_is_somebody(functions, server):
    """Its own log stream, which takes its lines, and its own credentials, which are valid until it ends."""
    marking = TOKEN.replace("    return {", "    print('mark', context.log_stream_name)\n    return {")
    function = functions.snapstart(marking, Timeout=10)
    version = function.publish()
    values = [reply.ok() for reply in function.spread(4, {"seconds": 0.5}, Qualifier=version)]
    assert len({value["token"] for value in values}) == 1
    assert len({value["stream"] for value in values}) == len({tuple(value["credentials"]) for value in values}) == 4
    for value in values:
        assert value["variables"]["AWS_LAMBDA_LOG_STREAM_NAME"] == value["stream"]
        assert f"[{version}]" in value["stream"]
        access, secret, token = value["credentials"]
        identity = server.client("sts", access=access, secret=secret, token=token).get_caller_identity()
        assert identity["Account"] == ACCOUNT
    logs = server.client("logs")

    def written():
        for value in values:
            events = logs.get_log_events(logGroupName=function.log_group, logStreamName=value["stream"], startFromHead=True)["events"]
            marks = [event["message"].split()[1] for event in events if event["message"].startswith("mark ")]
            assert marks == [value["stream"]]
        return True

    eventually(written, "each one's line in its own stream")


def test_credentials_end_with_their_environment(functions, server):
    function = functions.snapstart(TOKEN, Timeout=10)
    version = function.publish()
    access, secret, token = function.invoke(Qualifier=version).ok()["credentials"]
    client = server.client("sts", access=access, secret=secret, token=token)
    client.get_caller_identity()
    function.delete()

    def refused():
        try:
            client.get_caller_identity()
        except client.exceptions.ClientError as error:
            return error.response["ResponseMetadata"]["HTTPStatusCode"] == 403

    eventually(refused, "the credentials are refused")
