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


class RuntimeProcess:
    """A function in a running runtime. Use as a context manager; `api` is the other side."""

    def __init__(self, runtime, task_root, handler, framed=True, environment=None, executable=None, bundle_folder=None):
        description = bundle(runtime)
        folder = bundle_folder or description["folder"]
        places = {
            "{bundle}": folder,
            "{interpreter}": executable or interpreter(description),
            "/var/runtime": folder,
            "/var/task": str(task_root),
        }
        entrypoints = [_place(path, places) for path in description.get("entrypoints", ())]
        places["{entrypoint}"] = next((path for path in entrypoints if os.access(path, os.X_OK)), None)
        self.api = fake_runtime_api.FakeRuntimeAPI()
        variables = {name: _place(value, places) for name, value in description["environment"].items()}
        variables.update({
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "TZ": ":UTC",
            "LANG": "en_US.UTF-8",
            "_HANDLER": handler,
            "LAMBDA_TASK_ROOT": str(task_root),
            "LAMBDA_RUNTIME_DIR": folder,
            "AWS_LAMBDA_RUNTIME_API": self.api.address,
            "AWS_LAMBDA_FUNCTION_NAME": "hello",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/hello",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef",
        })
        if description["executionEnvironment"]:
            variables["AWS_EXECUTION_ENV"] = description["executionEnvironment"]
        self._log = None
        descriptors = ()
        if framed:
            self._log, write_end = os.pipe()
            descriptors = (write_end,)
            variables["_LAMBDA_TELEMETRY_LOG_FD"] = str(write_end)
        variables.update(environment or {})
        arguments = [_place(argument, places) for argument in description["arguments"]]
        self.process = subprocess.Popen(
            arguments, cwd=task_root, env=variables, pass_fds=descriptors, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )
        for descriptor in descriptors:
            os.close(descriptor)
        self._outputs = {}
        self._readers = [
            threading.Thread(target=self._drain, args=(name, stream), daemon=True)
            for name, stream in (("out", self.process.stdout), ("err", self.process.stderr))
        ]
        if framed:
            self._readers.append(threading.Thread(
                target=self._drain, args=("log", os.fdopen(self._log, "rb")), daemon=True))
        for reader in self._readers:
            reader.start()

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
        for reader in self._readers:
            reader.join(fake_runtime_api.DEADLINE)
        return code

    def finish(self):
        if self.process.returncode is None:
            os.killpg(self.process.pid, signal.SIGKILL)  # its children too: they hold the pipes open
        self.exit_code()

    # What the process wrote; ends it first, so that nothing is on the way.

    def output(self):
        self.finish()
        return self._outputs["out"].decode()

    def errors(self):
        self.finish()
        return self._outputs["err"].decode()

    def frames(self):
        self.finish()
        data, frames = self._outputs["log"], []
        while data:
            kind, length, stamp = struct.unpack(">IIQ", data[:16])
            frames.append(Frame(kind, stamp, data[16:16 + length].decode()))
            data = data[16 + length:]
        return frames

    def texts(self):
        return [frame.text for frame in self.frames()]

    def _drain(self, name, stream):
        with stream:
            self._outputs[name] = stream.read()


def _place(text, places):
    for name, value in places.items():
        text = text.replace(name, value or "")
    return text
