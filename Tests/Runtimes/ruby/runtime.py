"""Ruby. Where the host has none that AWS has an id for, the oldest of these ids stands for Debian's 3.1."""

import dataclasses
import pathlib

from support.conformance import Beginning, InitFailure, Like, Runtime


def init_failure(package, handler, kind, message, trace=Beginning()):
    return InitFailure(package, handler, {"errorMessage": message, "errorType": kind, "stackTrace": trace})


def ruby(version):
    return Runtime(
        id=f"ruby{version}",
        folder=pathlib.Path(__file__).parent,
        handler="app.handler",
        failure={
            "errorMessage": "no, ünï", "errorType": "Function<Refused>",
            "stackTrace": Beginning(
                Like(r"/var/task/app\.rb:\d+:in [`'](Suite\.)?fail'"), Like(r"/var/task/app\.rb:\d+:in [`'].*public_send'"),
                Like(r"/var/task/app\.rb:\d+:in [`'](Object#)?handler'")),
        },
        init_failures={
            "import": init_failure(
                "missing_import", "app.handler", "Init<LoadError>", "cannot load such file -- nowhere_to_be_found"),
            "module": init_failure("function", "nothere.handler", "Init<LoadError>", "cannot load such file -- nothere"),
            "handler": init_failure("function", "app", "Init<ArgumentError>", Like(r'Invalid handler \["app"\], must be of form .*')),
            # A method that is not there is found missing when it is called.
            "method": init_failure(
                "function", "app.nothere", "Function<NoMethodError>", Like(r"undefined method [`']nothere' for .*LambdaHandler.*")),
            "syntax": init_failure("bad_syntax", "app.handler", "Init<SyntaxError>", Like(r".*/var/task/app\.rb:1.*")),
        },
        capabilities=frozenset({"cells", "json", "wrapper", "context", "adrift", "layers", "templates"}),
    )


def runtimes():
    rows = [ruby(version) for version in ("3.2", "3.3", "3.4", "4.0")]
    if all(row.missing() for row in rows):
        rows[0] = dataclasses.replace(rows[0], served_by="ruby3.1")
    return rows


RUNTIMES = runtimes()
