"""Measures a runtime: `python3 Runtimes/tests/measure.py python3.11 [interpreter]`.

Prints the time from spawn to the first request for an invocation, beside an interpreter that does nothing, and the
time and processor time of a warm round trip. Process start dominates, so runs of both kinds alternate.
"""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from runtime_process import _place, bundle, interpreter

STARTS = 100
CALLS = 20_000

SOURCES = {
    "python": ("app.py", "def handler(event, context):\n    return {'message': 'Hello'}\n"),
    "node": ("app.js", "exports.handler = async event => ({message: 'Hello'});\n"),
}
NOTHING = {
    "python": ["-I", "-S", "-c", "pass"],
    "node": ["-e", "0"],
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


def start(listener, arguments, folder, variables):
    began = time.perf_counter()
    process = subprocess.Popen(arguments, cwd=folder, env=variables, stdin=subprocess.DEVNULL)
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.recv(65536)
    return process, connection, time.perf_counter() - began


def processor_seconds(process):
    with open(f"/proc/{process.pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(name, executable=None):
    description = bundle(name)
    executable = executable or interpreter(description)
    file, source = SOURCES[description["family"]]
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/{file}", "w") as code:
            code.write(source)
        listener = socket.create_server(("127.0.0.1", 0))
        places = {"{bundle}": description["folder"], "{interpreter}": executable,
                  "/var/runtime": description["folder"], "/var/task": folder}
        arguments = [_place(argument, places) for argument in description["arguments"]]
        variables = {
            **{key: _place(value, places) for key, value in description["environment"].items()},
            "_HANDLER": "app.handler", "LAMBDA_TASK_ROOT": folder, "LAMBDA_RUNTIME_DIR": description["folder"],
            "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:%d" % listener.getsockname()[1],
            "AWS_EXECUTION_ENV": description["executionEnvironment"], "LANG": "en_US.UTF-8",
        }
        starts, nothing = [], []
        for _ in range(STARTS):
            process, connection, took = start(listener, arguments, folder, variables)
            starts.append(took)
            process.kill()
            process.wait()
            connection.close()
            began = time.perf_counter()
            subprocess.run([executable, *NOTHING[description["family"]]], check=True)
            nothing.append(time.perf_counter() - began)
        report("start to first request", starts, 1e3, "ms")
        report("interpreter that does nothing, start to end", nothing, 1e3, "ms")

        process, connection, _ = start(listener, arguments, folder, variables)
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


def report(what, samples, scale, unit):
    samples = sorted(samples)
    print(f"{what}: p50 {statistics.median(samples) * scale:.2f} {unit}, "
          f"min {samples[0] * scale:.2f}, p99 {samples[len(samples) * 99 // 100] * scale:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
