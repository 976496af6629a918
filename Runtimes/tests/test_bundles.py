"""The data files, the examples, and clients that others wrote."""

import importlib.util
import json
import os
import pathlib
import shutil
import sys

import pytest

from runtime_process import RUNTIMES, RuntimeProcess

EXAMPLES = RUNTIMES.parent / "Examples"
BUNDLES = sorted(RUNTIMES.glob("*/*.json"))


@pytest.mark.parametrize("path", BUNDLES, ids=lambda path: path.stem)
def test_data_files_are_complete(path):
    description = json.loads(path.read_text())
    assert description["id"] == path.stem
    assert description["family"] == path.parent.name
    assert description["runtimeVersion"].startswith(description["id"].rstrip(".x")[:4])
    place = "{entrypoint}" if "entrypoints" in description else "{interpreter}"
    assert description["arguments"][0] == place
    assert bool(description["interpreters"]) != bool(description.get("entrypoints"))
    for argument in description["arguments"]:
        if argument.startswith("/var/runtime/"):
            assert (path.parent / argument.removeprefix("/var/runtime/")).is_file()
    if description["executionEnvironment"]:
        assert description["executionEnvironment"] == "AWS_Lambda_" + description["id"]


@pytest.mark.parametrize("runtime, handler, folder", [
    ("python3.11", "app.handler", "hello"), ("nodejs20.x", "index.handler", "hello-node"),
])
def test_examples(start, runtime, handler, folder):
    shutil.copytree(EXAMPLES / folder, start.task, dirs_exist_ok=True)
    function = start(runtime, handler)
    post = function.invoke({"name": "Ada"})
    assert json.loads(post.body) == {"message": "Hello, Ada!", "requestId": "00000000-0000-4000-8000-000000000001"}
    assert "greeting Ada" in function.texts()[0]


@pytest.mark.skipif(shutil.which("curl") is None, reason="the example needs curl")
def test_the_shell_example_is_a_runtime():
    with RuntimeProcess("provided.al2023", EXAMPLES / "hello-shell", "any", framed=False) as function:
        for number in range(2):
            assert json.loads(function.invoke({"n": number}).body) == {"you_sent": {"n": number}}
        assert function.errors().splitlines() == ['event: {"n": 0}', 'event: {"n": 1}']


@pytest.mark.skipif(importlib.util.find_spec("awslambdaric") is None, reason="needs `pip install awslambdaric`")
def test_the_client_of_aws_runs_unmodified(start):
    (start.task / "app.py").write_text("def handler(event, context):\n    return {**event, 'id': context.aws_request_id}\n")
    bootstrap = start.task / "bootstrap"
    bootstrap.write_text(f'#!/bin/sh\nexec {sys.executable} -m awslambdaric "$_HANDLER"\n')
    bootstrap.chmod(0o755)
    packages = pathlib.Path(importlib.util.find_spec("awslambdaric").origin).parent.parent
    function = start("provided.al2023", "app.handler", framed=False, environment={
        "PYTHONPATH": str(packages), "HOME": os.environ.get("HOME", "/")})
    assert json.loads(function.invoke({"n": 1}).body) == {"n": 1, "id": "00000000-0000-4000-8000-000000000001"}
    assert json.loads(function.invoke([]).body)["errorType"] == "TypeError"
    assert json.loads(function.invoke({"n": 2}).body)["n"] == 2
