"""Container images, made byte by byte: sound ones as a build tool writes them, and such as no build tool would."""

import functools
import gzip
import hashlib
import io
import json
import pathlib
import subprocess
import tarfile

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def architecture():
    machine = subprocess.run(["uname", "-m"], capture_output=True, text=True, check=True).stdout.strip()
    return ARCHITECTURE[machine]


class Layer:
    """A layer as it grows. What is added by one name twice is there twice."""

    def __init__(self, files=(), compression="gzip"):
        self.buffer = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.buffer, mode="w", format=tarfile.PAX_FORMAT)
        self.compression = compression
        for name, content in dict(files).items():
            self.file(name, content)

    def entry(self, name, kind=tarfile.REGTYPE, content=b"", **settings):
        info = tarfile.TarInfo(name)
        info.type, info.size, info.mtime = kind, len(content), 1_700_000_000
        for setting, value in settings.items():
            setattr(info, setting, value)
        self.tar.addfile(info, io.BytesIO(content))
        return self

    def file(self, name, content=b"", mode=0o644, **settings):
        return self.entry(name, content=content.encode() if isinstance(content, str) else content, mode=mode, **settings)

    def program(self, name, content):
        return self.file(name, content, mode=0o755)

    def folder(self, name, mode=0o755):
        return self.entry(name, tarfile.DIRTYPE, mode=mode)

    def link(self, name, target):
        return self.entry(name, tarfile.SYMTYPE, linkname=target)

    def hard_link(self, name, target):
        return self.entry(name, tarfile.LNKTYPE, linkname=target)

    def whiteout(self, name):
        path = pathlib.PurePosixPath(name)
        return self.file(str(path.parent / f".wh.{path.name}"))

    def opaque(self, folder):
        return self.file(f"{folder}/.wh..wh..opq")

    def host_file(self, path, name=None):
        """A file of this machine, links included."""
        path = pathlib.Path(path)
        name = name or str(path).lstrip("/")
        if path.is_symlink():
            return self.link(name, str(path.readlink()))
        return self.file(name, path.read_bytes(), mode=path.stat().st_mode & 0o777)

    @functools.cached_property
    def uncompressed(self):
        self.tar.close()
        return self.buffer.getvalue()

    @functools.cached_property
    def bytes(self):
        if self.compression == "gzip":
            return gzip.compress(self.uncompressed, compresslevel=1, mtime=0)
        if self.compression == "zstd":
            return subprocess.run(["zstd", "-c"], input=self.uncompressed, capture_output=True, check=True).stdout
        return self.uncompressed

    @property
    def media_type(self):
        return LAYER + (f"+{self.compression}" if self.compression else "")


class Image:
    """Layers and a configuration, and how they are told to others."""

    def __init__(self, layers, *, entrypoint=None, command=None, folder=None, variables=None, diff_ids=None, **config):
        self.blobs = {}
        process = {"Entrypoint": entrypoint, "Cmd": command, "WorkingDir": folder,
                   "Env": [f"{name}={value}" for name, value in (variables or {}).items()] or None}
        parts = [self.part(layer.bytes, layer.media_type) for layer in layers]
        self.diff_ids = diff_ids or [digest(layer.uncompressed) for layer in layers]
        self.config = self.part(json.dumps({
            "architecture": architecture(), "os": "linux", "config": {k: v for k, v in process.items() if v},
            "rootfs": {"type": "layers", "diff_ids": self.diff_ids}, **config}).encode(), CONFIG)
        self.manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": self.config, "layers": parts}
        self.root = self.part(json.dumps(self.manifest).encode(), MANIFEST)

    def part(self, data, media_type):
        self.blobs[digest(data)] = data
        return {"mediaType": media_type, "digest": digest(data), "size": len(data)}

    @property
    def digest(self):
        return self.root["digest"]

    def for_platforms(self, *others):
        """The same within an index, behind manifests for other platforms."""
        entries = [{**self.root, "platform": {"os": "linux", "architecture": name}} for name in others]
        for entry in entries:
            entry["digest"] = digest(entry["platform"]["architecture"].encode())
        own = {**self.root, "platform": {"os": "linux", "architecture": architecture()}}
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*entries, own]}
        self.root = self.part(json.dumps(index).encode(), INDEX)
        return self

    def files(self, tag):
        root = {**self.root, "annotations": {"org.opencontainers.image.ref.name": tag}}
        yield "oci-layout", b'{"imageLayoutVersion":"1.0.0"}'
        yield "index.json", json.dumps({"schemaVersion": 2, "manifests": [root]}).encode()
        for name, data in self.blobs.items():
            yield f"blobs/sha256/{name.removeprefix('sha256:')}", data

    def archive(self, path, tag="latest"):
        with tarfile.open(path, "w") as tar:
            for name, data in self.files(tag):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return f"oci-archive:{path}:{tag}"

    def layout(self, folder, tag="latest"):
        for name, data in self.files(tag):
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return f"oci:{folder}:{tag}"


# What a function's image needs to run: this machine's Python, and a client of the Runtime API.

CLIENT = '''
import http.client, importlib, json, os, sys, traceback

sys.path.insert(0, os.getcwd())
connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])

def call(method, path, body=None):
    connection.request(method, "/2018-06-01/runtime/" + path, body)
    response = connection.getresponse()
    return response.headers, response.read()

module, _, name = sys.argv[1].rpartition(".")
handler = getattr(importlib.import_module(module), name)
while True:
    headers, body = call("GET", "invocation/next")
    id = headers["Lambda-Runtime-Aws-Request-Id"]
    try:
        call("POST", f"invocation/{id}/response", json.dumps(handler(json.loads(body), None)))
    except Exception as error:
        report = {"errorType": type(error).__name__, "errorMessage": str(error), "stackTrace": []}
        call("POST", f"invocation/{id}/error", json.dumps(report))
'''

PYTHON_MODULES = [
    "encodings/*.py", "collections/*.py", "http/*.py", "email/*.py", "json/*.py", "importlib/*.py", "importlib/*/*.py",
    "urllib/*.py", "re/*.py", "*.py",
]


def python_layer():
    """The interpreter that runs the tests, by its own paths, as far as `CLIENT` needs it."""
    layer = Layer()
    program = pathlib.Path("/usr/bin/python3").resolve()
    library = pathlib.Path(subprocess.run(
        [program, "-I", "-c", "import sysconfig; print(sysconfig.get_path('stdlib'))"],
        capture_output=True, text=True, check=True).stdout.strip())
    layer.host_file(program).link("usr/bin/python3", program.name)
    seen = set()
    for pattern in PYTHON_MODULES:
        for path in library.glob(pattern):
            if path not in seen and path.is_file():
                seen.add(path)
                layer.host_file(path)
    objects = [program]
    for path in (library / "lib-dynload").glob("*.so"):
        if path.name.split(".")[0] in ("_json", "_random", "_hashlib", "_ssl", "_contextvars"):
            layer.host_file(path)
            objects.append(path)
    for path in {line for item in objects for line in shared_objects(item)}:
        # By the name that the linker looks for, whatever link that is here.
        layer.file(path.lstrip("/"), pathlib.Path(path).read_bytes(), mode=0o755)
    return layer


def shared_objects(program):
    text = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    for line in text.splitlines():
        for word in line.split():
            if word.startswith("/"):
                yield word
