"""SnapStart while it runs: one init for many environments, its hooks, its log, and what happens without a snapshot."""

import collections
import re
import statistics
import textwrap
import time

import pytest

from support.functions import SNAPSHOT_TAG, SNAPSTART_ARGUMENTS, Functions
from support.host import is_frozen, kinds
from support.metrics import come_by, metric, starts
from support.waiting import eventually

HEAVY = """
import os, time
time.sleep(0.25)
inits, token = 1, os.urandom(8).hex()

def handler(event, context):
    time.sleep(event.get("seconds", 0))
    return {"token": token, "stream": context.log_stream_name, "type": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]}
"""


@pytest.fixture(scope="module")
def server(new_module_server):
    return new_module_server(arguments=SNAPSTART_ARGUMENTS)


@pytest.fixture
def functions(server):
    made = Functions(server)
    yield made
    made.close()


@pytest.fixture
def events(server):
    """The messages of a function's log, all streams together, once one that matches is among them."""
    logs = server.client("logs")

    def read(function, containing):
        def found():
            try:
                events = logs.filter_log_events(logGroupName=function.log_group)["events"]
            except logs.exceptions.ResourceNotFoundException:
                return None
            messages = [event["message"] for event in events]
            return messages if any(re.search(containing, message) for message in messages) else None

        return eventually(found, f"a line with {containing!r}")

    return read


def test_the_init_runs_once_for_twenty_environments(server, functions):
    function = functions.snapstart(HEAVY, Timeout=20, MemorySize=512)
    version = function.publish()
    values = [reply.ok() for reply in function.spread(20, {"seconds": 1}, Qualifier=version)]
    assert len({value["stream"] for value in values}) == 20
    assert len({value["token"] for value in values}) == 1
    assert {value["type"] for value in values} == {"snap-start"}
    assert starts(server, function, "template") == starts(server, function) == 20
    assert metric(server, "apus_lambda_restore_duration_seconds_count", function=function.name) == 20


def test_a_new_environment_answers_without_the_init(server, functions):
    """The init takes 250 ms; the first answers of environments come much sooner. A loose bound, for busy machines."""
    function = functions.snapstart(HEAVY, Timeout=20, MemorySize=1769)
    client = server.client("lambda")
    times = []
    for n in range(5):
        function.configure(Environment={"Variables": {"NUM": str(n)}})
        version = function.publish()
        began = time.monotonic()
        function.invoke(Qualifier=version, client=client).ok()
        times.append(time.monotonic() - began)
    assert starts(server, function, "template") == 5
    assert min(times) < 0.05 and statistics.median(times) < 0.25, times


def test_latest_by_tag(server, functions):
    function = functions.create(HEAVY, Tags=SNAPSHOT_TAG, Timeout=10)
    own = function.invoke().ok()["token"]
    replies = come_by(server, function, "template", {"seconds": 0.3})
    tokens = collections.Counter(reply.ok()["token"] for reply in replies + function.spread(6, {"seconds": 0.3}))
    assert set(tokens) == {own}, "every environment comes from one init, the first one too"


def test_latest_of_a_snapstart_function_runs_its_init(server, functions):
    function = functions.snapstart(HEAVY, Timeout=10)
    assert function.invoke().ok()["type"] == "on-demand"
    assert starts(server, function, "template") == 0


def test_what_the_log_says(functions, events):
    function = functions.snapstart(HEAVY, Timeout=10)
    version = function.publish()
    reply = function.invoke(Qualifier=version)
    reply.ok()
    report = next(line for line in reply.log.splitlines() if line.startswith("REPORT"))
    restored = re.search(r"\tRestore Duration: ([\d.]+) ms\tBilled Restore Duration: (\d+) ms", report)
    assert restored and 0 < float(restored[1]) < 1000 and "Init Duration" not in report
    lines = events(function, r"^RESTORE_REPORT")
    assert sum(line.startswith("RESTORE_START Runtime Version: ") for line in lines) == 1
    assert sum(bool(re.fullmatch(r"RESTORE_REPORT Restore Duration: [\d.]+ ms\n?", line)) for line in lines) == 1
    assert sum(line.startswith("INIT_START") for line in lines) == 1, "the init of the snapshot"
    again = function.invoke(Qualifier=version)
    again.ok()
    assert "Restore Duration" not in again.log


HOOKS = """
import os, time
from snapshot_restore_py import register_after_restore, register_before_snapshot

ran = []

@register_before_snapshot
def before():
    ran.append("before")

@register_after_restore
def after():
    ran.append("after " + os.environ["AWS_LAMBDA_LOG_STREAM_NAME"])

def handler(event, context):
    time.sleep(event.get("seconds", 0))
    return [ran, context.log_stream_name]
"""


def test_hooks(functions):
    """Before the snapshot once; after it in each environment, where the environment is there already."""
    function = functions.snapstart(HOOKS, Timeout=10)
    version = function.publish()
    for reply in function.spread(4, {"seconds": 0.4}, Qualifier=version):
        ran, stream = reply.ok()
        assert ran == ["before", f"after {stream}"]


def test_a_hook_before_the_snapshot_that_fails(functions, events):
    function = functions.snapstart(HOOKS + "\n@register_before_snapshot\ndef fails():\n    raise ValueError('not today')\n", Timeout=10)
    version = function.publish(wait=False)

    def failed():
        found = function.client.get_function_configuration(FunctionName=function.name, Qualifier=version)
        return found if found["State"] != "Pending" else None

    found = eventually(failed, "the version has settled")
    assert (found["State"], found["StateReasonCode"]) == ("Failed", "FunctionError")
    assert any("not today" in line for line in events(function, "not today"))
    with pytest.raises(function.client.exceptions.ClientError):
        function.invoke(Qualifier=version)


def test_a_hook_after_the_restore_that_fails(functions, events):
    function = functions.snapstart(HOOKS + "\n@register_after_restore\ndef fails():\n    raise ValueError('not today')\n", Timeout=10)
    version = function.publish()
    with pytest.raises(function.client.exceptions.ClientError) as caught:
        function.invoke(Qualifier=version)
    response = caught.value.response
    assert (response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]) == (400, "SnapStartException")
    lines = events(function, r"^RESTORE_REPORT.*Status: error")
    assert any("not today" in line for line in lines)
    assert any("Error Type: Runtime.AfterRestoreError" in line for line in lines)


def test_an_init_that_fails(functions):
    function = functions.snapstart("raise RuntimeError('never')\n")
    version = function.publish(wait=False)

    def state():
        return function.client.get_function_configuration(FunctionName=function.name, Qualifier=version)

    found = eventually(lambda: state() if state()["State"] != "Pending" else None, "the version has settled")
    assert (found["State"], found["StateReasonCode"]) == ("Failed", "FunctionError")


def test_threads_cannot_be_forked(server, functions, events):
    """The version is active all the same, its log says why, and each environment runs the init itself."""
    function = functions.snapstart(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n" + HEAVY, Timeout=10)
    version = function.publish()
    values = [reply.ok() for reply in function.spread(2, {"seconds": 0.6}, Qualifier=version)]
    assert len({value["token"] for value in values}) == 2
    assert starts(server, function, "template") == 0
    assert any("thread" in line for line in events(function, "SnapStart"))


def test_after_a_restart_of_the_server(new_server):
    server = new_server(arguments=SNAPSTART_ARGUMENTS)
    functions = Functions(server)
    function = functions.snapstart(HEAVY, Timeout=10)
    version = function.publish()
    before = function.invoke(Qualifier=version).ok()["token"]
    server.restart()
    assert function.invoke(Qualifier=version).ok()["token"] != before
    replies = come_by(server, function, "template", {"seconds": 0.3}, Qualifier=version)
    assert before not in {reply.ok()["token"] for reply in replies}
    assert kinds(server)["template"]


@pytest.mark.parametrize("end", ["os._exit(1)", "os.kill(os.getpid(), 9)", "time.sleep(60)"], ids=["exit", "signal", "timeout"])
def test_after_an_environment_broke(functions, end):
    """Whether it boots again or another takes its place, the next call is served."""
    function = functions.snapstart(HEAVY + textwrap.dedent(f"""
        inner = handler

        def handler(event, context):
            if event.get("end"):
                {end}
            return inner(event, context)
    """), Timeout=3)
    version = function.publish()
    function.invoke(Qualifier=version).ok()
    assert function.invoke({"end": True}, Qualifier=version).error == "Unhandled"
    for _ in range(2):
        assert function.invoke(Qualifier=version).ok()["type"] == "snap-start"


def test_a_template_is_not_idle_work(server, functions):
    """It is frozen but for the moments of a fork, so what an init left running costs nothing."""
    before = set(kinds(server)["template"])
    function = functions.snapstart("import os\nif os.fork() == 0:\n    while True:\n        pass\n" + HEAVY, Timeout=10)
    version = function.publish()
    function.invoke(Qualifier=version).ok()
    made = set(kinds(server)["template"]) - before
    assert made, "there is no template"
    eventually(lambda: all(is_frozen(each) for each in made), "the template is frozen", seconds=2)


def test_deleting_the_version_ends_the_template(server, functions):
    before = set(kinds(server)["template"])
    function = functions.snapstart(HEAVY, Timeout=10)
    version = function.publish()
    function.invoke(Qualifier=version).ok()
    made = set(kinds(server)["template"]) - before
    assert len(made) == 1
    function.client.delete_function(FunctionName=function.name, Qualifier=version)
    eventually(lambda: not any(each.running for each in made), "the template is gone")
