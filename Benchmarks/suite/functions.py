"""The functions that are measured."""

import dataclasses
import functools
import io
import pathlib
import shutil
import subprocess
import tempfile
import zipfile

from .native import program
from .paths import PYTHON, ROOT


@dataclasses.dataclass(frozen=True)
class Function:
    runtime: str
    handler: str
    package: bytes


def package(files):
    """A zip of names and bytes; everything in it may be executed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


@functools.cache
def python_runtime():
    version = subprocess.run([PYTHON, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    return "python" + ".".join(version.split(".")[:2])


def python(source, runtime=None):
    return Function(runtime or python_runtime(), "app.handler", package({"app.py": source}))


def hello_python():
    """Examples/hello."""
    files = {path.name: path.read_bytes() for path in (ROOT / "Examples/hello").glob("*.py")}
    return Function(python_runtime(), "app.handler", package(files))


def hello_node():
    """None where there is no Node that Apus has a runtime for."""
    node = shutil.which("node")
    if node is None:
        return None
    major = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.lstrip("v").split(".")[0]
    if not (ROOT / f"Runtimes/node/nodejs{major}.x.json").exists():
        major = "22"  # the runtime says which Node it finds
    source = b'exports.handler = async () => "hello"\n'
    return Function(f"nodejs{major}.x", "app.handler", package({"app.js": source}))


@functools.cache
def ruby_runtime():
    """The id that the host's Ruby answers to, and the server's arguments where it is older than all that AWS has ids for."""
    ruby = shutil.which("ruby")
    if ruby is None:
        return None, []
    version = subprocess.run([ruby, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    own = "ruby" + ".".join(version.split(".")[:2])
    return ("ruby3.2", ["--runtime-map", "ruby3.2=ruby3.1"]) if own == "ruby3.1" else (own, [])


def hello_ruby():
    """Examples/hello-ruby, or None where there is no Ruby."""
    runtime = ruby_runtime()[0]
    source = (ROOT / "Examples/hello-ruby/app.rb").read_bytes()
    return Function(runtime, "app.handler", package({"app.rb": source})) if runtime else None


def built(name):
    """The files that an example's makefile makes."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["make", "--silent", "-C", str(ROOT / "Examples" / name), f"build-{name}", f"ARTIFACTS_DIR={folder}"], check=True)
        paths = [path for path in pathlib.Path(folder).rglob("*") if path.is_file()]
        return package({str(path.relative_to(folder)): path.read_bytes() for path in paths})


def hello_java():
    """Examples/hello-java, or None where there is no compiler."""
    return Function("java17", "hello.Function", built("hello-java")) if shutil.which("javac") else None


def hello_dotnet():
    """Examples/hello-dotnet, or None where there is no .NET Core 3.1, or no compiler."""
    host = pathlib.Path("/usr/local/share/dotnet/shared/Microsoft.NETCore.App")
    if not shutil.which("mcs") or not list(host.glob("3.1.*")):
        return None
    return Function("dotnetcore3.1", "Hello::Hello.Function::Handle", built("hello-dotnet"))


def hello_custom():
    """A static C program."""
    binary = program("runtime", "-static").read_bytes()
    return Function("provided.al2023", "none", package({"bootstrap": binary}))


def sleeping(seconds):
    return python(f"import time\n\ndef handler(event, context):\n    time.sleep({seconds})\n    return 'hello'\n")


def snapstart_runtime():
    """A Python that SnapStart is for, and the server's arguments where the machine's own has to answer to its name."""
    own = python_runtime()
    if int(own.removeprefix("python3.")) >= 12:
        return own, []
    return "python3.12", ["--runtime-map", f"python3.12={own}"]


def slow_to_start(seconds):
    """Its init takes so long."""
    source = f"import time\n\ntime.sleep({seconds})\n\ndef handler(event, context):\n    return 'hello'\n"
    return python(source, snapstart_runtime()[0])
