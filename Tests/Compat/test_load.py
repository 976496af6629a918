"""Many clients at once, and change under load."""

import concurrent.futures
import os
import threading
import time

import pytest

from support.host import kinds
from support.waiting import eventually

SOAK = os.environ.get("APUS_SOAK") == "1"


def test_200_concurrent_calls_of_a_100_ms_handler(server, functions):
    function = functions.create(
        "import time\ndef handler(event, context):\n    time.sleep(0.1)\n    return event['n']\n", MemorySize=256, Timeout=30)
    client = server.client("lambda", max_pool_connections=200)
    barrier = threading.Barrier(200)

    def call(n):
        barrier.wait()
        return function.invoke({"n": n}, client=client, tail=False).ok()

    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        assert list(pool.map(call, range(200))) == list(range(200))
    assert function.invoke({"n": -1}).ok() == -1


def test_no_call_fails_while_the_code_changes(server, functions):
    """50 calls a second while the code is replaced 20 times: each answer is from the code before or after."""
    seconds = 120 if SOAK else 20
    rate, updates = 50, 20

    def code(n):
        return f"def handler(event, context):\n    return {n}\n"

    function = functions.create(code(0), MemorySize=512, Timeout=20)
    client = server.client("lambda", max_pool_connections=40)
    begin = time.monotonic()
    started = [begin]  # when update n was sent
    settled = [begin]  # when the waiter saw it done
    failures, answers = [], []

    def call(due):
        sent = time.monotonic()
        try:
            value = function.invoke({}, client=client, tail=False).ok()
            answers.append((value, sent, time.monotonic()))
        except BaseException as error:
            failures.append(f"after {sent - begin:.2f} s: {error}")

    def change():
        for n in range(1, updates + 1):
            wait_until(begin + n * seconds / (updates + 1))
            started.append(time.monotonic())
            function.update_code(code(n))
            settled.append(time.monotonic())

    def wait_until(moment):
        left = moment - time.monotonic()
        if left > 0:
            pacing.wait(left)

    pacing = threading.Event()  # never set: a clock that can be waited on
    with concurrent.futures.ThreadPoolExecutor(41) as pool:
        changes = pool.submit(change)
        for number in range(int(seconds * rate)):
            wait_until(begin + number / rate)
            pool.submit(call, number)
        changes.result()
    assert failures == []
    assert len(answers) == seconds * rate
    assert len(started) == updates + 1
    for value, sent, received in answers:
        assert 0 <= value <= updates
        assert started[value] <= received, "an answer from code that was not there yet"
        if value < updates:
            # Code n is allowed until the update after it has settled before the call was sent.
            assert sent <= settled[value + 1], f"code {value} answered a call that was sent after its successor was active"
    assert {value for value, _, _ in answers} == set(range(updates + 1))


def test_no_call_fails_while_the_configuration_changes(server, functions):
    function = functions.create("import os\ndef handler(event, context):\n    return os.environ['NUM']\n",
                                Environment={"Variables": {"NUM": "0"}}, MemorySize=512, Timeout=20)
    client = server.client("lambda", max_pool_connections=8)
    stop = threading.Event()
    failures, answers = [], []

    def calls():
        while not stop.is_set():
            try:
                answers.append(int(function.invoke({}, client=client, tail=False).ok()))
            except BaseException as error:
                failures.append(str(error))

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(calls) for _ in range(4)]
        for number in range(1, 8):
            function.configure(Environment={"Variables": {"NUM": str(number)}})
            assert function.invoke().ok() == str(number), "an update that is done is what the next call sees"
        stop.set()
        concurrent.futures.wait(jobs)
    assert failures == []
    assert set(answers) <= set(range(8))


def test_environments_go_away(server, functions):
    """What a burst started does not stay for ever: the environments end with their function."""
    function = functions.create("import time\ndef handler(event, context):\n    time.sleep(0.3)\n", Timeout=20)
    function.invoke()
    before = len(kinds(server)["environment"])
    client = server.client("lambda", max_pool_connections=20)
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda _: function.invoke({}, client=client, tail=False).ok(), range(20)))
    assert len(kinds(server)["environment"]) > before
    client.delete_function(FunctionName=function.name)
    eventually(lambda: len(kinds(server)["environment"]) < before, "the environments of a deleted function are gone", seconds=30)


@pytest.mark.parametrize("clients", [16])
def test_many_functions_at_once(server, functions, clients):
    made = [functions.create(f"def handler(event, context):\n    return {n}\n", wait=False) for n in range(clients)]
    for function in made:
        function.wait_active()
    client = server.client("lambda", max_pool_connections=clients)
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        jobs = [pool.submit(function.invoke, {}, client=client, tail=False) for function in made for _ in range(4)]
        assert [job.result().ok() for job in jobs] == [n for n in range(clients) for _ in range(4)]
