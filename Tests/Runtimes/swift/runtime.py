"""Swift: a package, built as `apus deploy` builds it, with the client of the example."""

import functools
import pathlib
import shutil
import subprocess
import tempfile

from support.conformance import InitFailure, Like, Runtime
from support.packages import pack
from support.server import ROOT

FOLDER = pathlib.Path(__file__).parent
EXAMPLE = ROOT / "Examples/hello-swift"


@functools.cache
def compiled():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        sources = folder / "Sources/bootstrap"
        sources.mkdir(parents=True)
        shutil.copy(EXAMPLE / "Package.swift", folder)
        shutil.copy(EXAMPLE / "Sources/bootstrap/Runtime.swift", sources)
        shutil.copy(FOLDER / "function/main.swift", sources)
        subprocess.run(["swift", "build", "-c", "release", "--static-swift-stdlib"], cwd=folder, check=True, capture_output=True)
        return (folder / ".build/release/bootstrap").read_bytes()


def build(name):
    if name == "empty":
        return pack({"readme.txt": "no bootstrap\n"})
    if name == "layer":
        return pack({"greeting.txt": "from the layer"})
    return pack({"bootstrap": compiled()})


RUNTIMES = [
    Runtime(
        id="provided.al2023",
        name="provided.al2023-swift",
        folder=FOLDER,
        handler="any",
        failure={"errorMessage": "no, ünï", "errorType": "Refused"},
        init_failures={
            "program": InitFailure("empty", "any", {
                "errorType": "Runtime.InvalidEntrypoint", "errorMessage": Like(r"RequestId: [0-9a-f-]{36} Error: .*bootstrap.*"),
            }),
        },
        capabilities=frozenset({"layers"}),
        build=build,
        tools=("swift",),
    ),
]
