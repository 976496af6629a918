"""The server under test, and signed calls of its API. Nothing but Python's standard library."""

import base64
import configparser
import contextlib
import datetime
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import signal
import subprocess
import urllib.parse
import sys
import tempfile
import time

from . import processes
from .paths import BINARY, ROOT

REGION, ROLE = "us-east-1", "arn:aws:iam::000000000000:role/benchmark"


class Refused(Exception):
    """The server answered a call with an error."""


class Server:
    def __init__(self, folder, arguments=()):
        self.folder, self.arguments, self.process = pathlib.Path(folder), arguments, None

    # Life

    def start(self):
        """Returns the seconds until the ready line."""
        output = self.folder / "stdout"
        with open(output, "wb") as out, open(self.folder / "stderr", "ab") as err:
            began = time.monotonic()
            self.process = subprocess.Popen(
                [str(BINARY), "serve", "--data", str(self.folder / "data"), "--listen", "127.0.0.1:0", *self.arguments],
                stdout=out, stderr=err, stdin=subprocess.DEVNULL, cwd=ROOT)
        while True:
            taken = time.monotonic() - began
            text = output.read_text()
            if "ready http://" in text and text.endswith("\n"):
                self.host, _, port = text.split("ready http://")[1].split()[0].rstrip("/").rpartition(":")
                self.port = int(port)
                file = configparser.ConfigParser()
                file.read(self.folder / "data/credentials")
                self.access, self.secret = file["default"]["aws_access_key_id"], file["default"]["aws_secret_access_key"]
                return taken
            if self.process.poll() is not None or taken > 30:
                sys.exit("the server did not start:\n" + (self.folder / "stderr").read_text()[-3000:])
            time.sleep(0.001)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    # Its use of the machine

    @property
    def pid(self):
        return self.process.pid

    def resident_mib(self):
        return processes.resident_mib(self.pid)

    def cpu_seconds(self):
        return processes.cpu_seconds(self.pid)

    # Calls

    def signed(self, method, path, body, query="", extra=None):
        """The headers of a request; `extra` ones are sent unsigned."""
        now = datetime.datetime.now(datetime.timezone.utc)
        stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        host, scope = f"{self.host}:{self.port}", f"{day}/{REGION}/lambda/aws4_request"
        canonical = "\n".join(
            [method, urllib.parse.quote(path), query, f"host:{host}", f"x-amz-date:{stamp}", "", "host;x-amz-date",
             hashlib.sha256(body).hexdigest()])
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + self.secret).encode()
        for part in (day, REGION, "lambda", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        return {
            "Host": host, "X-Amz-Date": stamp, "Content-Type": "application/json",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={self.access}/{scope}, SignedHeaders=host;x-amz-date, "
                             f"Signature={signature}", **(extra or {})}

    def connect(self):
        return http.client.HTTPConnection(self.host, self.port, timeout=60)

    def call(self, method, path, document=None, connection=None):
        """Returns the body of the answer; raises `Refused`."""
        body = b"" if document is None else json.dumps(document).encode()
        bare, _, query = path.partition("?")
        mine = connection or self.connect()
        mine.request(method, path, body, self.signed(method, bare, body, query))
        answer = mine.getresponse()
        data = answer.read()
        if connection is None:
            mine.close()
        if answer.status >= 300 or answer.getheader("X-Amz-Function-Error"):
            raise Refused(f"{method} {path}: {answer.status} {data[:500].decode(errors='replace')}")
        return data

    def invoke(self, name, connection=None):
        return self.call("POST", f"/2015-03-31/functions/{name}/invocations", {}, connection)

    def invocation(self, name, extra=None):
        """The bytes of an Invoke request."""
        path, body = f"/2015-03-31/functions/{name}/invocations", b"{}"
        head = "".join(f"{key}: {value}\r\n" for key, value in self.signed("POST", path, body, extra=extra).items())
        return f"POST {path} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def create(self, name, function, memory=1769, **settings):
        self.call("POST", "/2015-03-31/functions", {
            "FunctionName": name, "Runtime": function.runtime, "Role": ROLE, "Handler": function.handler, "MemorySize": memory,
            "Timeout": 30, "Code": {"ZipFile": base64.b64encode(function.package).decode()}, **settings})

    def wait(self, name, qualifier="$LATEST"):
        """Until it can be called; raises `Refused` after 20 seconds."""
        path = f"/2015-03-31/functions/{name}/configuration?Qualifier={qualifier.replace('$', '%24')}"
        deadline = time.monotonic() + 20
        while (state := json.loads(self.call("GET", path))["State"]) != "Active":
            if state == "Failed" or time.monotonic() > deadline:
                raise Refused(f"{name}:{qualifier} is {state}")
            time.sleep(0.01)

    def publish(self, name):
        """Returns the number of a new version."""
        return json.loads(self.call("POST", f"/2015-03-31/functions/{name}/versions", {}))["Version"]

    def delete(self, name):
        self.call("DELETE", f"/2015-03-31/functions/{name}")

    @contextlib.contextmanager
    def functions(self, names, function, memory=1769, **settings):
        """Functions that are there and active, and gone afterwards."""
        for name in names:
            self.create(name, function, memory, **settings)
        for name in names:
            self.wait(name)
        try:
            yield names
        finally:
            for name in names:
                self.delete(name)


@contextlib.contextmanager
def fresh_server(arguments=()):
    """A running server with a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="apus-benchmark-") as folder:
        os.chmod(folder, 0o711)
        server = Server(folder, arguments)
        server.start()
        try:
            yield server
        finally:
            server.stop()
