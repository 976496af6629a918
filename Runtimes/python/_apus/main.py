"""The life of a runtime process: prepare, load the handler, serve invocations one by one."""

import builtins
import posix
import sys

from . import environment, handler, output
from .client import Closed, RuntimeAPI
from .context import Function, LambdaContext, current
from .payload import ASCII_ONLY, dump, load


def main():
    # The code of a function is never written to: without a sandbox it is the store's only copy.
    sys.dont_write_bytecode = True
    is_cell = sys.argv[1:] == ["cell"]
    if is_cell:
        _become_environment()
    folders = handler.set_path(__file__.rpartition("/_apus/")[0])
    if is_cell:
        from . import preload

        preload.give_way(folders)
    _complete_builtins()
    sink = output.open_sink(environment.get("_LAMBDA_TELEMETRY_LOG_FD"))
    environment.remove("_LAMBDA_TELEMETRY_LOG_FD")
    _prepare_logging(sink)
    api = RuntimeAPI(environment.get("AWS_LAMBDA_RUNTIME_API"))
    given = environment.copy()
    try:
        function = handler.load(environment.get("_HANDLER", ""))
    except Exception as problem:
        from . import faults

        faults.report_init(problem, api, sink)
        sys.exit(1)
    if environment.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        from . import snapshot

        api = snapshot.take(api, sink, given)
    output.flush_prints()
    _serve(api, function, sink)


def _become_environment():
    """Returns in each process that has been given a function, in the state in which a direct launch begins."""
    from . import cell, preload

    # User code sees the command line of a direct launch.
    for arguments in (sys.argv, sys.orig_argv):
        arguments.remove("cell")
    preload.load()
    cell.wait()
    posix.chdir(environment.get("LAMBDA_TASK_ROOT", "."))
    if environment.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
        posix.close(cell.CHANNEL)


def _serve(api, function, sink):
    facts = Function()
    while True:
        # A function call for each, so that event and result are freed before the wait for the next.
        _invoke(api, function, facts, sink)


def _next(api):
    try:
        return api.next()
    except (Closed, OSError):
        sys.exit(1)  # the platform has gone; nobody is left to tell
    except RuntimeError as problem:
        sys.exit(str(problem))


def _invoke(api, function, facts, sink):
    headers, body = _next(api)
    request_id = current.request_id = headers["lambda-runtime-aws-request-id"]
    current.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
    if "lambda-runtime-trace-id" in headers:
        environment.set("_X_AMZN_TRACE_ID", headers["lambda-runtime-trace-id"])
    else:
        environment.remove("_X_AMZN_TRACE_ID")

    stage = "context"
    try:
        context = LambdaContext(headers, facts, sink)
        stage = "event"
        event = load(body) if headers.get("content-type", "application/json") == "application/json" else bytes(body)
        del body  # the handler has the memory limit to itself
        stage = "handler"
        value = function(event, context)
        stage = "result"
        if isinstance(value, bytes):
            result, content_type = value, "application/unknown"
        else:
            result, content_type = dump(value, ASCII_ONLY).encode(), "application/json"
    except Exception as problem:  # not SystemExit: a handler that exits ends the process
        from . import faults

        faults.report(problem, stage, request_id, api, sink)
    else:
        output.flush_prints()
        api.respond(request_id, result, content_type)


def _complete_builtins():
    """What `site` adds, for code that ends with `exit()`; `site` itself would bring the host's packages."""

    def exit(code=None):
        raise SystemExit(code)

    builtins.exit = builtins.quit = exit


def _prepare_logging(sink):
    """Sets up the root logger, but not before `logging` is imported: that costs 13 ms."""
    if "logging" in sys.modules:
        from . import records

        records.configure(sys.modules["logging"], sink)
    else:
        sys.meta_path.insert(0, _LoggingImport(sink))


class _LoggingImport:
    """Sees `logging` being imported, steps aside, and configures the module once it is loaded."""

    def __init__(self, sink):
        self._sink = sink

    def find_spec(self, name, path=None, target=None):
        if name != "logging":
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                self._loader, spec.loader = spec.loader, self
                return spec
        return None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        from . import records

        records.configure(module, self._sink)
