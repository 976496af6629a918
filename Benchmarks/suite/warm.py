"""Rows: warm calls, one client and sixteen."""

from . import load


def measure(server, name, label, seconds, figures):
    """One function, which has been called before."""
    result = load.drive_function(server, name, 1, seconds)
    figures.add(f"warm_{label}_p50_ms", result["p50_us"] / 1e3)
    figures.add(f"warm_{label}_p99_ms", result["p99_us"] / 1e3)
    before = server.cpu_seconds()
    result = load.drive_function(server, name, 16, seconds)
    # The warm-up's calls cost as much and are not counted.
    calls = result["requests"] * (1 + load.WARMUP / seconds)
    figures.add(f"throughput_{label}_rps", result["rps"])
    figures.add(f"server_cpu_{label}_us", (server.cpu_seconds() - before) * 1e6 / calls)
