"""Functions in C#, compiled as users without an SDK compile them."""

import pathlib
import subprocess

import pytest

import runtime_process

BUNDLE = pathlib.Path(__file__).resolve().parent.parent
RUNTIME = "dotnetcore3.1"
PACKAGES = BUNDLE / "bin" / RUNTIME / "packages"


@pytest.fixture(scope="session")
def host():
    """The program `dotnet`, with the runtime compiled for it."""
    program = runtime_process.interpreter(runtime_process.bundle(RUNTIME))
    if program is None:
        pytest.skip("no .NET: pip install dotnetcore2")
    made = subprocess.run([BUNDLE / "build", program, RUNTIME, "3.1"], stderr=subprocess.PIPE, text=True)
    if made.returncode:
        pytest.skip(made.stderr)
    return program


@pytest.fixture(scope="session")
def compile_to(host):
    """`compile_to(path, source, *options)` makes an assembly or a program, which may refer to those that the runtime brings."""

    def compile_to(path, source, *options, packages=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        text = path.with_suffix(".cs")
        text.write_text(source)
        version = (BUNDLE / "bin" / RUNTIME / "made").read_text().strip()
        framework = pathlib.Path(host).resolve().parent / "shared/Microsoft.NETCore.App" / version
        provided = [f"-r:{each}" for each in PACKAGES.glob("*.dll")] if packages else []
        kind = "exe" if path.name == "Program.dll" else "library"
        subprocess.run([BUNDLE / "compile", framework, f"-target:{kind}", f"-out:{path}", *provided, *options, text], check=True)
        text.unlink()
        return path

    return compile_to


@pytest.fixture
def launch(start, host):
    """`launch(handler, **options)`: the function in `task`, in a runtime of its own."""
    return lambda handler, runtime=RUNTIME, **options: start(runtime, handler, executable=host, **options)


@pytest.fixture
def wait(boot, host):
    """A cell."""
    return lambda: boot(RUNTIME, executable=host)
