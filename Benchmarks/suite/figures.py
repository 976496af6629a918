"""Figures by name, the table of them, and the limits that they are held to."""

import json
import statistics

from .paths import HERE

ROWS = [
    ("warm call, 1 client: Python", "warm_python_p50_ms", "warm_python_p99_ms", "ms p50 / p99"),
    ("warm call, 1 client: Node.js", "warm_node_p50_ms", "warm_node_p99_ms", "ms p50 / p99"),
    ("warm call, 1 client: Ruby", "warm_ruby_p50_ms", "warm_ruby_p99_ms", "ms p50 / p99"),
    ("warm call, 1 client: custom runtime", "warm_custom_p50_ms", "warm_custom_p99_ms", "ms p50 / p99"),
    ("warm call, 1 client: Python with 128 MB", "warm_python128_p50_ms", "warm_python128_p99_ms", "ms p50 / p99"),
    ("warm calls, 16 clients: Python", "throughput_python_rps", "server_cpu_python_us", "per second / us of the server's CPU a call"),
    ("warm calls, 16 clients: Node.js", "throughput_node_rps", "server_cpu_node_us", "per second / us"),
    ("warm calls, 16 clients: Ruby", "throughput_ruby_rps", "server_cpu_ruby_us", "per second / us"),
    ("warm calls, 16 clients: custom runtime", "throughput_custom_rps", "server_cpu_custom_us", "per second / us"),
    ("cold start: Python", "cold_python_p50_ms", "cold_python_max_ms", "ms p50 / max"),
    ("cold start: Node.js", "cold_node_p50_ms", "cold_node_max_ms", "ms p50 / max"),
    ("cold start: Ruby", "cold_ruby_p50_ms", "cold_ruby_max_ms", "ms p50 / max"),
    ("cold start, 2 s apart: Java", "cold_java_p50_ms", "cold_java_max_ms", "ms p50 / max"),
    ("cold start, 2 s apart: .NET", "cold_dotnet_p50_ms", "cold_dotnet_max_ms", "ms p50 / max"),
    ("cold start: custom runtime", "cold_custom_p50_ms", "cold_custom_max_ms", "ms p50 / max"),
    ("cold start: Python with 128 MB", "cold_python128_p50_ms", "cold_python128_max_ms", "ms p50 / max"),
    ("100 calls at once of a new function (50 ms)", "burst_one_s", "burst_one_p50_ms", "s for all / ms p50"),
    ("100 new functions called at once", "burst_many_s", "burst_many_p50_ms", "s for all / ms p50"),
    ("snapshot of a 250 ms init, first answer", "snapshot_p50_ms", "snapshot_max_ms", "ms p50 / max"),
    ("the same function without a snapshot", "snapshot_without_ms", None, "ms"),
    ("idle Python environment", "idle_python_pss_mib", None, "MiB PSS"),
    ("durable events accepted, 16 clients", "accept_rps", "accept_p50_ms", "per second / ms p50"),
    ("server ready", "ready_s", None, "s"),
    ("server RSS: idle / after the load", "rss_idle_mib", "rss_after_load_mib", "MiB"),
    ("yardstick: awslambdaric behind the smallest hub", "yardstick_hub_p50_ms", None, "ms p50"),
    ("yardstick: functions-framework, gunicorn -w 2", "yardstick_gunicorn_p50_ms", "yardstick_gunicorn_rps", "ms p50 / per second"),
    ("yardstick: bare HTTP server in Python", "yardstick_python_http_p50_ms", "yardstick_python_http_rps", "ms p50 / per second"),
    ("yardstick: nginx, constant answer", "yardstick_nginx_p50_ms", "yardstick_nginx_rps", "ms p50 / per second"),
    ("yardstick: python3 -I -S -c pass", "yardstick_python_start_ms", None, "ms"),
]


class Figures:
    """What was measured: a list of values for each name."""

    def __init__(self):
        self.rounds = {}

    def add(self, name, value):
        self.rounds.setdefault(name, []).append(value)

    def medians(self):
        return {name: round(statistics.median(values), 4) for name, values in self.rounds.items()}


def show(medians):
    def text(value):
        return "-" if value is None else f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.3f}"

    for label, first, second, unit in ROWS:
        if first in medians:
            values = text(medians[first]) + (f" / {text(medians.get(second))}" if second else "")
            print(f"{label:<50} {values:>18}  {unit}")


def missed(medians):
    """What misses thresholds.json: each entry has `max`, `min`, and perhaps `relativeTo`, the name of a yardstick."""
    failures = []
    for name, limits in json.loads((HERE / "thresholds.json").read_text()).items():
        if name.startswith("_"):
            continue
        value, unit = medians.get(name), 1
        if value is None:
            failures.append(f"{name}: not measured")
            continue
        if "relativeTo" in limits:
            unit = medians.get(limits["relativeTo"])
            if unit is None:
                continue  # the yardstick is not on this machine
        low, high = limits.get("min", float("-inf")) * unit, limits.get("max", float("inf")) * unit
        if not low <= value <= high:
            failures.append(f"{name}: {value}, to be " + (f"at most {high:.4g}" if "max" in limits else f"at least {low:.4g}"))
    return failures
