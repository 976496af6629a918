"""Apus's own program as a client: deploy, invoke, logs, list, delete, env, config."""

import json
import os
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.server import ROOT, binary
from support.waiting import eventually

HELLO = ROOT / "Examples/hello"


@pytest.fixture(scope="module")
def apus(server):
    """Runs `apus …` against the session's server."""

    def run(*arguments, check=True, input=None):
        done = subprocess.run(
            [str(binary()), *map(str, arguments)], capture_output=True, text=True, timeout=60, cwd=ROOT,
            env=server.client_environment(), input=input if input is not None else "")
        if check:
            assert done.returncode == 0, f"apus {arguments}\n{done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture
def hello(apus, functions):
    apus("deploy", HELLO, "--json")
    return functions.adopt("hello")


def test_deploy_invoke_logs_list_delete(apus, hello):
    answer = json.loads(apus("invoke", "hello", "--payload", '{"name": "Ada"}', "--json").stdout)
    assert "Ada" in json.dumps(answer)
    again = apus("deploy", HELLO, "--json")
    json.loads(again.stdout)
    listed = json.loads(apus("list", "--json").stdout)
    assert "hello" in json.dumps(listed)
    eventually(lambda: "START RequestId" in apus("logs", "hello").stdout, "the log")
    for line in apus("logs", "hello", "--json").stdout.splitlines():
        json.loads(line)
    apus("delete", "hello", "--json")
    missing = apus("invoke", "hello", check=False)
    assert missing.returncode != 0
    assert "Function not found" in missing.stderr + missing.stdout


def test_deploy_turns_the_snapshot_on_and_off(apus, client, functions):
    def deploy(*options):
        return json.loads(apus("deploy", HELLO, "--name", "snapshot", "--json", *options).stdout)["action"]

    def tags():
        return client.list_tags(Resource=function.arn)["Tags"]

    assert deploy("--snapshot") == "created"
    function = functions.adopt("snapshot")
    client.tag_resource(Resource=function.arn, Tags={"team": "swift"})
    assert tags() == {"apus:snapshot": "on", "team": "swift"}
    # Without the flag it stays as it is.
    assert (deploy(), deploy("--snapshot")) == ("unchanged", "unchanged")
    assert (deploy("--no-snapshot"), tags()) == ("updated", {"team": "swift"})
    assert (deploy(), deploy("--no-snapshot")) == ("unchanged", "unchanged")
    assert (deploy("--snapshot"), tags()) == ("updated", {"apus:snapshot": "on", "team": "swift"})


def test_the_snapshot_example_forks_its_environments(apus, client, functions):
    apus("deploy", ROOT / "Examples/hello-snapshot", "--snapshot", "--json")
    function = functions.adopt("hello-snapshot")

    def call(number):
        return json.load(client.invoke(FunctionName=function.name, Payload=json.dumps({"number": number}))["Payload"])

    def environments():
        with ThreadPoolExecutor(8) as callers:
            answers = list(callers.map(call, range(32)))
        assert [answer["square"] for answer in answers] == [number * number for number in range(32)]
        return {answer["environment"] for answer in answers}

    eventually(lambda: len(environments()) > 1, "more than one environment")
    assert None not in environments()
    eventually(lambda: "RESTORE_START" in apus("logs", function.name).stdout, "a fork's log")


def test_layers(apus, functions, tmp_path):
    module, app = tmp_path / "greetings/python/greeting.py", tmp_path / "reader/app.py"
    for file, text in (
        (module, "TEXT = 'from the layer'\n"),
        (app, "import greeting\ndef handler(event, context):\n    return greeting.TEXT\n"),
    ):
        file.parent.mkdir(parents=True)
        file.write_text(text)
    published = json.loads(apus(
        "layer", "publish", tmp_path / "greetings", "--runtime", "python3.12", "--description", "hi", "--json").stdout)
    version = f"greetings:{published['version']}"
    assert published["arn"].endswith(f":layer:{version}")

    def deploy(*options):
        return json.loads(apus("deploy", tmp_path / "reader", "--json", *options).stdout)["action"]

    assert deploy("--layer", version) == "created"
    function = functions.adopt("reader")
    assert function.invoke().ok() == "from the layer"
    # Without the option they stay as they are.
    assert (deploy(), deploy("--layer", published["arn"])) == ("unchanged", "unchanged")
    assert apus("layer", "publish", tmp_path / "greetings").stdout.strip().endswith(f":greetings:{published['version'] + 1}")
    assert deploy("--layer", f"greetings:{published['version'] + 1}") == "updated"

    listed = json.loads(apus("layer", "list", "greetings", "--json").stdout)
    assert [each["version"] for each in listed] == [published["version"] + 1, published["version"]]
    assert (listed[1]["runtimes"], listed[1]["description"]) == (["python3.12"], "hi")
    assert "greetings" in apus("layer", "list").stdout
    for each in listed:
        apus("layer", "delete", each["arn"])
    assert json.loads(apus("layer", "list", "greetings", "--json").stdout) == []
    assert function.invoke().ok() == "from the layer"
    refusal = apus("deploy", tmp_path / "reader", "--layer", "greetings", check=False)
    assert (refusal.returncode, "NAME:VERSION" in refusal.stderr) == (4, True)


def test_a_failing_function_gives_an_exit_code(apus, functions):
    function = functions.create("def handler(event, context):\n    raise ValueError('no')\n")
    done = apus("invoke", function.name, check=False)
    assert done.returncode != 0
    assert "ValueError" in done.stdout + done.stderr


def test_logs_follow(server, functions):
    function = functions.create("def handler(event, context):\n    print('followed', event['n'])\n")
    function.invoke({"n": 0})
    process = subprocess.Popen(
        [str(binary()), "logs", function.name, "--follow"], stdout=subprocess.PIPE, cwd=ROOT,
        env=server.client_environment(), stdin=subprocess.DEVNULL)
    try:
        os.set_blocking(process.stdout.fileno(), False)
        seen = b""

        def line(text):
            nonlocal seen
            seen += process.stdout.read() or b""
            return text in seen

        eventually(lambda: line(b"followed 0"), "what was there before")
        function.invoke({"n": 1})
        eventually(lambda: line(b"followed 1"), "what came after")
    finally:
        process.terminate()
        process.wait(10)


def test_env_prints_what_a_shell_needs(server):
    done = subprocess.run(
        [str(binary()), "env", "--data", str(server.data)], capture_output=True, text=True, timeout=20, cwd=ROOT,
        stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    exports = dict(
        part.split("=", 1) for line in done.stdout.splitlines() if line.startswith("export ")
        for part in shlex.split(line)[1:])
    access, secret = server.credentials
    assert exports["AWS_ACCESS_KEY_ID"] == access
    assert exports["AWS_SECRET_ACCESS_KEY"] == secret
    assert exports["AWS_ENDPOINT_URL"].startswith("http://")


def test_config_tells_values_and_their_origin(server):
    done = subprocess.run(
        [str(binary()), "config", "--json"], capture_output=True, text=True, timeout=20, cwd=ROOT, stdin=subprocess.DEVNULL,
        env={**os.environ, "APUS_LISTEN": "127.0.0.1:4999"})
    assert done.returncode == 0, done.stderr
    json.loads(done.stdout)
    assert "127.0.0.1:4999" in done.stdout
    assert "environment" in done.stdout.lower()


def test_deploy_of_a_folder_that_is_not_there(apus, tmp_path):
    done = apus("deploy", tmp_path / "nowhere", check=False)
    assert done.returncode != 0
    assert "nowhere" in done.stderr + done.stdout


def test_without_a_server(apus, server):
    done = subprocess.run(
        [str(binary()), "list"], capture_output=True, text=True, timeout=30, cwd=ROOT, stdin=subprocess.DEVNULL,
        env={**server.client_environment(), "AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    assert done.returncode != 0
    assert "127.0.0.1:1" in done.stderr + done.stdout


