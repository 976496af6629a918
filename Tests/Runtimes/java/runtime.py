"""Java."""

import pathlib
import subprocess
import tempfile

from support.conformance import FAMILIES, Beginning, InitFailure, Like, Runtime
from support.packages import pack, pack_folder
from support.server import ROOT

FOLDER = pathlib.Path(__file__).parent
INTERFACES = ROOT / "Runtimes/java/source"


def build(name):
    """Classes in a folder are a package; those of the layer are a jar below `java/lib`."""
    with tempfile.TemporaryDirectory() as classes:
        sources = sorted((FOLDER / name).rglob("*.java"))
        subprocess.run(
            ["javac", "--release", "17", "-implicit:none", "-proc:none", "--source-path", INTERFACES, "-d", classes, *sources],
            check=True)
        wrapper = (FAMILIES / "wrapper").read_text()
        if name != "layer":
            return pack_folder(classes, {"wrapper": wrapper}, executable=("wrapper",))
        return pack({"java/lib/greeting.jar": pack_folder(classes)})


def java(version):
    return Runtime(
        id=f"java{version}",
        folder=FOLDER,
        handler="suite.Function",
        failure={
            "errorMessage": "no, ünï", "errorType": "suite.Refused",
            "stackTrace": Beginning(Like(r"suite\.Function\.fail\(Function\.java:\d+\)")),
        },
        init_failures={
            "class": InitFailure("function", "suite.Nowhere", {
                "errorMessage": "Class not found: suite.Nowhere", "errorType": "java.lang.ClassNotFoundException"}),
            "static": InitFailure("broken", "suite.Static", {
                "errorMessage": "Error loading class suite.Static", "errorType": "java.lang.ExceptionInInitializerError"}),
            "constructor": InitFailure("broken", "suite.Constructor::handle", {
                "errorMessage": "no luck", "errorType": "java.lang.IllegalStateException"}),
        },
        capabilities=frozenset({"cells", "json", "wrapper", "context", "layers"}),
        record=("timestamp", "message", "level", "AWSRequestId"),
        out_of_memory={
            "errorMessage": "Java heap space", "errorType": "java.lang.OutOfMemoryError",
            "stackTrace": Beginning(Like(r"suite\.Function\.grow\(Function\.java:\d+\)")),
        },
        build=build,
        tools=("javac",),
        timeout=2,
    )


RUNTIMES = [java(version) for version in (17, 21, 25)]
