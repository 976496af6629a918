"""One server under load, and what is called on it."""

import contextlib
import time

import pytest

from support.functions import PYTHON, SNAPSHOT_TAG, SNAPSTART_ARGUMENTS, Functions
from support.load import OS_ONLY, PYTHON_CODE, Load
from support.metrics import come_by
from support.server import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("chaos"), arguments=SNAPSTART_ARGUMENTS).start()
    yield server
    if server.process is not None:
        server.stop()


@pytest.fixture(scope="module")
def targets(server):
    """A Python function, one that starts from a template, and an OS-only one."""
    functions = Functions(server)
    made = [
        functions.create(PYTHON_CODE, runtime=PYTHON, MemorySize=256, Timeout=10),
        functions.create(PYTHON_CODE, Tags=SNAPSHOT_TAG, MemorySize=256, Timeout=10),
        functions.custom(OS_ONLY, MemorySize=256, Timeout=10),
    ]
    for function in made:
        assert function.invoke().ok() == "well"

    come_by(server, made[1], "template", {"seconds": 0.2})
    yield made
    functions.close()


@pytest.fixture
def load(targets):
    @contextlib.contextmanager
    def make():
        with Load(targets) as load:
            load.well(since=time.monotonic())
            yield load

    return make
