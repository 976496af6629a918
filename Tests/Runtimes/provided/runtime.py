"""Functions that bring their own runtime: a C program."""

import functools
import pathlib
import subprocess
import tempfile

from support.conformance import InitFailure, Like, Runtime
from support.packages import pack

FOLDER = pathlib.Path(__file__).parent


@functools.cache
def build(name):
    if name == "empty":
        return pack({"readme.txt": "no bootstrap\n"})
    if name == "layer":
        return pack({"greeting.txt": "from the layer"})
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "bootstrap"
        subprocess.run(
            ["gcc", "-O1", "-Wall", "-Werror", "-static", "-o", str(program), str(FOLDER / "function/bootstrap.c")], check=True)
        return pack({"bootstrap": program.read_bytes()})


def provided(id):
    return Runtime(
        id=id,
        folder=FOLDER,
        handler="any",
        failure={"errorMessage": "no, ünï", "errorType": "Refused"},
        init_failures={
            "handler": InitFailure(
                "function", "nothere", {"errorMessage": "no such handler", "errorType": "Runtime.NoSuchHandler"}),
            "program": InitFailure("empty", "any", {
                "errorType": "Runtime.InvalidEntrypoint", "errorMessage": Like(r"RequestId: [0-9a-f-]{36} Error: .*bootstrap.*"),
            }),
        },
        capabilities=frozenset({"layers", "streaming"}),
        build=build,
        tools=("gcc",),
        streaming_handler="any",
    )


RUNTIMES = [provided("provided.al2"), provided("provided.al2023")]
