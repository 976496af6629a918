"""A thousand idle environments at once; then their functions go, and nothing of them is left."""

import time

from . import functions, load, processes
from .server import fresh_server

FUNCTIONS, ENVIRONMENTS = 10, 100

# For the last process to be reaped and the last control group to be removed.
PATIENCE_SECONDS = 60


def run(say):
    """Returns what is wrong, in words."""
    foreign = processes.control_groups()
    with fresh_server() as server:
        # Once as busy as later, so that what is kept in stock for all functions is there before it is counted.
        with server.functions(["first"], functions.sleeping(2), memory=128):
            load.burst(server, ["first"] * ENVIRONMENTS)
        before = _settled(server, foreign)
        say(f"empty: {before}")
        names = [f"dense-{number}" for number in range(FUNCTIONS)]
        with server.functions(names, functions.sleeping(5), memory=128):
            for name in names:
                taken = load.burst(server, [name] * ENVIRONMENTS)["seconds"]
                say(f"{name}: {ENVIRONMENTS} environments, all answered after {taken:.1f} s, server {server.resident_mib():.0f} MiB")
            full = _use(server, foreign)
            below = processes.descendants(server.pid)
            say(f"full: {full}, {processes.pss_mib(below):,.0f} MiB PSS")
        failures = []
        if full["networks"] < FUNCTIONS * ENVIRONMENTS:
            failures.append(f"only {full['networks']} environments were alive at once")
        left = _gone(server, foreign, before)
        say(f"deleted: {left}")
        return failures + [f"{what}: {left[what]} are left, {before[what]} were there before" for what in left if left[what] > before[what]]


def _use(server, foreign):
    below = processes.descendants(server.pid)
    return {
        "processes": len(below), "networks": processes.network_count(below),
        "control groups": len(processes.control_groups() - foreign), "mounts": processes.mount_count(server.pid),
        "descriptors": processes.descriptor_count(server.pid)}


def _settled(server, foreign):
    """What is used once it has stopped changing for five seconds."""
    use, since = _use(server, foreign), time.monotonic()
    while time.monotonic() - since < 5:
        time.sleep(0.2)
        now = _use(server, foreign)
        if now != use:
            use, since = now, time.monotonic()
    return use


def _gone(server, foreign, before):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        use = _use(server, foreign)
        if all(use[what] <= before[what] for what in use) or time.monotonic() > deadline:
            return use
        time.sleep(0.5)
