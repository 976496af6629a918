"""What was accepted is still there after SIGTERM and after kill -9."""

import concurrent.futures
import http.client
import os
import signal

import pytest

from support.functions import PYTHON, ROLE, Functions
from support.host import processes
from support.packages import pack
from support.signing import signed
from support.waiting import eventually

COUNTS = """
def handler(event, context):
    print("ran", event["n"])
    return event["n"]
"""


@pytest.mark.parametrize("way", ["kill", "stop"])
def test_functions_survive(new_server, way):
    server = new_server()
    functions = Functions(server)
    function = functions.create(
        "import os\ndef handler(event, context):\n    return ['first', os.environ['AA']]\n", name="kept",
        Environment={"Variables": {"AA": "1"}}, Tags={"a": "b"}, Timeout=9, Description="kept")
    client = functions.server_client
    client.publish_version(FunctionName="kept")
    function.update_code("def handler(event, context):\n    return 'second'\n")
    before = client.get_function(FunctionName="kept")
    assert function.invoke().ok() == "second"

    server.kill() if way == "kill" else server.stop()
    server.start()

    client = functions.server_client
    assert [f["FunctionName"] for f in client.list_functions()["Functions"]] == ["kept"]
    after = client.get_function(FunctionName="kept")
    assert after["Configuration"] == before["Configuration"]
    assert after["Tags"] == {"a": "b"}
    assert function.invoke().ok() == "second"
    assert function.invoke(Qualifier="1").ok() == ["first", "1"]
    assert [v["Version"] for v in client.list_versions_by_function(FunctionName="kept")["Versions"]] == ["$LATEST", "1"]
    logs = server.client("logs")
    assert logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/kept")["logGroups"]


def test_the_administrator_key_stays(new_server):
    server = new_server()
    before = server.credentials
    server.restart()
    assert server.credentials == before
    server.client("lambda").list_functions()


def test_accepted_events_survive_kill_9(new_server):
    """Every event that was answered 202 runs at least once, whenever the server is killed."""
    server = new_server()
    functions = Functions(server)
    function = functions.create(COUNTS, name="events", Timeout=10)
    accepted = set()
    for round in range(3):
        client = functions.server_client
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            def send(n):
                if client.invoke(FunctionName="events", InvocationType="Event", Payload=b'{"n": %d}' % n)["StatusCode"] == 202:
                    accepted.add(n)
            list(pool.map(send, range(round * 40, round * 40 + 40)))
        server.kill()
        server.start()
    assert len(accepted) == 120
    logs = server.client("logs")

    def ran():
        # The group comes with the first of them.
        groups = logs.describe_log_groups(logGroupNamePrefix=function.log_group)["logGroups"]
        assert groups, "no event has run"
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=function.log_group, filterPattern="ran")
        seen = {int(event["message"].split()[1]) for page in pages for event in page["events"]}
        missing = accepted - seen
        assert not missing, f"{len(missing)} accepted events have not run: {sorted(missing)[:10]}"
        return True

    eventually(ran, "every accepted event in the log", seconds=60, every=0.3)


def test_kill_9_during_creation_leaves_a_working_server(new_server):
    """Functions that were answered 201 are there; no half-made one stands in the way."""
    server = new_server()
    functions = Functions(server)
    code = pack({"app.py": "def handler(event, context):\n    return 'fine'\n"})
    answered = []

    def create(number):
        try:
            client = server.client("lambda")
            client.create_function(
                FunctionName=f"f-{number}", Runtime=PYTHON, Role=ROLE, Handler="app.handler", Code={"ZipFile": code})
            answered.append(f"f-{number}")
        except Exception:  # the server went away: not answered, so nothing was promised
            pass

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(create, number) for number in range(24)]
        eventually(lambda: len(answered) >= 8, "some functions", every=0.002)
        server.kill()
        concurrent.futures.wait(jobs)
    server.start()
    client = functions.server_client
    listed = {f["FunctionName"] for f in client.list_functions()["Functions"]}
    assert set(answered) <= listed
    for name in sorted(listed):
        function = functions.adopt(name)
        assert function.invoke().ok() == "fine"


def test_nothing_runs_on_after_kill_9(new_server):
    server = new_server()
    functions = Functions(server)
    function = functions.create("def handler(event, context):\n    return 1\n")
    function.invoke().ok()
    left = processes(server)
    assert left, "the server has a launcher and an environment"
    server.kill()
    eventually(lambda: not [each for each in left if each.running], "launcher and environments are gone")
    server.start()
    assert function.invoke().ok() == 1


def test_sigterm_ends_cleanly(new_server):
    server = new_server()
    functions = Functions(server)
    functions.create("def handler(event, context):\n    return 1\n").invoke().ok()
    left = processes(server)
    assert server.stop() == 0
    eventually(lambda: not [each for each in left if each.running], "everything below it is gone")


def test_sigterm_lets_a_running_call_finish(new_server):
    server = new_server()
    functions = Functions(server)
    function = functions.create("import time\ndef handler(event, context):\n    time.sleep(1)\n    return 'done'\n", Timeout=10)
    function.invoke().ok()
    target, headers = signed(server, "POST", f"/2015-03-31/functions/{function.name}/invocations", b"{}")
    connection = http.client.HTTPConnection(*server.address, timeout=20)
    connection.request("POST", target, b"{}", headers)
    ours = connection.sock.getsockname()[1]
    eventually(lambda: has_read(server, ours), "the server has read the call", every=0.005)
    os.kill(server.pid, signal.SIGTERM)
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b'"done"')
    connection.close()
    assert server.stop() == 0


def has_read(server, port):
    """Whether the server took all bytes that the client at `port` sent."""
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    return any(
        row[1].endswith(f":{server.address[1]:04X}") and row[2].endswith(f":{port:04X}") and row[4].endswith(":00000000")
        for row in rows)
