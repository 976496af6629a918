"""Fixtures for the Java runtime: the functions of `functions/`, compiled once, run by the first JDK that the data file names."""

import pathlib
import shutil
import subprocess

import pytest

import cell_process
import runtime_process

FUNCTIONS = pathlib.Path(__file__).parent / "functions"
RUNTIME = "java17"


@pytest.fixture(scope="session")
def tools():
    """The folder of the JDK's programs, with the runtime made by it."""
    description = runtime_process.bundle(RUNTIME)
    java = runtime_process.interpreter(description)
    if java is None or not pathlib.Path(java).with_name("javac").exists():
        pytest.skip("no JDK 17")
    subprocess.run([f"{description['folder']}/prepare", java, RUNTIME], check=True)
    return pathlib.Path(java).parent


@pytest.fixture(scope="session")
def build(tools, tmp_path_factory):
    """`build([sources])` compiles against the runtime's interfaces alone, and returns the folder of the classes."""
    interfaces = pathlib.Path(runtime_process.bundle(RUNTIME)["folder"]) / f"built/{RUNTIME}/runtime.jar"

    def build(sources):
        folder = tmp_path_factory.mktemp("classes")
        subprocess.run(
            [tools / "javac", "--release", "17", "-parameters", "-cp", interfaces, "-d", folder, *sources], check=True)
        return folder

    return build


@pytest.fixture(scope="session")
def functions(build):
    return build(sorted(FUNCTIONS.rglob("*.java")))


@pytest.fixture
def start_java(functions, tmp_path):
    """`start_java(handler, **options)` runs a function; `package` has it run from a folder of its own."""
    running = []

    def start_java(handler, package=None, **options):
        running.append(runtime_process.RuntimeProcess(RUNTIME, package or functions, handler, **options))
        return running[-1]

    yield start_java
    for process in running:
        process.__exit__()


@pytest.fixture
def boot_java(functions):
    cells = []

    def boot_java(**options):
        cells.append(cell_process.Cell.boot(RUNTIME, functions, **options))
        return cells[-1]

    yield boot_java
    for cell in cells:
        cell.close()


@pytest.fixture
def package(functions, tmp_path):
    """A copy of the functions to add files to."""
    return pathlib.Path(shutil.copytree(functions, tmp_path / "package"))
