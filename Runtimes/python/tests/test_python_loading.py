"""Finding the handler, the search path, and what happens when init fails."""

import json
import shutil
import subprocess

import pytest

from runtime_process import RUNTIMES, bundle, interpreter

CODE = "def handler(event, context):\n    return __name__\n"
PATHS = [
    ("app.handler", "app.py", "app"),
    ("pkg.app.handler", "pkg/app.py", "pkg.app"),
    ("dir/app.handler", "dir/app.py", "dir.app"),
    ("dir/sub/app.handler", "dir/sub/app.py", "dir.sub.app"),
]


@pytest.mark.parametrize("handler, file, module", PATHS)
def test_handler_names(start, handler, file, module):
    assert json.loads(start("python3.11", handler, {file: CODE}).invoke().body) == module


def test_code_folders_are_left_as_they_are(start):
    start("python3.11", "app.handler", {"app.py": CODE}).invoke()
    assert [path.name for path in start.task.iterdir()] == ["app.py"]


FAULTS = [
    ("app", "", "Runtime.MalformedHandlerName",
     "Bad handler 'app': not enough values to unpack (expected 2, got 1)", []),
    ("nothere.handler", "", "Runtime.ImportModuleError",
     "Unable to import module 'nothere': No module named 'nothere'", []),
    ("app.handler", "import missing_package\n", "Runtime.ImportModuleError",
     "Unable to import module 'app': No module named 'missing_package'", []),
    ("app.nothing", "", "Runtime.HandlerNotFound", "Handler 'nothing' missing on module 'app'", []),
    ("sys.handler", "", "Runtime.BuiltInModuleConflict", "Cannot use built-in module sys as a handler module", []),
    ("app.handler", "x = (\n", "Runtime.UserCodeSyntaxError",
     "Syntax error in module 'app': '(' was never closed (app.py, line 1)",
     ['  File "{task}/app.py" Line 1\n    x = (\n']),
    ("app.handler", "def boom():\n    raise ValueError('no luck')\nboom()\n", "ValueError", "no luck",
     ['  File "{task}/app.py", line 3, in <module>\n    boom()\n',
      '  File "{task}/app.py", line 2, in boom\n    raise ValueError(\'no luck\')\n']),
]


@pytest.mark.parametrize("handler, code, kind, message, trace", FAULTS)
def test_init_faults_are_reported_and_end_the_process(start, tmp_path, handler, code, kind, message, trace):
    function = start("python3.11", handler, {"app.py": code})
    post = function.api.result()
    assert post.path == "/2018-06-01/runtime/init/error"
    assert post.headers["lambda-runtime-function-error-type"] == kind
    trace = [entry.replace("{task}", str(tmp_path / "task")) for entry in trace]
    assert json.loads(post.body) == {
        "errorMessage": message, "errorType": kind, "requestId": "", "stackTrace": trace,
    }
    assert function.exit_code() == 1
    [frame] = function.frames()
    assert frame.kind == 0xA55A0017
    assert frame.text.startswith(f"[ERROR] {kind}: {message}\nTraceback (most recent call last):")


def test_exit_during_init_ends_with_that_code(start):
    function = start("python3.11", "app.handler", {"app.py": "exit(7)\n"})
    assert function.exit_code() == 7
    assert function.api.requests == []


def test_search_path_is_code_layers_pythonpath_runtime_library(start, tmp_path):
    layer = tmp_path / "opt/python"
    versioned = layer / "lib/python3.11/site-packages"
    extra = tmp_path / "extra"
    for folder, name in ((versioned, "one"), (layer, "two"), (extra, "three")):
        folder.mkdir(parents=True, exist_ok=True)
        for module in ("both", name):
            (folder / f"{module}.py").write_text(f"value = {name!r}\n")
    code = (
        "import sys, one, two, three, both\n"
        "def handler(event, context):\n    return [one.value, two.value, three.value, both.value, sys.path]\n"
    )
    function = start("python3.11", "app.handler", {"app.py": code}, environment={
        "_APUS_LAYER_ROOT": str(tmp_path / "opt"), "PYTHONPATH": f"{extra}::",
    })
    *values, path = json.loads(function.invoke().body)
    assert values == ["one", "two", "three", "one"]
    runtime = str(RUNTIMES / "python")
    assert path[:5] == [str(tmp_path / "task"), str(versioned), str(layer), str(extra), runtime]
    assert all(entry.startswith(("/usr", "/opt", "/root")) and "-packages" not in entry for entry in path[5:])


def test_packages_of_the_host_are_invisible_and_startup_imports_little(start):
    code = (
        "import sys\nearly = sorted(sys.modules)\n"
        "def handler(event, context):\n"
        "    try:\n        import pip\n        return 'pip'\n    except ImportError:\n        return early\n"
    )
    function = start("python3.11", "app.handler", {"app.py": code})
    early = json.loads(function.invoke().body)
    # Each of these would cost every cold start a millisecond or more.
    assert not {"os", "site", "re", "json", "logging", "traceback", "socket", "threading"} & set(early)


def test_compiled_files_are_used_from_a_read_only_bundle(start, tmp_path):
    """`prepare` compiles the bundle; afterwards the sources are not even read."""
    folder = tmp_path / "bundle"
    shutil.copytree(RUNTIMES / "python", folder, ignore=shutil.ignore_patterns("__pycache__", "tests"))
    description = bundle("python3.11")
    command = [
        part.format(interpreter=interpreter(description), bundle=folder) for part in description["prepare"]]
    subprocess.run(command, check=True)
    for source in (folder / "_apus").glob("*.py"):
        source.write_text("raise SystemExit('compiled from source')\n")
    for each in (folder / "_apus", folder):
        each.chmod(0o555)
    function = start("python3.11", "app.handler", {"app.py": CODE}, bundle_folder=str(folder))
    assert function.invoke().body == b'"app"'
    assert function.errors() == ""


HOOKS = """
import snapshot_restore_py as snapshot
seen = ["init"]
snapshot.register_before_snapshot(seen.append, "before 1")
snapshot.register_before_snapshot(seen.append, "before 2")
@snapshot.register_after_restore
def restored():
    seen.append("after")
def handler(event, context):
    return seen
"""


def test_snapshot_hooks_run_around_the_restore(start):
    function = start("python3.12", "app.handler", {"app.py": HOOKS},
                     environment={"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"})
    assert json.loads(function.invoke().body) == ["init", "before 2", "before 1", "after"]
    assert function.api.requests[:2] == [
        "GET /2018-06-01/runtime/restore/next", "GET /2018-06-01/runtime/invocation/next"]


@pytest.mark.parametrize("when, path, kind, code", [
    ("before_snapshot", "init", "Runtime.BeforeSnapshotError", 64),
    ("after_restore", "restore", "Runtime.AfterRestoreError", 65),
])
def test_snapshot_hooks_that_fail(start, when, path, kind, code):
    source = f"import snapshot_restore_py as s\ns.register_{when}(lambda: 1 / 0)\ndef handler(e, c): pass\n"
    function = start("python3.12", "app.handler", {"app.py": source},
                     environment={"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"})
    post = function.api.result()
    assert post.path == f"/2018-06-01/runtime/{path}/error"
    assert post.headers["lambda-runtime-function-error-type"] == kind
    assert json.loads(post.body)["errorType"] == "ZeroDivisionError"
    assert function.exit_code() == code
