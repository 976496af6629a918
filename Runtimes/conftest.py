"""Fixtures for the tests of all runtimes: `python3 -m pytest Runtimes`."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "tests"))

import cell_process
import runtime_process


@pytest.fixture
def task(tmp_path):
    """The folder of the function's code."""
    task = tmp_path / "task"
    task.mkdir()
    return task


@pytest.fixture
def start(task):
    """`start(runtime, handler, {file: text}, **options)` runs a function; it is ended with the test."""
    running = []

    def start(runtime, handler, files=None, **options):
        options.setdefault("executable", find_interpreter(runtime))
        write(task, files)
        running.append(runtime_process.RuntimeProcess(runtime, task, handler, **options))
        return running[-1]

    start.task = task
    yield start
    for process in running:
        process.__exit__()


@pytest.fixture
def boot(task):
    """`boot(runtime, {file: text}, **options)` boots a cell; it and its forks are ended with the test."""
    running = []

    def boot(runtime, files=None, **options):
        options.setdefault("executable", find_interpreter(runtime))
        write(task, files)
        running.append(cell_process.Cell.boot(runtime, task, **options))
        return running[-1]

    yield boot
    for cell in running:
        cell.close()


def find_interpreter(runtime):
    description = runtime_process.bundle(runtime)
    executable = runtime_process.interpreter(description)
    if description["interpreters"] and executable is None:
        pytest.skip(f"no interpreter for {runtime}")
    return executable


def write(folder, files):
    for name, text in (files or {}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
