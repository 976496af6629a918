"""The data files, the examples, and clients that others wrote."""

import importlib.util
import json
import pathlib
import re
import shutil
import sys

import pytest

from runtime_process import RUNTIMES, RuntimeProcess

EXAMPLES = RUNTIMES.parent / "Examples"
BUNDLES = sorted(RUNTIMES.glob("*/*.json"))
# From 3.3 on Ruby has a thread of its own, so that it cannot be forked.
CELLS = {
    "python": ("forked",), "node": ("booted",), "ruby": ("forked", "booted"), "java": ("booted",), "dotnet": ("booted",),
}


@pytest.mark.parametrize("path", BUNDLES, ids=lambda path: path.stem)
def test_data_files_are_complete(path):
    description = json.loads(path.read_text())
    assert description["id"] == path.stem
    assert description["family"] == path.parent.name
    assert description["runtimeVersion"].startswith(description["id"][:2])
    place = "{entrypoint}" if "entrypoints" in description else "{interpreter}"
    assert description["arguments"][0] == place
    assert bool(description["interpreters"]) != bool(description.get("entrypoints"))
    for argument in description["arguments"]:
        if argument.startswith("/var/runtime/") and "product" not in description:
            assert (path.parent / argument.removeprefix("/var/runtime/")).is_file()
    if description["executionEnvironment"]:
        assert description["executionEnvironment"] == "AWS_Lambda_" + description["id"]
    assert description.get("cell") in CELLS.get(description["family"], (None,))
    if "cell" in description:
        # What runs in front of the program, and what the dynamic linker and the C library read.
        assert {"AWS_LAMBDA_EXEC_WRAPPER", "LANG", "LC_", "LD_", "MALLOC_"} <= set(description["bootVariables"])


@pytest.mark.parametrize("runtime, handler, folder", [
    ("python3.11", "app.handler", "hello"), ("nodejs20.x", "index.handler", "hello-node"),
    ("ruby3.1", "app.handler", "hello-ruby"),
])
def test_examples(start, runtime, handler, folder):
    shutil.copytree(EXAMPLES / folder, start.task, dirs_exist_ok=True)
    function = start(runtime, handler)
    post = function.invoke({"name": "Ada"})
    assert json.loads(post.body)["message"] == "Hello, Ada!"
    assert "greeting Ada" in function.texts()[0]


@pytest.mark.skipif(shutil.which("curl") is None, reason="the example needs curl")
def test_the_shell_example_is_a_runtime():
    with RuntimeProcess("provided.al2023", EXAMPLES / "hello-shell", "any", framed=False) as function:
        for number in range(2):
            assert json.loads(function.invoke({"n": number}).body) == {"you_sent": {"n": number}}
        assert function.errors().splitlines() == ['event: {"n": 0}', 'event: {"n": 1}']


has_aws_client = pytest.mark.skipif(
    importlib.util.find_spec("awslambdaric") is None, reason="needs `pip install awslambdaric`")


@pytest.fixture
def start_aws(start):
    """Runs a function with AWS's own client as a custom runtime."""

    def start_aws(handler, files, **environment):
        bootstrap = start.task / "bootstrap"
        bootstrap.write_text(f'#!/bin/sh\nexec {sys.executable} -m awslambdaric "$_HANDLER"\n')
        bootstrap.chmod(0o755)
        packages = pathlib.Path(importlib.util.find_spec("awslambdaric").origin).parent.parent
        return start("provided.al2023", handler, files, environment={"PYTHONPATH": str(packages), **environment})

    return start_aws


@has_aws_client
def test_the_client_of_aws_runs_unmodified(start_aws):
    code = "def handler(event, context):\n    return {**event, 'id': context.aws_request_id}\n"
    function = start_aws("app.handler", {"app.py": code})
    assert json.loads(function.invoke({"n": 1}).body) == {"n": 1, "id": "00000000-0000-4000-8000-000000000001"}
    assert json.loads(function.invoke([]).body)["errorType"] == "TypeError"
    assert json.loads(function.invoke({"n": 2}).body)["n"] == 2


SAME = """\
import collections, decimal, enum, json, logging
Point = collections.namedtuple("Point", "x y")
class Color(enum.Enum):
    RED = 1
class Mine(Exception):
    pass
def deep(n):
    if n:
        deep(n - 1)
    raise Mine("é\\n  indented")
def handler(event, context):
    logging.warning("w %s\\nsecond", 1)
    logging.getLogger("l").error({"a": 1}, extra={"extra": {2}})
    try:
        deep(5)
    except Mine:
        logging.exception("caught")
    return eval(event)
"""
RESULTS = [
    "1", "'é\\u2028\\x7f'", "[1.0, 1e100, float('inf'), -0.0]", "Point(1, (2, Point(3, 4)))", "Color.RED", "{1, 2}",
    "decimal.Decimal('1.10')", "{'a': decimal.Decimal('-NaN'), b'k': b'v'}", "{(1, 2): 3}", "b'\\xff'", "[b'\\xff']",
    "{None: 1, True: 2, 1.5: 3}", "deep(0)", "deep(10)", "1 / 0", "json.loads('{')", "context.nothing", "10 ** 30",
    "repr(context)", "context.log('by context')", "object", "collections.OrderedDict(b=1, a=2)", "range(3)",
]


@has_aws_client
@pytest.mark.parametrize("form", ["Text", "JSON"])
def test_ours_and_the_client_of_aws_agree(start, start_aws, form):
    version = "python%d.%d" % sys.version_info[:2]
    environment = {"AWS_LAMBDA_LOG_FORMAT": form, "AWS_EXECUTION_ENV": f"AWS_Lambda_{version}"}
    theirs = start_aws("app.handler", {"app.py": SAME}, **environment)
    ours = start(version, "app.handler", environment=environment, executable=sys.executable)
    for event in RESULTS:
        expected, got = theirs.invoke(event), ours.invoke(event)
        assert (got.path, got.body) == (expected.path, expected.body), event
        assert got.headers["content-type"] == expected.headers["content-type"], event
    assert [(frame.kind, without_times(frame.text)) for frame in ours.frames()] == [
        (frame.kind, without_times(frame.text)) for frame in theirs.frames()]


@has_aws_client
@pytest.mark.parametrize("handler", ["app", "nothing.handler", "app.nothing", "bad.handler", "sys.handler"])
def test_init_faults_of_ours_and_the_client_of_aws_agree(start, start_aws, handler):
    files = {"app.py": SAME, "bad.py": "x = (\n"}
    expected = start_aws(handler, files).api.result()
    got = start("python%d.%d" % sys.version_info[:2], handler, executable=sys.executable).api.result()
    assert (got.path, json.loads(got.body)) == (expected.path, json.loads(expected.body))


def without_times(text):
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", "TIME", text)
