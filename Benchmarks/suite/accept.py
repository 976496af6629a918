"""Row: events that are on disk when they are acknowledged, while they are being run."""

from . import functions, load
from .server import fresh_server


def measure(seconds, figures):
    # A server of its own: the events that are left over are nobody's.
    with fresh_server() as server:
        server.create("events", functions.hello_custom())
        server.wait("events")
        request = server.invocation("events", {"X-Amz-Invocation-Type": "Event"})
        result = load.drive(server.host, server.port, request, 16, seconds)
        figures.add("accept_rps", result["rps"])
        figures.add("accept_p50_ms", result["p50_us"] / 1e3)
