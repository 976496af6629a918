"""Python."""

import pathlib

from support.conformance import REQUEST_ID, Beginning, InitFailure, Like, Runtime


def init_failure(package, handler, kind, message, trace=Beginning()):
    payload = {"errorMessage": message, "errorType": kind, "requestId": "", "stackTrace": trace}
    return InitFailure(package, handler, payload)


def python(version):
    # A version that the system has not may be one of pyenv's.
    brought = next(pathlib.Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/python{version}"), None)
    is_system = any(pathlib.Path(prefix, f"python{version}").exists() for prefix in ("/usr/bin", "/usr/local/bin"))
    return Runtime(
        id=f"python{version}",
        folder=pathlib.Path(__file__).parent,
        handler="app.handler",
        failure={
            "errorMessage": "no, ünï", "errorType": "Refused", "requestId": REQUEST_ID,
            "stackTrace": [
                Like(r'  File "/var/task/app.py", line \d+, in handler\n    return ACTIONS.*\n'),
                Like(r'  File "/var/task/app.py", line \d+, in fail\n    raise Refused.*\n'),
            ],
        },
        init_failures={
            "import": init_failure(
                "missing_import", "app.handler", "Runtime.ImportModuleError",
                "Unable to import module 'app': No module named 'nowhere_to_be_found'"),
            "module": init_failure(
                "function", "nothere.handler", "Runtime.ImportModuleError",
                "Unable to import module 'nothere': No module named 'nothere'"),
            "handler": init_failure(
                "function", "app.nothere", "Runtime.HandlerNotFound", "Handler 'nothere' missing on module 'app'"),
            "syntax": init_failure(
                "bad_syntax", "app.handler", "Runtime.UserCodeSyntaxError", Like(r"Syntax error in module 'app': .*line 1.*"),
                Beginning(Like(r'  File "/var/task/app.py" Line 1\n.*'))),
        },
        capabilities=frozenset({"cells", "json", "wrapper", "context", "adrift", "layers", "templates"}),
        levels={"debug": "DEBUG", "info": "INFO", "warn": "WARNING", "error": "ERROR"},
        record=("timestamp", "level", "message", "logger", "requestId"),
        interpreter=str(brought) if brought and not is_system else None,
    )


RUNTIMES = [python(version) for version in ("3.10", "3.11", "3.12", "3.13", "3.14")]
