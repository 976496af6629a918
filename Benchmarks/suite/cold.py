"""Rows: first calls of functions, one after another and many at once."""

import statistics
import time

from . import functions, load


def measure(server, function, label, count, memory, figures, pause=0.02):
    """First calls, on a connection that is open.

    Apart by `pause` seconds, as first calls are: what an environment leaves to be done after its answer is not the next one's time,
    and a runtime that boots for a second wants that time to wait for the next.
    """
    names = [f"cold-{label}-{number}" for number in range(count)]
    with server.functions(names, function, memory):
        connection = server.connect()
        server.call("GET", "/2016-08-19/account-settings", connection=connection)
        times = []
        for name in names:
            time.sleep(pause)
            began = time.monotonic()
            server.invoke(name, connection)
            times.append((time.monotonic() - began) * 1e3)
        connection.close()
    figures.add(f"cold_{label}_p50_ms", statistics.median(times))
    figures.add(f"cold_{label}_max_ms", max(times))


def measure_burst(server, figures, count=100):
    """So many new environments at once: of one function, then of as many functions."""
    with server.functions(["burst"], functions.sleeping(0.05)):
        _record("burst_one", load.burst(server, ["burst"] * count), figures)
    with server.functions([f"burst-{number}" for number in range(count)], functions.hello_python()) as names:
        _record("burst_many", load.burst(server, names), figures)


def _record(row, result, figures):
    figures.add(f"{row}_s", result["seconds"])
    figures.add(f"{row}_p50_ms", result["p50_us"] / 1e3)
