"""Extensions: executables of layers that run beside the runtime, and threads inside it."""

import json

import pytest

from support.functions import SNAPSTART_ARGUMENTS, Functions
from support.host import is_frozen, kinds
from support.layers import Layers
from support.packages import pack
from support.waiting import eventually

# An external extension. What it is told goes to standard output.
AGENT = """#!/usr/bin/python3
import json, os, sys, time, urllib.request

BASE = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension"

def call(path, headers, body=None):
    request = urllib.request.Request(BASE + path, body, headers, method="POST" if body is not None else "GET")
    return urllib.request.urlopen(request)

def say(**words):
    print("AGENT " + json.dumps(words), flush=True)

time.sleep(float(os.environ.get("AGENT_SLEEP", "0")))
registration = call(
    "/register", {"Lambda-Extension-Name": os.path.basename(__file__), "Lambda-Extension-Accept-Feature": "accountId"},
    json.dumps({"events": ["INVOKE", "SHUTDOWN"]}).encode())
me = {"Lambda-Extension-Identifier": registration.headers["Lambda-Extension-Identifier"]}
open("/tmp/registered", "w").close()
say(registered=json.load(registration), variables=sorted(os.environ))
if "AGENT_FAILS" in os.environ:
    call("/init/error", {**me, "Lambda-Extension-Function-Error-Type": "Agent.NoKey"}, b"{}")
    sys.exit(5)
while True:
    event = json.load(call("/event/next", me))
    say(event=event, now=time.time() * 1000)
    if event["eventType"] == "SHUTDOWN":
        break
    if "AGENT_CRASHES" in os.environ and not os.path.exists("/tmp/crashed"):
        open("/tmp/crashed", "w").close()
        os._exit(3)
"""

# Does what the event says.
HANDLER = """
import os, signal, sys, time

after = os.path.exists("/tmp/registered")

def terminated(*arguments):
    print("runtime terminated", flush=True)
    os._exit(0)

signal.signal(signal.SIGTERM, terminated)

def handler(event, context):
    time.sleep(event.get("seconds", 0))
    return {"id": context.aws_request_id, "after": after, "pid": os.getpid()}
"""


def lines(server, function):
    """The function's log; nothing while it has none."""
    logs = server.client("logs")
    try:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=function.log_group)
        return [event["message"] for page in pages for event in page["events"]]
    except logs.exceptions.ResourceNotFoundException:
        return []


class Agent:
    """A function with a layer that has one extension, and what that has said."""

    def __init__(self, functions, layers, agent=AGENT, executable=("extensions/agent",), **settings):
        layer = layers.publish(pack({"extensions/agent": agent}, executable=executable))
        self.function = functions.create(HANDLER, Layers=[layer], **settings)

    def lines(self):
        return lines(self.function.functions.server, self.function)

    def said(self):
        return [json.loads(line.removeprefix("AGENT ")) for line in self.lines() if line.startswith("AGENT ")]

    def events(self):
        return [said for said in self.said() if "event" in said]

    def shutdown(self):
        """The reason of its last event, once that is SHUTDOWN."""
        last = eventually(
            lambda: self.events() and self.events()[-1]["event"]["eventType"] == "SHUTDOWN" and self.events()[-1],
            "SHUTDOWN")
        assert 0 < last["event"]["deadlineMs"] - last["now"] <= 2000
        return last["event"]["shutdownReason"]


@pytest.fixture
def layers(server):
    made = Layers(server)
    yield made
    made.close()


@pytest.fixture
def agent(functions, layers):
    return lambda **settings: Agent(functions, layers, **settings)


# External


def test_it_follows_the_life_of_its_environment(agent, server):
    made = agent(Environment={"Variables": {"AGENT_SLEEP": "0.2"}}, Timeout=7)
    first = made.function.invoke()
    assert first.ok()["after"], "the runtime started before the extension had registered"
    eventually(lambda: len(made.events()) == 1, "the first INVOKE")
    registration = made.said()[0]
    assert registration["registered"] == {
        "accountId": "000000000000", "functionName": made.function.name, "functionVersion": "$LATEST",
        "handler": "app.handler"}
    variables = registration["variables"]
    assert {"AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME", "AWS_ACCESS_KEY_ID", "AGENT_SLEEP"} < set(variables)
    assert not [name for name in variables if name.startswith(("_", "LAMBDA_", "AWS_XRAY", "AWS_LAMBDA_LOG_"))]
    assert "AWS_EXECUTION_ENV" not in variables

    told = made.events()[0]["event"]
    assert told["eventType"] == "INVOKE" and told["requestId"] == first.request_id
    assert told["invokedFunctionArn"] == made.function.arn
    assert set(told["tracing"]) == {"type", "value"} and told["tracing"]["type"] == "X-Amzn-Trace-Id"
    assert 0 < told["deadlineMs"] - made.events()[0]["now"] <= 7000

    # It does not run while the environment is frozen, and goes on with the next call.
    second = made.function.invoke()
    assert second.ok()["pid"] == first.json["pid"]
    eventually(lambda: len(made.events()) == 2, "the second INVOKE")
    assert made.events()[1]["event"]["requestId"] == second.request_id
    assert made.lines().count("EXTENSION\tName: agent\tState: Ready\tEvents: [INVOKE, SHUTDOWN]") == 1

    made.function.delete()
    assert made.shutdown() == "spindown"
    log = made.lines()
    assert log.index("runtime terminated") < next(i for i, line in enumerate(log) if '"eventType": "SHUTDOWN"' in line)


def test_a_frozen_one_hears_of_its_end(new_server):
    server = new_server(arguments=["--idle-timeout", "2s"])
    made = Agent(Functions(server), Layers(server))
    made.function.invoke().ok()
    eventually(
        lambda: any(is_frozen(process) for process in kinds(server)["environment"]), "the environment is frozen")
    assert made.shutdown() == "spindown"


def test_without_isolation(new_server):
    server = new_server(arguments=["--driver", "process"])
    made = Agent(Functions(server), Layers(server))
    made.function.invoke().ok()
    made.function.delete()
    assert made.shutdown() == "spindown"


def test_a_crash_ends_the_call(agent):
    made = agent(Environment={"Variables": {"AGENT_CRASHES": "1"}}, Timeout=20)
    reply = made.function.invoke({"seconds": 15})
    assert reply.error == "Unhandled"
    assert reply.json == {
        "errorType": "Extension.Crash", "errorMessage": f"RequestId: {reply.request_id} Error: exit status 3"}
    assert made.function.invoke().ok()
    line = f"RequestId: {reply.request_id} Error: exit status 3\nExtension.Crash"
    eventually(lambda: line in made.lines(), "the crash in the log")


def test_it_is_told_of_a_timeout(agent):
    made = agent(Timeout=1)
    assert made.function.invoke({"seconds": 10}).json["errorType"] == "Sandbox.Timedout"
    assert made.shutdown() == "timeout"
    assert made.function.invoke().ok()


def test_its_own_report_is_the_error(agent):
    made = agent(Environment={"Variables": {"AGENT_FAILS": "1"}})
    reply = made.function.invoke()
    assert reply.json == {
        "errorType": "Extension.InitError", "errorMessage": f"RequestId: {reply.request_id} Error: exit status 5"}
    line = "EXTENSION\tName: agent\tState: InitError\tEvents: [INVOKE, SHUTDOWN]\tError Type: Agent.NoKey"
    eventually(lambda: line in made.lines(), "its state in the log")


def test_a_file_that_is_no_program(agent):
    made = agent(executable=())
    reply = made.function.invoke()
    assert reply.error == "Unhandled"
    assert reply.json == {
        "errorType": "Extension.LaunchError",
        "errorMessage": f"RequestId: {reply.request_id} Error: fork/exec /opt/extensions/agent: permission denied"}
    line = "EXTENSION\tName: agent\tState: LaunchError\tEvents: []\tError Type: PermissionDenied"
    eventually(lambda: line in made.lines(), "its state in the log")


def test_eleven_are_too_many(functions, layers):
    names = [f"extensions/agent-{number:02}" for number in range(11)]
    layer = layers.publish(pack(dict.fromkeys(names, AGENT), executable=names))
    reply = functions.create(HANDLER, Layers=[layer]).invoke()
    assert reply.json["errorType"] == "Extension.LaunchError"


def test_snapstart_gives_way(new_server):
    """Several processes cannot be forked: each environment runs the init itself."""
    server = new_server(arguments=SNAPSTART_ARGUMENTS)
    functions, layers = Functions(server), Layers(server)
    layer = layers.publish(pack({"extensions/agent": AGENT}, executable=("extensions/agent",)))
    function = functions.snapstart(HANDLER, Layers=[layer])
    version = function.publish()
    assert function.invoke(Qualifier=version).ok()["after"]
    eventually(lambda: any("SnapStart:" in line for line in lines(server, function)), "the reason in the log")


# Internal

INTERNAL = """
import json, os, signal, threading, urllib.error, urllib.request

BASE = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension"
seen, refused = [], []

def register(name, events):
    body = json.dumps({"events": events}).encode()
    request = urllib.request.Request(BASE + "/register", body, {"Lambda-Extension-Name": name})
    try:
        return urllib.request.urlopen(request).headers["Lambda-Extension-Identifier"]
    except urllib.error.HTTPError as error:
        refused.append([error.code, json.load(error)["errorType"]])

def follow(me):
    while True:
        request = urllib.request.Request(BASE + "/event/next", headers={"Lambda-Extension-Identifier": me})
        seen.append(json.load(urllib.request.urlopen(request))["requestId"])

def terminated(*arguments):
    print("runtime terminated", flush=True)
    os._exit(0)

signal.signal(signal.SIGTERM, terminated)
register("part-0", ["SHUTDOWN"])
for number in range(11):
    me = register(f"part-{number}", ["INVOKE"])
    if me:
        threading.Thread(target=follow, args=[me], daemon=True).start()

def handler(event, context):
    if event.get("late"):
        register("late", [])
    return {"refused": refused, "seen": [seen.count(id) for id in event.get("ids", [])]}
"""


@pytest.mark.parametrize("variables", [{}, {"PYTHONHASHSEED": "1"}], ids=["cell", "direct"])
def test_threads_of_the_runtime_are_extensions_too(functions, variables):
    """A cell may be a fork, whose signals take another way; a variable of Python's own keeps the function from being one."""
    function = functions.create(INTERNAL, Environment={"Variables": variables})
    first = function.invoke()
    assert first.ok()["refused"] == [[403, "Extension.InvalidEventType"], [403, "Extension.TooManyExtensions"]]

    def again():
        # The environment is busy until all of them have asked for more; meanwhile another one may answer.
        reply = function.invoke({"ids": [first.request_id], "late": True})
        return reply if reply.ok()["seen"] == [10] else None

    second = eventually(again, "the environment of the first call")
    assert second.json["refused"][-1] == [403, "Extension.RegistrationClosed"]

    function.delete()
    eventually(lambda: "runtime terminated" in lines(functions.server, function), "SIGTERM")
