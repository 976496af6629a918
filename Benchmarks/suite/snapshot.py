"""Row: a function whose init takes 250 ms, with a snapshot of it and without."""

import statistics
import time

from . import functions
from .server import fresh_server


def measure(figures, count=10):
    slow = functions.slow_to_start(0.25)
    names = [f"slow-{number}" for number in range(count)]
    with fresh_server(functions.snapstart_runtime()[1]) as server:
        with server.functions(["slow"], slow):
            figures.add("snapshot_without_ms", _first_answer(server, "slow"))
        with server.functions(names, slow, SnapStart={"ApplyOn": "PublishedVersions"}):
            versions = {name: server.publish(name) for name in names}
            for name, version in versions.items():
                server.wait(name, version)
            times = []
            for name, version in versions.items():
                times.append(_first_answer(server, f"{name}:{version}"))
                time.sleep(0.02)
    figures.add("snapshot_p50_ms", statistics.median(times))
    figures.add("snapshot_max_ms", max(times))


def _first_answer(server, name):
    connection = server.connect()
    connection.connect()
    began = time.monotonic()
    server.invoke(name.replace(":", "%3A"), connection)
    taken = (time.monotonic() - began) * 1e3
    connection.close()
    return taken
