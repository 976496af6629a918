"""Fixtures for the tests of all runtimes: `python3 -m pytest Runtimes`."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "tests"))

import runtime_process


@pytest.fixture
def start(tmp_path):
    """`start(runtime, handler, {file: text}, **options)` runs a function; it is ended with the test."""
    running = []
    task = tmp_path / "task"
    task.mkdir()

    def start(runtime, handler, files=None, **options):
        description = runtime_process.bundle(runtime)
        options.setdefault("executable", runtime_process.interpreter(description))
        if description["interpreters"] and options["executable"] is None:
            pytest.skip(f"no interpreter for {runtime}")
        for name, text in (files or {}).items():
            path = task / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        running.append(runtime_process.RuntimeProcess(runtime, task, handler, **options))
        return running[-1]

    start.task = task
    yield start
    for process in running:
        process.__exit__()
