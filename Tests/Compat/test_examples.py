"""The examples, by the very commands that their READMEs show; and `apus init`, which copies them."""

import json
import re
import shlex
import shutil
import subprocess

import pytest

from support.conformance import runtimes
from support.functions import Functions
from support.server import ROOT, Server, binary

EXAMPLES = ROOT / "Examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/README.md"))

# What builds an example, for those that are built.
TOOLS = {
    "hello-c": "cc", "hello-dotnet": "mcs", "hello-go": "go", "hello-java": "javac", "hello-ruby": "ruby",
    "hello-rust": "cargo", "hello-shell": "curl", "hello-swift": "swift",
}


def commands(readme):
    """The `apus` commands of a README, each with what it says comes of it (an empty text: nothing)."""
    lines = [line.strip() for line in readme.read_text().splitlines() if line.startswith("    apus ")]
    return [(shlex.split(line.split("→")[0]), line.partition("→")[2].strip()) for line in lines]


def matches(answer, shown):
    """Whether an answer is the one that a README shows, where `…` stands for whatever it is."""
    pattern = ".*".join(re.escape(part) for part in json.dumps(json.loads(shown), ensure_ascii=False).split("…"))
    return re.fullmatch(pattern, json.dumps(json.loads(answer), ensure_ascii=False))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server for which other versions answer where the host has not the ones that the examples name."""
    arguments = [argument for row in runtimes() for argument in row.arguments]
    server = Server(tmp_path_factory.mktemp("examples"), arguments=arguments).start()
    yield server
    server.stop()


@pytest.fixture
def functions(server):
    functions = Functions(server)
    yield functions
    functions.close()


@pytest.fixture
def run(server):
    def run(arguments, folder=ROOT):
        done = subprocess.run(
            [str(binary()), *arguments[1:]], capture_output=True, text=True, timeout=300, cwd=folder,
            env=server.client_environment(), stdin=subprocess.DEVNULL)
        assert done.returncode == 0, f"{shlex.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


@pytest.mark.parametrize("name", NAMES)
def test_example(run, functions, name):
    if name in TOOLS and not shutil.which(TOOLS[name]):
        pytest.skip(f"no {TOOLS[name]} on this host")
    shown = commands(EXAMPLES / name / "README.md")
    assert [arguments[1] for arguments, _ in shown[:2]] == ["deploy", "invoke"], "the README shows how to run it"
    for arguments, expected in shown:
        answer = run(arguments)
        if arguments[1] == "deploy":
            functions.adopt(name)
        if expected:
            assert matches(answer, expected), f"{shlex.join(arguments)} answered {answer}"


def test_init_lists_the_examples(run):
    assert sorted(each["name"] for each in json.loads(run(["apus", "init", "--json"]))) == NAMES
    assert all(each["title"] for each in json.loads(run(["apus", "init", "--json"])))


def test_init_makes_a_function(run, functions, tmp_path):
    next = json.loads(run(["apus", "init", "hello", "mine", "--json"], tmp_path))["next"]
    assert (tmp_path / "mine/app.py").read_text() == (EXAMPLES / "hello/app.py").read_text()
    run(shlex.split(next), tmp_path)
    function = functions.adopt("mine")
    assert "Ada" in function.invoke({"name": "Ada"}).ok()["message"]


@pytest.mark.parametrize("arguments, why", [(["nonsense"], "no example nonsense"), (["hello", "."], "exists already")])
def test_init_refuses(server, tmp_path, arguments, why):
    done = subprocess.run(
        [str(binary()), "init", *arguments], capture_output=True, text=True, timeout=60, cwd=tmp_path,
        env=server.client_environment())
    assert (done.returncode, done.stdout) == (4, "")
    assert why in done.stderr


def test_a_failed_build_says_so(server, tmp_path):
    (tmp_path / "Makefile").write_text("build-broken:\n\t@echo the reason >&2; exit 3\n")
    done = subprocess.run(
        [str(binary()), "deploy", str(tmp_path), "--name", "broken"], capture_output=True, text=True, timeout=60,
        env=server.client_environment(), stdin=subprocess.DEVNULL)
    assert done.returncode == 4
    assert "the reason" in done.stderr and "the build with make failed" in done.stderr
