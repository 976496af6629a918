"""Between calls an environment gets no processor: nothing in it goes on, and nothing is lost."""

import concurrent.futures
import statistics
import threading
import time

import pytest

from support.functions import Functions
from support.host import PROC, descendants, is_frozen, kinds, read
from support.waiting import eventually, steady

FROZEN_AFTER = 2.0  # seconds; the delay is a tenth of one
IDLE = 1.0  # seconds that an environment is left alone for

# Counts a hundred times a second, in a thread and in a child process.
COUNTS = """
import json, mmap, os, struct, threading, time

shared = mmap.mmap(-1, 4096)
ticks = [0]

def count():
    while True:
        time.sleep(0.01)
        ticks[0] += 1

threading.Thread(target=count, daemon=True).start()
if os.fork() == 0:
    number = 0
    while True:
        time.sleep(0.01)
        number += 1
        shared[:8] = struct.pack("<Q", number)

def handler(event, context):
    began = {"thread": ticks[0], "child": struct.unpack("<Q", shared[:8])[0], "monotonic": time.monotonic(), "wall": time.time()}
    left = context.get_remaining_time_in_millis()
    time.sleep(event.get("seconds", 0))
    return {
        "began": began, "left": left, "pid": os.getpid(), "wall": time.time(), "monotonic": time.monotonic(),
        "thread": ticks[0], "child": struct.unpack("<Q", shared[:8])[0],
    }
"""


@pytest.fixture(scope="module")
def server(new_module_server):
    """No other function's environments, so that the one of the test is known from outside."""
    return new_module_server()


@pytest.fixture
def functions(server):
    made = Functions(server)
    yield made
    made.close()
    eventually(lambda: not kinds(server)["environment"], "the environments are gone")


@pytest.fixture
def counting(functions):
    function = functions.create(COUNTS, Timeout=10, MemorySize=256)
    function.invoke().ok()
    return function


def environment(server):
    [process] = eventually(lambda: kinds(server)["environment"], "the environment")
    return process


def frozen(server):
    """The environment, when it is frozen."""
    process = environment(server)
    eventually(lambda: is_frozen(process), "the environment is frozen", FROZEN_AFTER)
    return process


def processor_time(server):
    """Of everything in the environment, in nanoseconds, as the scheduler counts it."""
    tasks = [task for pid in descendants(environment(server).parent.pid) for task in PROC.glob(f"{pid}/task/*/schedstat")]
    return [int(read(task).split()[0]) for task in tasks]


def test_nothing_goes_on_between_calls(server, counting):
    for _ in range(2):
        before = counting.invoke({"seconds": 0.3}).ok()
        assert before["thread"] - before["began"]["thread"] >= 10, "it goes on during a call"
        assert before["child"] - before["began"]["child"] >= 10
        frozen(server)
        steady(lambda: processor_time(server), "nothing runs in it", seconds=IDLE, within=IDLE + 1)
        after = counting.invoke().ok()
        assert after["pid"] == before["pid"]
        idle = after["began"]["monotonic"] - before["monotonic"]
        assert idle >= IDLE
        for counter in ("thread", "child"):
            assert 0 <= after["began"][counter] - before[counter] <= 100 * (idle - IDLE) + 15, f"the {counter} counted while idle"


def test_clocks_after_a_thaw(server, counting):
    before = counting.invoke().ok()
    frozen(server)
    steady(lambda: 1, "time passes", seconds=IDLE)
    asked = time.time()
    after = counting.invoke().ok()
    assert abs(after["began"]["wall"] - asked) < 0.5
    passed = after["began"]["monotonic"] - before["monotonic"], after["began"]["wall"] - before["wall"]
    assert passed[0] >= IDLE and abs(passed[0] - passed[1]) < 0.2
    assert 9000 < after["left"] <= 10000, "the time that is left counts from the call"


def test_calls_back_to_back_are_not_frozen_between(server, functions):
    function = functions.create("def handler(event, context):\n    return 1\n", MemorySize=1769)
    client = server.client("lambda")
    function.invoke(client=client).ok()
    process = environment(server)
    seen, over = [], threading.Event()

    def look():
        while not over.wait(0.002):
            seen.append(is_frozen(process))

    times = []
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        for _ in range(200):
            began = time.monotonic()
            function.invoke(client=client, tail=False)
            times.append(time.monotonic() - began)
        over.set()
        looking.result()
    assert len(seen) > 20 and not any(seen)
    assert statistics.median(times) < 0.02


def test_a_thawed_call_is_quick(server, counting):
    times = []
    for _ in range(5):
        frozen(server)
        began = time.monotonic()
        counting.invoke(tail=False)
        times.append(time.monotonic() - began)
    assert statistics.median(times) < 0.05


def test_a_frozen_environment_is_deleted_at_once(server, counting):
    process = frozen(server)
    counting.delete()
    eventually(lambda: not process.running, "its process is gone", seconds=2)


@pytest.mark.parametrize("change", ["code", "configuration"])
def test_a_frozen_environment_gives_way_to_an_update(server, counting, change):
    process = frozen(server)
    began = time.monotonic()
    if change == "code":
        counting.update_code("def handler(event, context):\n    return 'new'\n")
        assert counting.invoke().ok() == "new"
    else:
        counting.configure(Environment={"Variables": {"NUM": "1"}})
        assert counting.invoke().ok()["pid"]
    assert time.monotonic() - began < 2
    eventually(lambda: not process.running, "the old environment is gone", seconds=2)


def test_the_server_stops_with_frozen_environments(new_server):
    server = new_server()
    function = Functions(server).create(COUNTS)
    function.invoke().ok()
    process = frozen(server)
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 5
    eventually(lambda: not process.running, "its process is gone", seconds=2)
