"""Servers and functions for every suite; what a server logged is shown with a failed test."""

import pytest

from support.functions import Functions
from support.server import Server


def finished(server):
    """Ends a server of a fixture; a test may have killed it already."""
    if server.process is not None:
        server.stop()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """One server with real authentication for the whole run."""
    server = Server(tmp_path_factory.mktemp("server")).start()
    yield server
    assert server.alive, "the server ended during the run:\n" + server.tail()
    finished(server)


@pytest.fixture(autouse=True)
def survival(request):
    """A test during which a shared server ended has failed; the next one finds the server up again, at the same address."""
    yield
    ended = []
    for server in Server.all:
        if server.process is not None and server.process.poll() is not None:
            ended.append(f"the server ended during this test:\n{server.tail()}")
            server.start(listen="%s:%d" % server.address)
    if ended:
        pytest.fail("\n".join(ended), pytrace=False)


@pytest.fixture
def new_server(tmp_path):
    """Makes servers of the test's own: `new_server(dev=True)`. They end in reverse order."""
    made = []

    def make(**settings):
        made.append(Server(tmp_path / f"server-{len(made)}", **settings))
        return made[-1].start()

    yield make
    for server in reversed(made):
        finished(server)


@pytest.fixture(scope="module")
def new_module_server(tmp_path_factory):
    """The same for a file: `new_module_server(arguments=[...])`."""
    made = []

    def make(**settings):
        made.append(Server(tmp_path_factory.mktemp("server"), **settings))
        return made[-1].start()

    yield make
    for server in reversed(made):
        finished(server)


@pytest.fixture(scope="session")
def dev_server(tmp_path_factory):
    """One `--dev` server for the whole run: any credentials, loopback only."""
    server = Server(tmp_path_factory.mktemp("dev-server"), dev=True).start()
    yield server
    finished(server)


@pytest.fixture(scope="session")
def client(server):
    """boto3 for Lambda, as the administrator."""
    return server.client("lambda")


@pytest.fixture(scope="session")
def logs(server):
    return server.client("logs")


@pytest.fixture
def functions(server):
    made = Functions(server)
    yield made
    made.close()


@pytest.fixture(scope="module")
def module_functions(server):
    """For functions that all tests of a file use and none changes."""
    made = Functions(server)
    yield made
    made.close()


# The server's log beside a failure.

@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    item.log_sizes = {server: server.log.stat().st_size if server.log.exists() else 0 for server in Server.all}
    yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for server in Server.all:
            tail = server.tail(since=item.log_sizes.get(server, 0))
            if tail:
                report.sections.append((f"server log of {server.folder.name}", tail))
