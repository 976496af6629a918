"""Functions that do as a test says, and the ways in which their environments come about."""

import textwrap
import time

from support.functions import SNAPSHOT_TAG

# Runs what the test sends. Whatever a function could contain, it can be told to do.
PROBE = """
import ctypes, errno, json, os, pathlib, signal, socket, struct, subprocess, sys, threading, time

libc = ctypes.CDLL(None, use_errno=True)

def syscall(number, *arguments):
    '''The errno of a raw system call, or 0 when it went through.'''
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    return ctypes.get_errno() if result == -1 else 0

def attempt(action, *arguments, **settings):
    '''"went through", or the name of the error.'''
    try:
        action(*arguments, **settings)
        return "went through"
    except OSError as error:
        return errno.errorcode.get(error.errno, type(error).__name__)
    except Exception as error:
        return type(error).__name__

def reach(host, port, seconds=1.5, kind=socket.SOCK_STREAM):
    '''Whether a TCP connection comes about.'''
    probe = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    probe.settimeout(seconds)
    try:
        probe.connect((host, port))
        # To an ephemeral port of its own address a socket may connect to itself; nobody listens there.
        return "ECONNREFUSED" if probe.getsockname() == probe.getpeername() else "connected"
    except OSError as error:
        return errno.errorcode.get(error.errno, "timeout")
    finally:
        probe.close()

def api():
    host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].rsplit(":", 1)
    return host, int(port)

def exchange(data, seconds=3):
    '''Sends raw bytes to the Runtime API and returns what comes back until it is quiet.'''
    answer = b""
    with socket.create_connection(api(), timeout=seconds) as connection:
        try:
            connection.sendall(data)
            while True:
                part = connection.recv(65536)
                if not part:
                    break
                answer += part
                connection.settimeout(0.3)
        except OSError:
            pass
    return answer.decode("latin-1")

def handler(event, context):
    scope = dict(globals(), event=event, context=context, result=None)
    exec(event["code"], scope)
    return scope["result"]
"""


class Actor:
    """A function that does as the test says."""

    def __init__(self, function):
        self.function = function
        self.name = function.name

    def invoke(self, code, **payload):
        return self.function.invoke({"code": textwrap.dedent(code), **payload})

    def run(self, code, **payload):
        """What `result` was in the end."""
        return self.invoke(code, **payload).ok()

    def everywhere(self, count, code, seconds=0.4, **payload):
        """The results of so many environments at the same time."""
        code = f"{textwrap.dedent(code)}\nresult = [os.environ['AWS_LAMBDA_LOG_STREAM_NAME'], result]\ntime.sleep({seconds})\n"
        replies = [reply.ok() for reply in self.function.spread(count, {"code": code, **payload})]
        assert len({stream for stream, _ in replies}) == count, "some calls shared an environment"
        return [result for _, result in replies]


class Watch:
    """Calls a function over and over and keeps the times."""

    def __init__(self, function):
        self.function = function
        self.times = []

    def call(self):
        began = time.monotonic()
        assert self.function.invoke({}, tail=False).ok() == "well"
        self.times.append(time.monotonic() - began)

    def during(self, job, at_least=5, pause=0.05):
        """Calls until `job`, a future, is done."""
        while not job.done() or len(self.times) < at_least:
            self.call()
            wait = getattr(job, "exception", None)
            if wait and not job.done():
                try:
                    job.exception(timeout=pause)
                except TimeoutError:
                    pass
        return max(self.times)


# How an environment comes about, and what a function has to set for it.
PATHS = {
    "cell": {},
    "zygote": {},
    "template": {"Tags": SNAPSHOT_TAG},
    "direct": {"Environment": {"Variables": {"PYTHONMINE": "1"}}},
}
