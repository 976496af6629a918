"""Parts of the platform die under load: callers are told in AWS's words, and two seconds later all is well."""

import os
import random
import signal
import time

import pytest

from support.functions import Functions
from support.host import Footprint, descendants, groups, kinds, launcher, links, named, processes
from support.load import HEALED, OS_ONLY, PYTHON_CODE, Load
from support.waiting import eventually

# What a call may be answered with whose environment was killed.
TOLD = {"Runtime.ExitError", "Runtime.Unknown", "500 ServiceException", "502 ServiceException", "503 ServiceException"}


def assert_told(load, killed):
    """Failures are of AWS's kinds, and none is of a call that was sent two seconds after."""
    assert [each for each in load.failures() if each.result not in TOLD] == []
    late = [each for each in load.failures() if each.sent > killed + HEALED]
    assert late == [], f"{len(late)} calls failed that were sent later than {HEALED} s after the kill"
    assert max(each.received - each.sent for each in load.outcomes) < 10, "a call hung"


def runtimes(kind):
    return lambda server: kinds(server)[kind]


def inits(server):
    return [each.parent for each in kinds(server)["environment"]]


VICTIMS = {
    "launcher": lambda server: [launcher(server)],
    "zygotes": runtimes("zygote"),
    "cells": runtimes("cell"),
    "templates": runtimes("template"),
    "environments": runtimes("environment"),
    "inits": inits,
}


@pytest.mark.parametrize("victims", VICTIMS)
def test_kill(server, load, victims):
    with load() as running:
        chosen = eventually(lambda: VICTIMS[victims](server), f"there are {victims}")
        for each in random.sample(chosen, min(4, len(chosen))):
            each.kill(signal.SIGKILL)
        killed = time.monotonic()
        running.well(since=killed + HEALED)
    assert_told(running, killed)
    eventually(lambda: launcher(server), "there is a launcher")
    if victims in ("zygotes", "templates"):
        eventually(lambda: kinds(server)[victims.removesuffix("s")], f"there are {victims} again")


def test_kill_again_and_again(server, load):
    """One after the other, at random, while the platform still heals from the one before."""
    order = random.Random(7)
    with load() as running:
        for _ in range(6):
            found = [each for kind in kinds(server).values() for each in kind]
            order.choice(found).kill(signal.SIGKILL)
            running.well(since=time.monotonic(), count=12)
        killed = time.monotonic()
        running.well(since=killed + HEALED)
    assert_told(running, killed)


def test_kills_leave_nothing(server):
    """The same again and again: what is killed is given back, down to the last descriptor."""
    functions = Functions(server)

    def round():
        made = [functions.create(PYTHON_CODE, Timeout=10), functions.custom(OS_ONLY, Timeout=10)]
        for _ in range(3):
            made[0].spread(6, {"seconds": 0.2})
            made[1].invoke().ok()
            for each in kinds(server)["environment"] + kinds(server)["cell"] + kinds(server)["zygote"]:
                each.kill(signal.SIGKILL)
            eventually(lambda: all(function.invoke().error is None for function in made), "it goes on")
        functions.close()
        return Footprint.at_rest(server)

    before = round()
    round().assert_no_more_than(before)


# The server itself

def everything(server):
    """What a dead server must not leave behind; from now on its groups and interfaces are known too."""
    assert groups(server) and links(server)
    return processes(server)


def assert_gone(server, left):
    eventually(lambda: not [each for each in left if each.running], "no process is left")
    eventually(lambda: not groups(server), "no control group is left")
    eventually(lambda: not links(server), "no interface is left")


def test_kill_the_server(new_server):
    server = new_server()
    functions = Functions(server)
    made = [functions.create(PYTHON_CODE, Timeout=10), functions.custom(OS_ONLY, Timeout=10)]
    for function in made:
        function.invoke().ok()
    made[0].spread(8, {"seconds": 0.3})
    before = everything(server)
    server.kill()
    assert_gone(server, before)
    server.start()
    for function in made:
        assert function.invoke().ok() == "well"


def test_kill_the_server_at_once_with_its_helpers(new_server):
    """Nobody is left to tidy up; the next start does."""
    server = new_server()
    functions = Functions(server)
    function = functions.create(PYTHON_CODE, Timeout=10)
    function.spread(4, {"seconds": 0.3})
    left = everything(server)
    for pid in [server.pid, *(each.pid for name in ("apus-keeper", "apus-launcher") for each in named(server, name))]:
        os.kill(pid, signal.SIGKILL)
    server.kill()
    server.start()
    eventually(lambda: not [each for each in left if each.running], "no process of before is left")
    assert function.invoke().ok() == "well"

    def owned():
        members = {int(pid) for folder in groups(server) for pid in (folder / "cgroup.procs").read_text().split()}
        return members <= set(descendants(server.pid))

    eventually(owned, "the groups hold no process of before")


def test_kill_the_keeper(new_server):
    """Without the one that restarts launchers the server cannot go on: it says so, and leaves nothing."""
    server = new_server()
    functions = Functions(server)
    functions.create(PYTHON_CODE, Timeout=10).invoke().ok()
    before = everything(server)
    [keeper] = named(server, "apus-keeper")
    keeper.kill(signal.SIGKILL)
    assert server.ended() != 0
    assert "error" in server.tail() or "critical" in server.tail()
    assert_gone(server, before)


def test_stop_under_load(new_server):
    """SIGTERM while calls run: each is answered or refused, none is cut off."""
    server = new_server()
    functions = Functions(server)
    function = functions.create(PYTHON_CODE, Timeout=10)
    function.spread(4, {"seconds": 0.1})
    before = everything(server)
    with Load([function], clients=4) as running:
        running.well(since=time.monotonic())
        assert server.stop() == 0
    answered = [each for each in running.outcomes if isinstance(each.result, str)]
    assert {each.result for each in answered} <= {"well", "500 ServiceException", "503 ServiceException"}
    assert_gone(server, before)
