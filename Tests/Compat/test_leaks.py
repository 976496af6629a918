"""Functions of every kind come and go, and the host is as it was. APUS_SOAK=1 goes round more often, for the smaller leaks."""

import os

import pytest

from support.functions import SNAPSHOT_TAG, SNAPSTART_ARGUMENTS, Functions
from support.host import Footprint, kinds
from support.load import OS_ONLY
from support.waiting import eventually

SOAK = os.environ.get("APUS_SOAK") == "1"
ROUNDS = 12 if SOAK else 2
FUNCTIONS = 30

CODE = """
import os, subprocess, tempfile, time

def handler(event, context):
    with open("/tmp/left", "wb") as file:
        file.write(os.urandom(1 << 16))
    subprocess.Popen(["/bin/sleep", "1000"], start_new_session=True)
    time.sleep(event.get("seconds", 0))
    if event.get("exit"):
        os._exit(1)
    return "well"
"""

NODE = "exports.handler = async event => event.exit ? process.exit(1) : 'well';\n"


@pytest.fixture(scope="module")
def server(new_module_server):
    return new_module_server(arguments=SNAPSTART_ARGUMENTS)


def life(functions, number):
    """A function is made, called, broken, changed and called again."""
    kind = ["cell", "tag", "snapstart", "direct", "os-only", "node"][number % 6]
    qualifier = {}
    if kind == "node":
        function = functions.node(NODE, Timeout=10)
    elif kind == "os-only":
        function = functions.custom(OS_ONLY, Timeout=10)
    elif kind == "snapstart":
        function = functions.snapstart(CODE, Timeout=10)
        qualifier = {"Qualifier": function.publish()}
    else:
        settings = {"tag": {"Tags": SNAPSHOT_TAG}, "direct": {"Environment": {"Variables": {"PYTHONMINE": "1"}}}}
        function = functions.create(CODE, Timeout=10, **settings.get(kind, {}))
    assert all(reply.ok() == "well" for reply in function.spread(2, {"seconds": 0.1}, **qualifier))
    if kind != "os-only":
        assert function.invoke({"exit": True}, **qualifier).error == "Unhandled"
    function.configure(Description="changed", MemorySize=192)
    assert function.invoke(**qualifier).ok() == "well"


def round(server, functions):
    for number in range(FUNCTIONS):
        life(functions, number)
    functions.close()
    eventually(lambda: not kinds(server)["environment"] and not kinds(server)["template"], "environments and templates are gone")
    return Footprint.at_rest(server)


def test_nothing_is_left(server):
    functions = Functions(server)
    before = round(server, functions)
    memory = server.resident_bytes()
    assert before.slots and before.links and before.used, "the test sees them"
    for _ in range(ROUNDS - 1):
        round(server, functions).assert_no_more_than(before)
    assert server.resident_bytes() < memory + (64 << 20)
