"""Row: what an idle Python environment takes."""

import time

from . import functions, load, processes


def measure(server, figures, count=50):
    # Longer than so many take to start, so that each call has an environment of its own.
    with server.functions(["idle"], functions.sleeping(1.5)):
        before = _pss_at_rest(server)
        load.burst(server, ["idle"] * count)
        figures.add("idle_python_pss_mib", (_pss_at_rest(server) - before) / count)


def _pss_at_rest(server):
    """Of all that runs below the server, once nothing is being started or stopped any more."""
    known, deadline = None, time.monotonic() + 20
    while time.monotonic() < deadline:
        found = sorted(processes.descendants(server.pid))
        if found == known:
            break
        known = found
        time.sleep(0.5)
    return processes.pss_mib(known)
