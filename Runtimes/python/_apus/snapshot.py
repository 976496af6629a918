"""SnapStart: hooks before the snapshot, the wait in which it is taken, hooks after every restore."""

import sys


def take(api, sink):
    try:
        _run_before()
        api.call("GET", "restore/next")
    except Exception as problem:
        from . import faults

        faults.report_hook(problem, "init/error", "Runtime.BeforeSnapshotError", api, sink)
        sys.exit(64)
    try:
        _run_after()
    except Exception as problem:
        from . import faults

        faults.report_hook(problem, "restore/error", "Runtime.AfterRestoreError", api, sink)
        sys.exit(65)


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
