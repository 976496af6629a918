"""Load from generator.c."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

from .native import program

WARMUP = 0.3


def drive(host, port, request, clients, seconds):
    """A closed loop of one request: the generator's result."""
    with tempfile.TemporaryDirectory(prefix="apus-load-") as folder:
        file = pathlib.Path(folder) / "request"
        file.write_bytes(request)
        return _generate(host, port, clients, seconds, WARMUP, file)


def drive_function(server, name, clients, seconds):
    """APUS_BENCH_GENERATOR may name another generator: --url --function --sign --access-key --secret-key -c -d -w --json."""
    other = os.environ.get("APUS_BENCH_GENERATOR")
    if not other:
        return drive(server.host, server.port, server.invocation(name), clients, seconds)
    with tempfile.TemporaryDirectory(prefix="apus-load-") as folder:
        out = pathlib.Path(folder) / "result"
        subprocess.run(
            [other, "--url", f"http://{server.host}:{server.port}", "--function", name, "--sign", "--access-key", server.access,
             "--secret-key", server.secret, "-c", str(clients), "-d", str(seconds), "-w", str(WARMUP), "--json", str(out)],
            check=True, stdout=subprocess.DEVNULL)
        return _checked(json.loads(out.read_text()))


def burst(server, names):
    """One call of each name, all at once, each on a connection of its own: the result; `seconds` until the last answer."""
    with tempfile.TemporaryDirectory(prefix="apus-load-") as folder:
        files = []
        for number, name in enumerate(names):
            files.append(pathlib.Path(folder) / str(number))
            files[-1].write_bytes(server.invocation(name))
        return _generate(server.host, server.port, "burst", *files)


def _generate(*arguments):
    done = subprocess.run(
        [str(program("generator")), *map(str, arguments)], capture_output=True, text=True, check=True, timeout=120)
    return _checked(json.loads(done.stdout))


def _checked(result):
    errors = {name: result.get(name, 0) for name in ("http_errors", "function_errors", "io_errors")}
    if any(errors.values()) or not result["requests"]:
        sys.exit(f"the load met errors: {errors}, {result['requests']} requests")
    return result
