"""Stands in for the launcher: boots cells, makes them environments of functions, and forks them, without namespaces."""

import array
import os
import signal
import socket
import subprocess

import fake_runtime_api
from runtime_process import Launch, Pipes

LOG, CHANNEL = 3, 4


class Cell:
    """A runtime process that waits, whether booted or forked; it may become an environment. Ended by `close`."""

    def __init__(self, launch, pipes, channel, pid=None):
        self._launch = launch
        self._pipes = pipes
        self._channel = channel
        self._forks = []
        self.pid = pid
        self.api = None

    @classmethod
    def boot(cls, runtime, task_root, executable=None, script=None, variables=None):
        """`script` replaces the last argument, the path of the start script; `variables` are for the boot only."""
        launch = Launch(runtime, task_root, executable)
        arguments = [*launch.arguments[:-1], script or launch.arguments[-1], "cell"]
        pipes = Pipes(("out", "err", "log"))
        ours, theirs = _channel()

        def place():
            log, channel = _above(pipes.ends["log"]), _above(theirs.fileno())
            os.dup2(log, LOG)
            os.dup2(channel, CHANNEL)
            for name in os.listdir("/proc/self/fd"):
                if int(name) > CHANNEL:
                    _close_on_exec(int(name))

        process = subprocess.Popen(
            arguments, cwd="/", env={**launch.defaults, **(variables or {})}, stdin=subprocess.DEVNULL, stdout=pipes.ends["out"],
            stderr=pipes.ends["err"], preexec_fn=place, close_fds=False, start_new_session=True)
        theirs.close()
        pipes.started()
        cell = cls(launch, pipes, ours, process.pid)
        cell._process = process
        return cell

    def become(self, handler, **variables):
        """Makes it an environment of the function, with a Runtime API of its own: `api`."""
        self.api = fake_runtime_api.FakeRuntimeAPI()
        self.send(b"S" + b"".join(
            f"{name}={value}".encode() + b"\0"
            for name, value in {**self._launch.variables(handler, self.api.address, LOG), **variables}.items()))
        return self

    def fork(self, *groups):
        """A cell forked from this one; `groups` are the descriptors of files that it is to write 0 to."""
        pipes = Pipes(("out", "log"))
        ours, theirs = _channel()
        self.send(b"F", theirs.fileno(), pipes.ends["out"], pipes.ends["log"], *groups)
        theirs.close()
        pipes.started()
        self._forks.append(Cell(self._launch, pipes, ours))
        return self._forks[-1]

    def send(self, message, *descriptors):
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        self._channel.sendmsg([message], rights)

    def invoke(self, event=None):
        return self.api.invoke(event)

    def hang_up(self):
        self._channel.close()

    def receive(self):
        """The next message from the other end; empty when that is closed."""
        self._channel.settimeout(fake_runtime_api.DEADLINE)
        return self._channel.recv(256)

    def exit_code(self):
        """Waits until the process, which was booted, ends by itself."""
        return self._process.wait(fake_runtime_api.DEADLINE)

    def close(self):
        """Ends it and all its forks."""
        if self._process.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait(fake_runtime_api.DEADLINE)
        self._finish()

    def _finish(self):
        for fork in self._forks:
            fork._finish()
        self._channel.close()
        self._pipes.finish()
        if self.api:
            self.api.__exit__()

    # What it wrote; the cell that was booted has to be closed, so that nothing is on the way.

    def output(self):
        return self._pipes.bytes("out").decode()

    def errors(self):
        return self._pipes.bytes("err").decode()

    def frames(self):
        return self._pipes.frames()


def _channel():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    return ours, theirs


def _above(descriptor):
    """A copy whose number none of the places has."""
    while descriptor <= CHANNEL:
        descriptor = os.dup(descriptor)
    return descriptor


def _close_on_exec(descriptor):
    try:
        os.set_inheritable(descriptor, False)
    except OSError:
        pass  # it was the list's own
