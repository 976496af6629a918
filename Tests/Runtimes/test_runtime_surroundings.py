"""What a function finds around it: context, variables, files, layers, and how it came about."""

import base64
import json

import pytest

from support.functions import SNAPSHOT_TAG
from support.metrics import come_by, starts

TRACE = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1"
CLIENT = {"custom": {"key": "ünï"}, "env": {"locale": "de"}, "client": {"app_title": "suite"}}
# What is another's in each environment.
OWN = (
    "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API",
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "_X_AMZN_TRACE_ID",
)
# Begins as a variable does that every runtime reads while it boots, and means nothing.
DIRECT = {"LC_SUITE": "1"}


@pytest.mark.needs("context")
def test_the_context(program, runtime):
    encoded = base64.b64encode(json.dumps(CLIENT).encode()).decode()
    reply = program.invoke({"do": "context", "with": None}, ClientContext=encoded)
    context = reply.ok()
    remaining = context.pop("remainingTimeInMillis")
    stream = context.pop("logStreamName")
    timeout = program.client.get_function_configuration(FunctionName=program.name)["Timeout"] * 1000
    assert timeout - 1000 < remaining <= timeout
    assert "[$LATEST]" in stream
    context["memoryLimitInMB"] = int(context["memoryLimitInMB"])
    expected = {
        "requestId": reply.request_id, "functionName": program.name, "functionVersion": "$LATEST",
        "invokedFunctionArn": program.arn, "memoryLimitInMB": runtime.settings["MemorySize"],
        "logGroupName": program.log_group, "clientContext": CLIENT,
    }
    assert context == {name: value for name, value in expected.items() if name not in runtime.context_lacks}


@pytest.mark.needs("context")
def test_there_is_no_client_context_unless_it_is_given(program):
    assert program.invoke({"do": "context", "with": None}).ok().get("clientContext") is None


def test_the_variables(deploy, runtime):
    function = deploy(Environment={"Variables": {"MINE": "=ünï\n", "EMPTY": "", "TZ": "America/New_York"}})
    variables = function.invoke({"do": "variables", "with": None}).ok()
    assert {name: variables.get(name) for name in ("MINE", "EMPTY", "TZ")} == {
        "MINE": "=ünï\n", "EMPTY": "", "TZ": "America/New_York"}
    assert {name: variables.get(name) for name in (
        "_HANDLER", "AWS_REGION", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "LAMBDA_TASK_ROOT", "AWS_LAMBDA_INITIALIZATION_TYPE",
    )} == {
        "_HANDLER": runtime.handler, "AWS_REGION": "us-east-1", "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(runtime.settings["MemorySize"]),
        "LAMBDA_TASK_ROOT": "/var/task", "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    }
    own = {name for name in variables if name.startswith(("_LAMBDA_", "_APUS_"))}
    assert own == set(runtime.shows), "the platform's own"


def test_the_temporary_folder_stays(deploy):
    function = deploy()
    assert function.invoke({"do": "read", "with": None}).ok() is None
    function.invoke({"do": "write", "with": "kept"}).ok()
    assert function.invoke({"do": "read", "with": None}).ok() == "kept"


def test_the_trace_header(program, server):
    client = server.client("lambda")
    client.meta.events.register("before-call.lambda.Invoke", lambda params, **_: params["headers"].update(
        {"X-Amzn-Trace-Id": TRACE}))
    given = program.invoke({"do": "trace", "with": None}, client=client).ok()
    assert given.startswith("Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=")
    assert program.invoke({"do": "trace", "with": None}).ok() != given, "each call has its own"


@pytest.mark.needs("wrapper")
def test_a_wrapper_in_front_of_the_runtime(deploy):
    function = deploy(Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrapper"}})
    variables = function.invoke({"do": "variables", "with": None}).ok()
    assert variables["WRAPPED"].startswith("/"), "the command line of the runtime"
    assert function.invoke({"do": "echo", "with": 1}).ok() == 1


@pytest.mark.needs("wrapper")
def test_a_wrapper_that_is_not_there(deploy):
    function = deploy(Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/nothere"}})
    reply = function.invoke({"do": "echo", "with": 1})
    assert (reply.error, reply.json["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert reply.json["errorMessage"].endswith("Error: Runtime exited with error: exit status 127")


@pytest.mark.needs("layers")
def test_a_layer(deploy, package, runtime, server):
    client = server.client("lambda")
    name = f"suite-{runtime.label}".replace(".", "-")
    layer = client.publish_layer_version(LayerName=name, Content={"ZipFile": package(runtime, "layer")})
    function = deploy(Layers=[layer["LayerVersionArn"]])
    assert function.invoke({"do": "layer", "with": None}).ok() == "from the layer"
    client.delete_layer_version(LayerName=name, VersionNumber=layer["Version"])


@pytest.mark.needs("cells")
def test_a_function_cannot_tell_how_it_was_started(deploy, server):
    """From a cell, or from a program of its own: all that it can see of itself is the same."""
    waiting, direct = deploy(), deploy(Environment={"Variables": DIRECT})
    event = {"do": "state", "with": None}
    expected = seen(direct.invoke(event))
    assert starts(server, direct, "direct") == 1
    for reply in come_by(server, waiting, "cell", event):
        assert seen(reply) == expected


@pytest.mark.needs("templates")
def test_environments_from_a_snapshot_share_an_init(deploy, server):
    function = deploy(Tags=SNAPSHOT_TAG)
    event = {"do": "remember", "with": None}
    found = [reply.ok() for reply in come_by(server, function, "template", event)]
    assert len({token for token, _ in found}) == 1
    assert min(calls for _, calls in found) == 1


def seen(reply):
    state = reply.ok()
    for name in (*OWN, *DIRECT):
        state["variables"].pop(name, None)
    # An OpenSSL that is linked in keeps it open once it was used, which a cell has done.
    state["descriptors"] = [each for each in state.get("descriptors", []) if each != "/dev/urandom"]
    return state
