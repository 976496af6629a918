"""Starts a runtime bundle the way the platform does, from its data file, against the fake Runtime API."""

import collections
import glob
import json
import os
import pathlib
import signal
import struct
import subprocess
import threading

import fake_runtime_api

RUNTIMES = pathlib.Path(__file__).resolve().parent.parent

Frame = collections.namedtuple("Frame", "kind time text")


def bundle(name):
    """The description of a runtime by its id."""
    path = next(RUNTIMES.glob(f"*/{name}.json"))
    return {**json.loads(path.read_text()), "folder": str(path.parent)}


def interpreter(description):
    """The first interpreter that exists, or None; for tests, pyenv's count too."""
    runtime = description["id"]
    candidates = description["interpreters"] + glob.glob(
        os.path.expanduser(f"~/.pyenv/versions/{runtime.removeprefix('python')}.*/bin/{runtime}"))
    return next((path for path in candidates if os.path.exists(path)), None)


class Launch:
    """What the platform would start a runtime with: `arguments`, and `variables` for one function."""

    def __init__(self, runtime, task_root, executable=None, bundle_folder=None):
        self._description = bundle(runtime)
        self._task_root = str(task_root)
        self._folder = bundle_folder or self._description["folder"]
        self._places = {
            "{bundle}": self._folder,
            "{interpreter}": executable or interpreter(self._description),
            "/var/runtime": self._folder,
            "/var/task": self._task_root,
            "{memory}": "128",
        }
        entrypoints = [self._place(path) for path in self._description.get("entrypoints", ())]
        self._places["{entrypoint}"] = next((path for path in entrypoints if os.access(path, os.X_OK)), None)
        self.arguments = [self._place(argument) for argument in self._description["arguments"]]
        self.defaults = {
            **{name: self._place(value) for name, value in self._description["environment"].items()},
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "TZ": ":UTC",
            "LANG": "en_US.UTF-8",
        }

    def variables(self, handler, api_address, log=None):
        """For one function; `log` is the number of the descriptor for frames."""
        variables = {
            **self.defaults,
            "_HANDLER": handler,
            "LAMBDA_TASK_ROOT": self._task_root,
            "LAMBDA_RUNTIME_DIR": self._folder,
            "AWS_LAMBDA_RUNTIME_API": api_address,
            "AWS_LAMBDA_FUNCTION_NAME": "hello",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/hello",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef",
        }
        if self._description["executionEnvironment"]:
            variables["AWS_EXECUTION_ENV"] = self._description["executionEnvironment"]
        if log is not None:
            variables["_LAMBDA_TELEMETRY_LOG_FD"] = str(log)
        return variables

    def _place(self, text):
        for name, value in self._places.items():
            text = text.replace(name, value or "")
        return text


class Pipes:
    """What processes write: standard output and error, and the log channel."""

    def __init__(self, names):
        self.ends = {}
        self._texts = {}
        self._readers = []
        for name in names:
            read_end, self.ends[name] = os.pipe()
            reader = threading.Thread(target=self._drain, args=(name, read_end), daemon=True)
            reader.start()
            self._readers.append(reader)

    def started(self):
        """The processes have the write ends now: when they have ended, so has the reading."""
        for end in self.ends.values():
            os.close(end)

    def finish(self):
        for reader in self._readers:
            reader.join(fake_runtime_api.DEADLINE)

    def bytes(self, name):
        return self._texts[name]

    def frames(self):
        data, frames = self._texts["log"], []
        while data:
            kind, length, stamp = struct.unpack(">IIQ", data[:16])
            frames.append(Frame(kind, stamp, data[16:16 + length].decode()))
            data = data[16 + length:]
        return frames

    def _drain(self, name, descriptor):
        with os.fdopen(descriptor, "rb") as stream:
            self._texts[name] = stream.read()


class RuntimeProcess:
    """A function in a running runtime. Use as a context manager; `api` is the other side."""

    def __init__(self, runtime, task_root, handler, framed=True, environment=None, executable=None, bundle_folder=None):
        launch = Launch(runtime, task_root, executable, bundle_folder)
        self.api = fake_runtime_api.FakeRuntimeAPI()
        self._pipes = Pipes(("out", "err", "log") if framed else ("out", "err"))
        ends = self._pipes.ends
        variables = {**launch.variables(handler, self.api.address, ends.get("log")), **(environment or {})}
        self.process = subprocess.Popen(
            launch.arguments, cwd=task_root, env=variables, pass_fds=(ends["log"],) if framed else (),
            stdin=subprocess.DEVNULL, stdout=ends["out"], stderr=ends["err"], start_new_session=True,
        )
        self._pipes.started()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.finish()
        self.api.__exit__()

    def invoke(self, event=None, **headers):
        return self.api.invoke(event, **headers)

    def exit_code(self):
        """Waits until the process ends by itself."""
        code = self.process.wait(fake_runtime_api.DEADLINE)
        self._pipes.finish()
        return code

    def finish(self):
        if self.process.returncode is None:
            os.killpg(self.process.pid, signal.SIGKILL)  # its children too: they hold the pipes open
        self.exit_code()

    # What the process wrote; ends it first, so that nothing is on the way.

    def output(self):
        self.finish()
        return self._pipes.bytes("out").decode()

    def errors(self):
        self.finish()
        return self._pipes.bytes("err").decode()

    def frames(self):
        self.finish()
        return self._pipes.frames()

    def texts(self):
        return [frame.text for frame in self.frames()]
