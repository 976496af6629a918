"""Go: programs that speak the Runtime API, and such as were made for go1.x."""

import functools
import pathlib
import shutil
import subprocess
import tempfile

from support.conformance import InitFailure, Like, Runtime
from support.packages import pack
from support.server import ROOT

FOLDER = pathlib.Path(__file__).parent
ENTRYPOINT = {
    "errorType": "Runtime.InvalidEntrypoint", "errorMessage": Like(r"RequestId: [0-9a-f-]{36} Error: .*bootstrap.*"),
}


@functools.cache
def compiled(way):
    """The program; the one that speaks HTTP uses the client of the example."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        sources = [FOLDER / "function/suite.go", FOLDER / way / "main.go", ROOT / "Examples/hello-go/go.mod"]
        if way == "http":
            sources.append(ROOT / "Examples/hello-go/runtime.go")
        for source in sources:
            shutil.copy(source, folder)
        subprocess.run(["go", "build", "-o", "program", "."], cwd=folder, check=True)
        return (folder / "program").read_bytes()


def build(way, program, name):
    if name == "empty":
        return pack({"readme.txt": "no program\n"})
    if name == "layer":
        return pack({"greeting.txt": "from the layer"})
    return pack({program: compiled(way)}, executable=(program,))


FAILURE = {"errorMessage": "no, ünï", "errorType": "main.Refused"}

RUNTIMES = [
    Runtime(
        id="provided.al2023",
        name="provided.al2023-go",
        folder=FOLDER,
        handler="any",
        failure=FAILURE,
        init_failures={
            "handler": InitFailure(
                "function", "nothere", {"errorMessage": "no such handler", "errorType": "Runtime.NoSuchHandler"}),
            "program": InitFailure("empty", "any", ENTRYPOINT),
        },
        capabilities=frozenset({"layers"}),
        build=functools.partial(build, "http", "bootstrap"),
        tools=("go",),
    ),
    Runtime(
        id="go1.x",
        folder=FOLDER,
        handler="program",
        failure=FAILURE,
        init_failures={
            "program": InitFailure("function", "nothere", {
                "errorMessage": "fork/exec /var/task/nothere: no such file or directory", "errorType": "PathError",
            }),
        },
        capabilities=frozenset({"layers"}),
        shows=("_LAMBDA_SERVER_PORT",),
        build=functools.partial(build, "rpc", "program"),
        tools=("go",),
    ),
]
