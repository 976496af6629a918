"""The main job by the `aws` program."""

import json
import pathlib
import subprocess
import sys
import urllib.request

import pytest

from support.functions import PYTHON, ROLE
from support.packages import dependencies, pack, pack_folder
from support.waiting import eventually


@pytest.fixture(scope="module")
def aws(server):
    """Runs `aws …` and returns its output as JSON, or the finished process when `check` is off."""
    program = pathlib.Path(sys.executable).parent / "aws"
    if not program.exists():
        pytest.skip("missing: the AWS CLI beside this Python (Tests/requirements.txt)")

    def run(*arguments, check=True, text=False):
        done = subprocess.run(
            [str(program), *map(str, arguments), "--output", "json"], capture_output=True, text=True, timeout=120,
            env=server.client_environment(), stdin=subprocess.DEVNULL)
        if not check:
            return done
        assert done.returncode == 0, f"aws {' '.join(map(str, arguments))}\n{done.stdout}\n{done.stderr}"
        return done.stdout if text else json.loads(done.stdout) if done.stdout.strip() else None

    return run


def test_the_main_job(aws, tmp_path, functions):
    (tmp_path / "code.zip").write_bytes(pack_folder(dependencies(), {
        "app.py": "import orjson, six\ndef handler(event, context):\n    print('got', event)\n"
                  "    return {'six': six.__version__, 'got': orjson.loads(orjson.dumps(event))}\n"}))
    name = "by-the-aws-cli"
    created = aws(
        "lambda", "create-function", "--function-name", name, "--runtime", PYTHON, "--role", ROLE, "--handler", "app.handler",
        "--zip-file", f"fileb://{tmp_path}/code.zip", "--timeout", 10, "--memory-size", 512, "--environment", "Variables={MODE=first}")
    functions.adopt(name, wait=False)
    assert created["State"] == "Pending"
    aws("lambda", "wait", "function-active-v2", "--function-name", name)
    got = aws("lambda", "get-function", "--function-name", name)
    assert got["Configuration"]["State"] == "Active"
    with urllib.request.urlopen(got["Code"]["Location"]) as answer:
        assert answer.read() == (tmp_path / "code.zip").read_bytes()

    answer = aws(
        "lambda", "invoke", "--function-name", name, "--payload", '{"name": "Ada"}', "--log-type", "Tail", tmp_path / "out.json")
    assert answer["StatusCode"] == 200 and "LogResult" in answer
    assert json.loads((tmp_path / "out.json").read_text()) == {"six": "1.17.0", "got": {"name": "Ada"}}

    (tmp_path / "newer.zip").write_bytes(pack({"app.py": "def handler(event, context):\n    raise ValueError('newer')\n"}))
    aws("lambda", "update-function-code", "--function-name", name, "--zip-file", f"fileb://{tmp_path}/newer.zip", "--publish")
    aws("lambda", "wait", "function-updated-v2", "--function-name", name)
    answer = aws("lambda", "invoke", "--function-name", name, tmp_path / "out.json")
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads((tmp_path / "out.json").read_text())["errorType"] == "ValueError"

    aws("lambda", "update-function-configuration", "--function-name", name, "--timeout", 20)
    aws("lambda", "wait", "function-updated-v2", "--function-name", name)
    versions = aws("lambda", "list-versions-by-function", "--function-name", name)["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST", "1"]
    assert name in [each["FunctionName"] for each in aws("lambda", "list-functions")["Functions"]]
    aws("lambda", "tag-resource", "--resource", created["FunctionArn"], "--tags", "a=b")
    assert aws("lambda", "list-tags", "--resource", created["FunctionArn"])["Tags"] == {"a": "b"}

    def messages():
        # `aws logs tail` is of version 2; this is what version 1 has.
        events = aws("logs", "filter-log-events", "--log-group-name", f"/aws/lambda/{name}")["events"]
        text = "".join(event["message"] for event in events)
        return text if "got {'name': 'Ada'}" in text and "REPORT RequestId" in text else None

    assert "START RequestId" in eventually(messages, "the function's lines in its log")

    aws("lambda", "delete-function", "--function-name", name)
    gone = aws("lambda", "get-function", "--function-name", name, check=False)
    assert gone.returncode in (254, 255)
    assert "An error occurred (ResourceNotFoundException) when calling the GetFunction operation: Function not found: " in gone.stderr


def test_event_and_dry_run(aws, tmp_path, functions):
    function = functions.create("def handler(event, context):\n    print('event', event)\n")
    out = tmp_path / "out"
    assert aws("lambda", "invoke", "--function-name", function.name, "--invocation-type", "Event", "--payload", "{}", out)[
        "StatusCode"] == 202
    assert aws("lambda", "invoke", "--function-name", function.name, "--invocation-type", "DryRun", out)["StatusCode"] == 204


def test_identity_and_account(aws):
    assert aws("sts", "get-caller-identity")["Account"] == "000000000000"
    assert aws("lambda", "get-account-settings")["AccountLimit"]["CodeSizeZipped"] == 52428800


def test_log_groups(aws):
    aws("logs", "create-log-group", "--log-group-name", "/tests/aws-cli")
    aws("logs", "put-retention-policy", "--log-group-name", "/tests/aws-cli", "--retention-in-days", 30)
    groups = aws("logs", "describe-log-groups", "--log-group-name-prefix", "/tests/aws-cli")["logGroups"]
    assert groups[0]["retentionInDays"] == 30
    aws("logs", "delete-log-group", "--log-group-name", "/tests/aws-cli")


def test_an_error_reaches_the_shell(aws):
    done = aws("lambda", "create-event-source-mapping", "--function-name", "x", "--event-source-arn",
               "arn:aws:sqs:us-east-1:000000000000:q", check=False)
    assert done.returncode != 0
    assert "CreateEventSourceMapping" in done.stderr


def test_layers(aws, tmp_path, functions):
    (tmp_path / "layer.zip").write_bytes(pack({"python/shared.py": "NAME = 'from the layer'\n"}))
    published = aws(
        "lambda", "publish-layer-version", "--layer-name", "cli", "--zip-file", f"fileb://{tmp_path}/layer.zip",
        "--compatible-runtimes", "python3.12", "python3.13")
    function = functions.create("import shared\ndef handler(event, context):\n    return shared.NAME\n", wait=True,
                                Layers=[published["LayerVersionArn"]])
    assert function.invoke().ok() == "from the layer"
    place = ("--layer-name", "cli", "--version-number", published["Version"])
    assert aws("lambda", "get-layer-version", *place)["Content"]["CodeSize"] == published["Content"]["CodeSize"]
    assert "cli" in [each["LayerName"] for each in aws("lambda", "list-layers", "--compatible-runtime", "python3.13")["Layers"]]
    added = aws(
        "lambda", "add-layer-version-permission", *place, "--statement-id", "s", "--principal", "*",
        "--action", "lambda:GetLayerVersion")
    assert aws("lambda", "get-layer-version-policy", *place)["RevisionId"] == added["RevisionId"]
    aws("lambda", "remove-layer-version-permission", *place, "--statement-id", "s")
    aws("lambda", "delete-layer-version", *place)
    assert aws("lambda", "list-layer-versions", "--layer-name", "cli")["LayerVersions"] == []
