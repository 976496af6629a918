"""A million warm calls, after which the server is as it was."""

from . import functions, load, processes
from .server import fresh_server

CALLS = 1_000_000
STEP_SECONDS = 5

# Calls until every buffer and cache has the size that it keeps.
SETTLING = 200_000

# What may come and go: buffers in use, a page of the store's cache.
ALLOWANCE_MIB = 6
ALLOWANCE_DESCRIPTORS = 4


def run(say):
    """Returns what is wrong, in words."""
    with fresh_server() as server:
        server.create("soak", functions.hello_custom())
        server.wait("soak")
        calls, first = 0, None
        while calls < CALLS:
            calls += load.drive_function(server, "soak", 16, STEP_SECONDS)["requests"]
            resident, descriptors = server.resident_mib(), processes.descriptor_count(server.pid)
            say(f"{calls:>9,} calls  {resident:6.1f} MiB  {descriptors} descriptors")
            if first is None and calls >= SETTLING:
                first = resident, descriptors
        failures = []
        if resident > first[0] + ALLOWANCE_MIB:
            failures.append(f"memory grew from {first[0]:.1f} to {resident:.1f} MiB")
        if descriptors > first[1] + ALLOWANCE_DESCRIPTORS:
            failures.append(f"descriptors grew from {first[1]} to {descriptors}")
        return failures
