"""Hostile and innocent functions on one server that the hostile ones may hurt as much as they can."""

import os

import pytest

from support.actors import PATHS, PROBE, Actor, Watch
from support.functions import SNAPSTART_ARGUMENTS, Functions
from support.host import kinds
from support.metrics import come_by
from support.server import Server
from support.waiting import eventually


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A server whose own surroundings hold secrets to look for."""
    folder = tmp_path_factory.mktemp("security")
    server = Server(
        folder, arguments=SNAPSTART_ARGUMENTS, environment={"APUS_TEST_SERVER_SECRET": "secret-of-the-server-process"})
    server.start()
    yield server
    assert server.alive, "a function ended the server:\n" + server.tail()
    server.stop()


@pytest.fixture(scope="session")
def actors(server):
    """Makes actors; they share the session."""
    functions = Functions(server)

    def make(**settings):
        return Actor(functions.create(PROBE, **{"Timeout": 30, "MemorySize": 512, **settings}))

    yield make
    functions.close()


@pytest.fixture(scope="session")
def hostile(actors):
    return actors(MemorySize=1769)


@pytest.fixture(scope="session")
def innocent(actors):
    """Another function of the same account."""
    return actors(Environment={"Variables": {"SECRET": "secret-of-the-innocent"}})


@pytest.fixture(scope="session", params=PATHS)
def placed(request, actors, server):
    """An actor with environments that came about by one path."""
    actor = actors(**PATHS[request.param])
    actor.path = request.param
    if actor.path == "template":
        actor.run("result = 1")  # has it made
    if actor.path != "direct":
        eventually(lambda: kinds(server)[actor.path], f"a {actor.path} waits")
    # A zygote is forked when the cells are used up.
    least = len(kinds(server)["cell"]) + 6 if actor.path == "zygote" else 2
    come_by(server, actor.function, actor.path, {"code": "time.sleep(0.5)"}, least=least)
    return actor


@pytest.fixture
def victim(functions):
    """A function whose answer time is watched."""
    function = functions.create("def handler(event, context):\n    return 'well'\n", MemorySize=1769, Timeout=20)
    function.invoke().ok()
    return function


@pytest.fixture
def functions(server):
    made = Functions(server)
    yield made
    made.close()


@pytest.fixture
def watch(victim):
    return Watch(victim)


@pytest.fixture(scope="session")
def root():
    if os.geteuid() != 0:
        pytest.skip("missing: root")
