"""Deployment packages."""

import hashlib
import io
import pathlib
import stat
import subprocess
import sys
import zipfile

from support.server import ROOT

WHEN = (2026, 1, 1, 0, 0, 0)


def entry(name, mode=0o644, link=False):
    info = zipfile.ZipInfo(name, WHEN)
    info.create_system = 3  # Unix, so that the mode counts
    info.external_attr = ((stat.S_IFLNK if link else stat.S_IFREG) | mode) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def pack(files, links=(), executable=("bootstrap",)):
    """A zip of `files` (name → text or bytes). The same input gives the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            archive.writestr(entry(name, 0o755 if name in executable else 0o644), data)
        for name, target in dict(links).items():
            archive.writestr(entry(name, 0o777, link=True), target)
    return buffer.getvalue()


def pack_folder(folder, extra=None, executable=("bootstrap",)):
    """A zip of everything under `folder`, with `extra` files on top."""
    files = {}
    for path in sorted(pathlib.Path(folder).rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            files[str(path.relative_to(folder))] = path.read_bytes()
    return pack({**files, **(extra or {})}, executable=executable)


def dependencies():
    """A folder with the packages of requirements-functions.txt, installed the way the AWS documentation says."""
    requirements = ROOT / "Tests/requirements-functions.txt"
    key = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    target = ROOT / ".venv/functions" / key
    if not (target / "six.py").exists():
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--requirement", str(requirements),
             "--target", str(target)],
            check=True)
    return target


def zeros(size, name="zeros.bin"):
    """A small zip that unpacks to `size` bytes."""
    buffer = io.BytesIO()
    chunk = bytes(1 << 20)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(entry("app.py"), "def handler(event, context):\n    return 1\n")
        with archive.open(entry(name), "w") as file:
            left = size
            while left > 0:
                file.write(chunk[:min(left, len(chunk))])
                left -= len(chunk)
    return buffer.getvalue()
