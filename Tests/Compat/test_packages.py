"""Zips that other people would write: dependencies, native wheels, every form of Node.js handler, custom runtimes."""

import json

import pytest

from support.functions import PYTHON, node_runtime
from support.packages import dependencies, pack, pack_folder

WITH_DEPENDENCIES = """
import base64, sys
import orjson, six

def handler(event, context):
    if event.get("fail"):
        raise ValueError("as asked")
    return {
        "six": six.__version__,
        "orjson": orjson.dumps({"event": event, "big": 1 << 53}).decode(),
        "native": orjson.orjson.__file__,
        "name": context.function_name,
        "id": context.aws_request_id,
        "left": context.get_remaining_time_in_millis(),
    }
"""

# What AWS's documentation tells the author of a custom Python runtime to write.
BOOTSTRAP = """#!/bin/sh
set -e
export PYTHONPATH="$LAMBDA_TASK_ROOT:$PYTHONPATH"
exec /usr/bin/python3 -m awslambdaric "$_HANDLER"
"""


@pytest.fixture(scope="module")
def zip_with_dependencies():
    return pack_folder(dependencies(), {"app.py": WITH_DEPENDENCIES, "bootstrap": BOOTSTRAP})


def test_pure_and_native_dependencies(functions, zip_with_dependencies):
    function = functions.create(zip_with_dependencies, Timeout=10, MemorySize=512)
    value = function.invoke({"a": [1, "ä"]}).ok()
    assert value["six"] == "1.17.0"
    assert json.loads(value["orjson"]) == {"event": {"a": [1, "ä"]}, "big": 1 << 53}
    assert value["native"].startswith("/var/task/orjson/") and value["native"].endswith(".so")


@pytest.mark.parametrize("runtime", ["provided.al2023", "provided.al2"])
def test_the_same_zip_runs_with_awslambdaric_as_a_custom_runtime(functions, zip_with_dependencies, runtime):
    ours = functions.create(zip_with_dependencies, Timeout=15, MemorySize=512)
    theirs = functions.create(zip_with_dependencies, runtime=runtime, Timeout=15, MemorySize=512)
    replies = [function.invoke({"k": 1}) for function in (ours, theirs)]
    for function, reply in zip((ours, theirs), replies):
        value = reply.ok()
        assert value["name"] == function.name
        assert value["id"] == reply.request_id
        assert 0 < value["left"] <= 15000
    same = [{**reply.json, "name": "", "id": "", "left": 0} for reply in replies]
    assert same[0] == same[1]
    assert [theirs.invoke({"n": n}).ok()["orjson"] for n in range(5)] == [
        ours.invoke({"n": n}).ok()["orjson"] for n in range(5)]

    failed = theirs.invoke({"fail": True})
    assert failed.error == "Unhandled"
    assert (failed.json["errorType"], failed.json["errorMessage"]) == ("ValueError", "as asked")
    assert failed.json["stackTrace"]
    assert theirs.invoke({"after": 1}).ok()


def test_custom_runtime_in_shell(functions):
    """The custom runtime of AWS's tutorial, with Python for the HTTP calls since curl need not be there."""
    script = r"""
    #!/usr/bin/python3
    import os, urllib.request
    api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation"
    while True:
        with urllib.request.urlopen(api + "/next", timeout=None) as event:
            id, body = event.headers["Lambda-Runtime-Aws-Request-Id"], event.read()
        print("custom runtime saw", len(body), "bytes", flush=True)
        urllib.request.urlopen(urllib.request.Request(f"{api}/{id}/response", data=body)).read()
    """.lstrip("\n")
    function = functions.custom(script)
    reply = function.invoke({"echo": "ü"})
    assert reply.ok() == {"echo": "ü"}
    assert "custom runtime saw" in reply.log
    assert function.invoke([1, 2]).ok() == [1, 2]


def test_custom_runtime_environment(functions):
    """OS-only runtimes get no AWS_EXECUTION_ENV; /var/task is where they start."""
    function = functions.custom("""#!/usr/bin/python3
import json, os, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation"
while True:
    with urllib.request.urlopen(api + "/next", timeout=None) as event:
        id, body = event.headers["Lambda-Runtime-Aws-Request-Id"], event.read()
        headers = {name.lower(): value for name, value in event.headers.items()}
    answer = {"variables": dict(os.environ), "folder": os.getcwd(), "headers": headers}
    urllib.request.urlopen(urllib.request.Request(f"{api}/{id}/response", data=json.dumps(answer).encode())).read()
""")
    reply = function.invoke({})
    value = reply.ok()
    assert "AWS_EXECUTION_ENV" not in value["variables"]
    assert value["variables"]["_HANDLER"] == "bootstrap"
    assert value["folder"] == "/var/task"
    headers = value["headers"]
    assert headers["lambda-runtime-aws-request-id"] == reply.request_id
    assert headers["lambda-runtime-invoked-function-arn"] == function.arn
    assert headers["content-type"] == "application/json"
    assert headers["lambda-runtime-deadline-ms"].isdigit()
    assert headers["lambda-runtime-trace-id"].startswith("Root=1-")


@pytest.mark.parametrize(
    "files, handler",
    [
        ({"index.js": "exports.handler = async (event) => ({got: event});"}, "index.handler"),
        ({"index.js": "exports.handler = (event, context, callback) => callback(null, {got: event});"}, "index.handler"),
        ({"index.js": "exports.handler = (event, context) => { context.succeed({got: event}); };"}, "index.handler"),
        ({"index.mjs": "export const handler = async (event) => ({got: event});"}, "index.handler"),
        ({"index.cjs": "module.exports.handler = async (event) => ({got: event});"}, "index.handler"),
        (
            {"package.json": '{"type": "module"}', "index.js": "export async function handler(event) { return {got: event}; }"},
            "index.handler",
        ),
        ({"src/deep/app.js": "exports.api = {run: async (event) => ({got: event})};"}, "src/deep/app.api.run"),
        (
            {
                "index.js": "const dep = require('dep'); exports.handler = async (event) => dep.wrap(event);",
                "node_modules/dep/package.json": '{"name": "dep", "version": "1.0.0", "main": "main.js"}',
                "node_modules/dep/main.js": "exports.wrap = (value) => ({got: value});",
            },
            "index.handler",
        ),
        (
            {
                "index.mjs": "import {readFile} from 'node:fs/promises'; const text = await readFile('/var/task/data.txt', 'utf8');"
                "export const handler = async (event) => { if (text.trim() !== 'data') throw new Error(text); return {got: event}; };",
                "data.txt": "data\n",
            },
            "index.handler",
        ),
    ],
    ids=["async", "callback", "context.succeed", "mjs", "cjs", "type-module", "nested", "node_modules", "top-level-await"],
)
def test_node_handlers(functions, files, handler):
    function = functions.create(pack(files), runtime=node_runtime(), handler=handler, MemorySize=512, Timeout=10)
    assert function.invoke({"a": "ü"}).ok() == {"got": {"a": "ü"}}
    assert function.invoke(["warm"]).ok() == {"got": ["warm"]}


def test_python_packages_and_nested_handlers(functions):
    files = {
        "pkg/__init__.py": "",
        "pkg/inner/__init__.py": "",
        "pkg/inner/app.py": "from .rules import double\ndef run(event, context):\n    return double(event)\n",
        "pkg/inner/rules.py": "def double(value):\n    return value * 2\n",
    }
    for handler in ("pkg.inner.app.run", "pkg/inner/app.run"):
        function = functions.create(files, handler=handler)
        assert function.invoke(21).ok() == 42


def test_modes_and_links_of_the_zip_survive(functions):
    code = pack(
        {
            "app.py": "import os, subprocess\ndef handler(event, context):\n"
            "    return [subprocess.run(['/var/task/tool'], capture_output=True, text=True).stdout,"
            " os.readlink('link.txt'), open('link.txt').read()]\n",
            "tool": "#!/bin/sh\necho tool ran\n",
            "folder/real.txt": "real",
        },
        links={"link.txt": "folder/real.txt"},
        executable=("tool",))
    assert functions.create(code).invoke().ok() == ["tool ran\n", "folder/real.txt", "real"]


def test_the_runtime_that_is_asked_for_is_the_one_that_runs(functions):
    code = "import sys\ndef handler(event, context):\n    return '%d.%d' % sys.version_info[:2]\n"
    assert "python" + functions.create(code).invoke().ok() == PYTHON


def test_a_runtime_that_is_not_installed_is_refused_by_name(client):
    missing = "python3.14" if PYTHON != "python3.14" else "python3.10"
    with pytest.raises(client.exceptions.ClientError) as caught:
        client.create_function(
            FunctionName="not-installed", Runtime=missing, Role="arn:aws:iam::000000000000:role/r", Handler="app.handler",
            Code={"ZipFile": pack({"app.py": "def handler(e, c): return 1"})})
    error = caught.value.response
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert missing in error["Error"]["Message"]
