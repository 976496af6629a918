"""Programs that wait for calls by Go's own `net/rpc`, under go1.x."""

import base64
import json
import pathlib
import shutil
import subprocess

import pytest

PROGRAM = pathlib.Path(__file__).parent / "program"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    if not shutil.which("go"):
        pytest.skip("no Go compiler on this host")
    path = tmp_path_factory.mktemp("go") / "program"
    subprocess.run(["go", "build", "-o", str(path), "."], cwd=PROGRAM, check=True)
    return path


@pytest.fixture
def program(built, start):
    shutil.copy(built, start.task / "program")
    return start("go1.x", "program")


def test_an_event_and_its_context_arrive(program):
    request = json.loads(program.invoke({"n": "größe"}).body)
    assert json.loads(base64.b64decode(request["Payload"])) == {"n": "größe"}
    assert request["RequestId"] == "00000000-0000-4000-8000-000000000001"
    assert request["InvokedFunctionArn"].startswith("arn:aws:lambda:")
    assert request["XAmznTraceId"].startswith("Root=")
    assert request["Deadline"]["Seconds"] > 1_700_000_000


def test_an_error_has_its_frames(program):
    answer = program.invoke({"do": "fail"})
    assert answer.path.endswith("/error")
    assert json.loads(answer.body) == {
        "errorMessage": "asked to", "errorType": "Asked",
        "stackTrace": [{"path": "main.go", "line": 7, "label": "handle"}, {"path": "", "line": -1, "label": "top"}],
    }
    assert program.invoke({}).path.endswith("/response")


def test_what_cannot_be_read_is_an_error(program):
    answer = json.loads(program.invoke([1]).body)
    assert "cannot unmarshal array" in answer["errorMessage"]


@pytest.mark.parametrize("count", [0, 1, 127, 128, 70_000, 5_000_000])
def test_answers_of_every_size(program, count):
    assert json.loads(program.invoke({"do": "large", "count": count}).body) == "x" * count


def test_a_panic_ends_the_runtime(program):
    assert json.loads(program.invoke({"do": "panic"}).body)["errorType"] == "Asked"
    assert program.exit_code() == 1


def test_the_runtime_ends_as_the_program_does(program):
    program.api.send({"do": "exit", "count": 7})
    assert program.exit_code() == 7


def test_a_missing_program_is_an_init_error(start):
    runtime = start("go1.x", "nothing")
    assert runtime.exit_code() == 1
    assert json.loads(runtime.api.result().body)["errorType"] == "PathError"
