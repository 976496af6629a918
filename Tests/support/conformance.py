"""What a language says about itself, so that the conformance suite can hold its runtimes to it (Tests/Runtimes/README.md)."""

import collections.abc
import dataclasses
import functools
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess

from support.packages import pack_folder
from support.server import ROOT

FAMILIES = ROOT / "Tests/Runtimes"
EXECUTABLE = ("bootstrap", "wrapper")

#: Stands for the request id of the reply in an expected payload.
REQUEST_ID = object()

#: What becomes of a runtime that takes more memory than it has, unless its language notices first.
KILLED = {
    "errorType": "Runtime.ExitError", "errorMessage": "RequestId: {id} Error: Runtime exited with error: signal: killed",
}


class Like:
    """Equals a text that the whole pattern fits."""

    def __init__(self, pattern):
        self.pattern = pattern

    def __eq__(self, other):
        return isinstance(other, str) and re.fullmatch(self.pattern, other, re.DOTALL) is not None

    def __repr__(self):
        return f"Like({self.pattern!r})"


class Beginning:
    """Equals a list that begins with these items; items may be `Like`."""

    def __init__(self, *items):
        self.items = list(items)

    def __eq__(self, other):
        return isinstance(other, list) and self.items == other[:len(self.items)]

    def __repr__(self):
        return f"Beginning({self.items})"


@dataclasses.dataclass(frozen=True, eq=False)
class InitFailure:
    """A function that cannot be loaded: which package and handler, and what the client is told."""

    package: str
    handler: str
    payload: dict


@dataclasses.dataclass(frozen=True, eq=False)
class Runtime:
    """One row of the suite."""

    #: What CreateFunction is given as `Runtime`.
    id: str

    #: The family's folder: `pathlib.Path(__file__).parent`.
    folder: pathlib.Path

    #: The handler that does as the suite says.
    handler: str

    #: The payload after `{"do": "fail"}`, its members in order.
    failure: dict

    #: By name: what can be wrong with a function before its first event.
    init_failures: dict[str, InitFailure]

    #: What the language can do beyond what every language can: see the README.
    capabilities: frozenset = frozenset()

    #: By the suite's level (`debug`, `info`, `warn`, `error`): the `level` of a JSON record; with capability `json`.
    levels: dict = dataclasses.field(default_factory=lambda: {each: each.upper() for each in ("debug", "info", "warn", "error")})

    #: Members that every JSON record has.
    record: tuple = ("timestamp", "level", "message", "requestId")

    #: The payload after `{"do": "adrift"}`, or None where that fails nothing and is in the log alone; with capability `adrift`.
    adrift: dict | None = None

    #: The payload after `{"do": "grow"}`; `{id}` stands for the request id.
    out_of_memory: dict = dataclasses.field(default_factory=lambda: KILLED)

    #: Variables of the platform's own that functions see, as they do on AWS.
    shows: tuple = ()

    #: Members of the context object that the language lacks.
    context_lacks: tuple = ()

    #: The handler that streams, for `{"do": "stream"}`; with capability `streaming`.
    streaming_handler: str | None = None

    #: A package by its name: `function`, `layer`, and those of `init_failures`. None: the folder of that name, as a zip.
    build: collections.abc.Callable[[str], bytes] | None = None

    #: The id of the data file that serves it on this host, if another: the server gets it as `--runtime-map`.
    served_by: str | None = None

    #: The program that runs it, `PREFIX/bin/NAME`, where that is not one of the data file's: the server gets it as `--interpreters`.
    interpreter: str | None = None

    #: What tests call it, where another row has the same id.
    name: str | None = None

    #: Programs that building the packages takes.
    tools: tuple = ()

    #: What CreateFunction is given besides.
    settings: dict = dataclasses.field(default_factory=lambda: {"MemorySize": 512, "Timeout": 30})

    #: Seconds: the shortest `Timeout` that leaves room for a start, since a reset starts the runtime again in the next call.
    timeout: int = 1

    @property
    def label(self):
        return self.name or self.id

    def package(self, name):
        return self.build(name) if self.build else folder_package(self.folder / name)

    @functools.cache
    def missing(self):
        """What this host lacks to run it, or None."""
        for tool in self.tools:
            if not shutil.which(tool):
                return tool
        id = self.served_by or self.id
        path = next((ROOT / "Runtimes").glob(f"*/{id}.json"), None)
        if path is None:
            return f"{id}.json below Runtimes"
        description = json.loads(path.read_text())
        candidates = [self.interpreter] if self.interpreter else description["interpreters"]
        found = [path for path in candidates if os.access(path, os.X_OK)]
        if not description["interpreters"] or any(is_version(description, path) for path in found):
            return None
        return f"an interpreter for {id} ({', '.join(found) or 'none'} found)"

    @property
    def arguments(self):
        """What the server has to be started with."""
        mapped = ["--runtime-map", f"{self.id}={self.served_by}"] if self.served_by else []
        named = ["--interpreters", f"{self.id}={self.interpreter}"] if self.interpreter and not self.missing() else []
        return mapped + named


def is_version(description, interpreter):
    command = [part.replace("{interpreter}", interpreter) for part in description.get("versionCommand") or ()]
    if not command:
        return True
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return result.stdout.startswith(description["versionPrefix"])


def folder_package(folder):
    """A zip of a folder, with the wrapper of all languages beside it."""
    return pack_folder(folder, {"wrapper": (FAMILIES / "wrapper").read_text()}, EXECUTABLE)


def runtimes():
    """The rows of all families: each `FAMILY/runtime.py` has them in `RUNTIMES`."""
    found = []
    for path in sorted(FAMILIES.glob("*/runtime.py")):
        spec = importlib.util.spec_from_file_location(f"runtime_{path.parent.name}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found += module.RUNTIMES
    return found


def assert_payload(reply, expected):
    """The function failed, and the client was told this, member by member and in this order."""
    assert (reply.status, reply.error) == (200, "Unhandled"), reply.payload
    wanted = {name: filled(value, reply.request_id) for name, value in expected.items()}
    assert reply.json == wanted, reply.log
    assert list(reply.json) == list(wanted)


def filled(value, request_id):
    if value is REQUEST_ID:
        return request_id
    return value.replace("{id}", request_id) if isinstance(value, str) else value
