"""Measures a runtime: `python3 Runtimes/tests/measure.py python3.11 [interpreter]`.

Prints the time from spawn to the first request for an invocation, beside an interpreter that does nothing; the same for a
cell, from its variables on, and for forks; what idle cells weigh; and the time and processor time of a warm round trip.
Process start dominates, so runs of different kinds alternate.
"""

import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from cell_process import Cell
from runtime_process import Launch, bundle, interpreter

STARTS = 100
CELLS = 20
FORKS = 200
CALLS = 20_000

SOURCES = {
    "python": ("app.py", "def handler(event, context):\n    return {'message': 'Hello'}\n"),
    "node": ("app.js", "exports.handler = async event => ({message: 'Hello'});\n"),
    "ruby": ("app.rb", "def handler(event:, context:) = {message: 'Hello'}\n"),
}
NOTHING = {
    "python": ["-I", "-S", "-c", "pass"],
    "node": ["-e", "0"],
    "ruby": ["-e", "0"],
}
# Start scripts whose forks execute another `init`.
ZYGOTES = {
    "python": (
        "import sys\nsys.path.insert(0, '{folder}')\nimport _apus.cell\n_apus.cell._INIT = '{init}'\n"
        "from _apus.main import main\nmain()\n"),
    "ruby": (
        "require '{folder}/_apus/main'\nrequire '{folder}/_apus/cell'\nApus::Cell.send(:remove_const, :INIT)\n"
        "Apus::Cell::INIT = '{init}'\nApus::Main.run\n"),
}
EVENT = b'{"key1": "value1", "key2": "value2", "key3": "value3"}'
REPLY = (
    b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 3f6e2b3c-0d7a-4d6f-9d5e-2f0a8f5e7b11\r\n"
    b"Lambda-Runtime-Deadline-Ms: 4102444800000\r\nContent-Type: application/json\r\n"
    b"Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:hello\r\n"
    b"Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(EVENT), EVENT)
)
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 16\r\n\r\n" + b'{"status":"OK"}\n'


class Platform:
    """The other side of the Runtime API, in this thread."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]

    def first_request(self):
        connection, _ = self._listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.recv(65536)
        return connection


def direct_starts(launch, platform, executable, family):
    starts, nothing = [], []
    variables = launch.variables("app.handler", platform.address)
    for _ in range(STARTS):
        began = time.perf_counter()
        process = subprocess.Popen(launch.arguments, env=variables, stdin=subprocess.DEVNULL)
        connection = platform.first_request()
        starts.append(time.perf_counter() - began)
        process.kill()
        process.wait()
        connection.close()
        began = time.perf_counter()
        subprocess.run([executable, *NOTHING[family]], check=True)
        nothing.append(time.perf_counter() - began)
    report("start to first request", starts, 1e3, "ms")
    report("interpreter that does nothing, start to end", nothing, 1e3, "ms")


def cell_starts(runtime, folder, executable, launch, platform):
    boots, starts = [], []
    message = variables_message(launch, platform)
    for _ in range(CELLS):
        began = time.perf_counter()
        cell = Cell.boot(runtime, folder, executable)
        wait_until_blocked(cell.pid)
        boots.append(time.perf_counter() - began)
        began = time.perf_counter()
        cell.send(message)
        connection = platform.first_request()
        starts.append(time.perf_counter() - began)
        connection.close()
        cell.close()
    report("cell: boot to waiting", boots, 1e3, "ms")
    report("cell: variables to first request", starts, 1e3, "ms")


def idle_cells(runtime, folder, executable, launch, platform):
    cells = [Cell.boot(runtime, folder, executable) for _ in range(CELLS)]
    for cell in cells:
        wait_until_blocked(cell.pid)
    report_memory("waiting cell", [cell.pid for cell in cells])
    for cell in cells:
        cell.send(variables_message(launch, platform))
    connections = [platform.first_request() for _ in cells]
    report_memory("idle environment, from a cell", [cell.pid for cell in cells])
    for connection in connections:
        connection.close()
    for cell in cells:
        cell.close()


def forks(runtime, family, folder, executable, launch, platform):
    """Forks of a zygote, whose first process is left waiting for the second in place of `init`."""
    init = os.path.join(folder, "init")
    # A process that holds next to nothing.
    subprocess.run(["cc", "-static", "-O2", "-o", init, "-x", "c", "-"], check=True, text=True, input=(
        "#include <stdlib.h>\n#include <sys/wait.h>\n"
        "int main(int n, char **a) { return waitpid(atoi(a[1]), 0, 0) < 0; }\n"))
    script = os.path.join(folder, "bootstrap")
    with open(script, "w") as file:
        file.write(ZYGOTES[family].format(folder=launch.variables("", "")["LAMBDA_RUNTIME_DIR"], init=init))
    zygote = Cell.boot(runtime, folder, executable, script)
    wait_until_blocked(zygote.pid)
    message = variables_message(launch, platform)
    waits, both, cells, connections = [], [], [], []
    for turn in range(FORKS):
        began = time.perf_counter()
        cell = zygote.fork()
        if turn % 2:
            wait_until_blocked(environment(zygote.pid, turn), 0)
            waits.append(time.perf_counter() - began)
            cell.send(message)
            connection = platform.first_request()
        else:
            cell.send(message)
            connection = platform.first_request()
            both.append(time.perf_counter() - began)
        cells.append(cell)
        connections.append(connection)
        if len(cells) == CELLS and turn < FORKS - 1:
            for connection in connections:
                connection.close()  # the environment ends
            cells, connections = [], []
    report("zygote: fork to waiting", waits, 1e3, "ms")
    report("zygote: fork and variables to first request", both, 1e3, "ms")
    report_memory("zygote", [zygote.pid])
    report_memory("idle environment, forked", environments(zygote.pid))
    zygote.close()


def variables_message(launch, platform):
    return b"S" + b"".join(
        f"{name}={value}".encode() + b"\0" for name, value in launch.variables("app.handler", platform.address).items())


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def environment(zygote, number):
    """The environment of a fork by its number, once it exists. The first processes stay known, as nobody reaps them."""
    while True:
        try:
            return children(children(zygote)[number])[0]
        except IndexError:
            pass


def environments(zygote):
    return [child for first in children(zygote) for child in children(first)]


def wait_until_blocked(pid, pause=0.0005):
    """Until the process is in `recvmsg` or `read` on its channel."""
    while True:
        with open(f"/proc/{pid}/syscall") as file:
            if re.match(r"(0|47|63|212) 0x4 ", file.read()):
                return
        time.sleep(pause)


def warm_calls(launch, platform):
    process = subprocess.Popen(
        launch.arguments, env=launch.variables("app.handler", platform.address), stdin=subprocess.DEVNULL)
    connection = platform.first_request()
    calls = []
    for turn in range(CALLS):
        if turn == CALLS // 10:
            before = processor_seconds(process)
        began = time.perf_counter()
        connection.sendall(REPLY if turn == 0 else ACCEPTED + REPLY)
        data = b""
        while not data.endswith(b"\r\n\r\n") or b"GET " not in data:
            data += connection.recv(65536)
        calls.append(time.perf_counter() - began)
    used = (processor_seconds(process) - before) / (CALLS * 9 // 10)
    report("event out to response and next request in", calls[CALLS // 10:], 1e6, "µs")
    print(f"processor time of the runtime per invocation: {used * 1e6:.1f} µs")
    process.kill()
    process.wait()


def processor_seconds(process):
    with open(f"/proc/{process.pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def report(what, samples, scale, unit):
    samples = sorted(samples)
    print(f"{what}: p50 {statistics.median(samples) * scale:.2f} {unit}, "
          f"min {samples[0] * scale:.2f}, p99 {samples[len(samples) * 99 // 100] * scale:.2f}", flush=True)


def report_memory(what, pids):
    totals = {"Rss": 0, "Pss": 0, "Private_Dirty": 0}
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            for name, kilobytes in re.findall(r"^(\w+): +(\d+) kB", file.read(), re.MULTILINE):
                if name in totals:
                    totals[name] += int(kilobytes)
    print(f"{what}, one of {len(pids)}: " + ", ".join(
        f"{name} {total / len(pids) / 1024:.2f} MiB" for name, total in totals.items()), flush=True)


def main(name, executable=None):
    description = bundle(name)
    executable = executable or interpreter(description)
    file, source = SOURCES[description["family"]]
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/{file}", "w") as code:
            code.write(source)
        platform = Platform()
        launch = Launch(name, folder, executable)
        direct_starts(launch, platform, executable, description["family"])
        cell_starts(name, folder, executable, launch, platform)
        idle_cells(name, folder, executable, launch, platform)
        if description["cell"] == "forked":
            forks(name, description["family"], folder, executable, launch, platform)
        warm_calls(launch, platform)


if __name__ == "__main__":
    main(*sys.argv[1:])
