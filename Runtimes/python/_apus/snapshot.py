"""SnapStart: hooks before the snapshot, the wait in which it is taken or forked, hooks after every restore."""

import posix
import sys

from . import cell, environment, output
from .client import Closed, RuntimeAPI


def take(api, sink, given):
    """Returns the connection to go on with, in each process that is to serve: forks of this one, or this one itself.

    `given` are the variables as the function found them.
    """
    try:
        _run_before()
    except Exception as problem:
        from . import faults

        faults.report_hook(problem, "init/error", "Runtime.BeforeSnapshotError", api, sink)
        sys.exit(64)
    output.flush_prints()
    try:
        api.ask_restore()
        if cell.is_given():
            api = _wait_as_template(given)
        else:
            api.await_restore()
    except (Closed, OSError):
        sys.exit(1)  # the platform has gone; nobody is left to tell
    try:
        _run_after()
    except Exception as problem:
        from . import faults

        faults.report_hook(problem, "restore/error", "Runtime.AfterRestoreError", api, sink)
        sys.exit(65)
    return api


def _wait_as_template(given):
    from . import renewal

    own = environment.changes(given)
    cell.wait(avoided=posix.getpid())
    posix.close(cell.CHANNEL)
    environment.remove("_LAMBDA_TELEMETRY_LOG_FD")
    environment.apply(own)  # what the function has set itself outlives the snapshot
    renewal.renew()
    return RuntimeAPI(environment.get("AWS_LAMBDA_RUNTIME_API"))


def _hooks(name):
    # Hooks exist only if user code imported the module to register them.
    module = sys.modules.get("snapshot_restore_py")
    return getattr(module, name)() if module else []


def _run_before():
    hooks = _hooks("get_before_snapshot")
    while hooks:
        function, arguments, named = hooks.pop()  # the last registered runs first
        function(*arguments, **named)


def _run_after():
    for function, arguments, named in _hooks("get_after_restore"):
        function(*arguments, **named)
