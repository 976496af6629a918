"""Runs each test for each runtime that has what the test needs."""

import pytest

from support.conformance import runtimes
from support.functions import Functions
from support.server import Server

RUNTIMES = runtimes()


def pytest_configure(config):
    config.addinivalue_line("markers", "needs(capability): only for runtimes that say they have it")


def pytest_generate_tests(metafunc):
    """`row` is each row; `runtime` each that the host has and that has what the test needs; `init_failure` each failure of these."""
    if "row" in metafunc.fixturenames:
        metafunc.parametrize("row", RUNTIMES, ids=[row.label for row in RUNTIMES])
    if "runtime" not in metafunc.fixturenames:
        return
    needed = {name for mark in metafunc.definition.iter_markers("needs") for name in mark.args}
    rows = [row for row in RUNTIMES if needed <= row.capabilities and not row.missing()]
    if "init_failure" in metafunc.fixturenames:
        cases = {f"{row.label}-{name}": (row, failure) for row in rows for name, failure in row.init_failures.items()}
        metafunc.parametrize("runtime, init_failure", cases.values(), ids=cases, scope="session")
    else:
        metafunc.parametrize("runtime", rows, ids=[row.label for row in rows], scope="session")


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """One server for all runtimes; ids that the host serves by other versions are mapped."""
    arguments = [argument for row in RUNTIMES for argument in row.arguments]
    server = Server(tmp_path_factory.mktemp("server"), arguments=arguments).start()
    yield server
    assert server.alive, "the server ended during the run:\n" + server.tail()
    server.stop()


@pytest.fixture(scope="session")
def package():
    """Packages by runtime and name, each built once."""
    built = {}

    def package(runtime, name):
        if (runtime.label, name) not in built:
            built[runtime.label, name] = runtime.package(name)
        return built[runtime.label, name]

    return package


@pytest.fixture(scope="session")
def program(server, runtime, package):
    """The function of the suite, for tests that change nothing about it."""
    functions = Functions(server)
    yield functions.create(package(runtime, "function"), runtime=runtime.id, handler=runtime.handler, **runtime.settings)
    functions.close()


@pytest.fixture
def deploy(functions, runtime, package):
    """The same with settings of the test's own: `deploy(Timeout=1)`, or another package of the runtime's."""

    def deploy(name="function", **settings):
        settings = {"handler": runtime.handler, **runtime.settings, **settings}
        return functions.create(package(runtime, name), runtime=runtime.id, **settings)

    return deploy
