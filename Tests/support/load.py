"""Clients that call all the time, and what they were answered."""

import collections
import threading
import time

import botocore.exceptions

from support.waiting import eventually

HEALED = 2.0  # seconds after which calls must succeed again

PYTHON_CODE = """
import time

def handler(event, context):
    time.sleep(event.get("seconds", 0))
    return "well"
"""

# A runtime client of one page, over sockets and in one process.
OS_ONLY = """#!/usr/bin/python3 -IS
import os, socket, time

def exchange(request):
    connection.sendall(request)
    data = b""
    while b"\\r\\n\\r\\n" not in data:
        data += connection.recv(65536)
    return data.partition(b"\\r\\n\\r\\n")[0].decode()

host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
connection = socket.create_connection((host, int(port)))
while True:
    head = exchange(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
    name = next(line.split(": ")[1] for line in head.split("\\r\\n") if line.lower().startswith("lambda-runtime-aws-request-id"))
    answer = f"POST /2018-06-01/runtime/invocation/{name}/response HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 6\\r\\n\\r\\n"
    exchange(answer.encode() + b'"well"')
"""

Outcome = collections.namedtuple("Outcome", "function sent received result")


class Load:
    """Clients that call all the time, and keep every outcome: `well`, an error type, a code, or an exception."""

    # Seconds: calls take some, so that most environments are busy when they are killed; and the test itself leaves processor time.
    DURATION, PAUSE = 0.03, 0.01

    def __init__(self, functions, clients=16):
        self.functions = functions
        self.outcomes = []
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._call, args=(functions[n % len(functions)],), daemon=True) for n in range(clients)]

    def _call(self, function):
        client = function.functions.server.client("lambda", read_timeout=20)
        while not self._stop.is_set():
            sent = time.monotonic()
            try:
                reply = function.invoke({"seconds": self.DURATION}, client=client, tail=False)
                result = reply.json["errorType"] if reply.error else reply.json
            except botocore.exceptions.ClientError as error:
                result = f'{error.response["ResponseMetadata"]["HTTPStatusCode"]} {error.response["Error"]["Code"]}'
            except Exception as error:
                result = error
            self.outcomes.append(Outcome(function.name, sent, time.monotonic(), result))
            self._stop.wait(self.PAUSE)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in self._threads), "a call hangs"

    def well(self, since, count=50):
        """Waits until so many calls that were sent after `since` went well, of every function."""
        wanted = {function.name for function in self.functions}

        def enough():
            good = collections.Counter(each.function for each in list(self.outcomes) if each.sent >= since and each.result == "well")
            return all(good[name] >= count // len(wanted) for name in wanted)

        eventually(enough, "calls go well", seconds=15)

    def failures(self):
        return [each for each in self.outcomes if each.result != "well"]
