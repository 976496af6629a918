"""Functions made for one test and taken away after it."""

import base64
import concurrent.futures
import itertools
import json
import os
import re
import subprocess
import textwrap

import pytest

from support.packages import pack
from support.server import ACCOUNT, REGION

ROLE = f"arn:aws:iam::{ACCOUNT}:role/apus-test"
names = (f"t{os.getpid()}-{number}" for number in itertools.count(1))


def python_runtime():
    """The id that the host's python3 answers to."""
    version = subprocess.run(["/usr/bin/python3", "--version"], capture_output=True, text=True).stdout
    return "python" + re.search(r"3\.\d+", version)[0]


PYTHON = python_runtime()

# SnapStart is for Python 3.12 and later; where the host's is older, it may answer to that name.
HAS_SNAPSTART = int(PYTHON.removeprefix("python3.")) >= 12
SNAPSTART_PYTHON = PYTHON if HAS_SNAPSTART else "python3.12"
SNAPSTART_ARGUMENTS = [] if HAS_SNAPSTART else ["--runtime-map", f"{SNAPSTART_PYTHON}={PYTHON}"]

# By this tag $LATEST starts from a snapshot too, whatever its runtime.
SNAPSHOT_TAG = {"apus:snapshot": "on"}


def node_runtime():
    """The id that the host's Node.js answers to, or a skip that names what is missing."""
    try:
        version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout
        major = int(re.match(r"v(\d+)", version)[1])
    except (OSError, TypeError):
        pytest.skip("missing: Node.js")
    if major not in (20, 22, 24):
        pytest.skip(f"missing: Node.js 20, 22 or 24 (this host has {version.strip()})")
    return f"nodejs{major}.x"


class Reply:
    """An answer of Invoke."""

    def __init__(self, response):
        self.status = response["StatusCode"]
        self.error = response.get("FunctionError")
        self.version = response.get("ExecutedVersion")
        self.payload = response["Payload"].read() if "Payload" in response else b""
        self.headers = response["ResponseMetadata"]["HTTPHeaders"]
        self.request_id = response["ResponseMetadata"]["RequestId"]
        self.log = base64.b64decode(response.get("LogResult", "")).decode(errors="replace")

    @property
    def json(self):
        return json.loads(self.payload)

    def ok(self):
        """The value, or a failure that shows what the function said."""
        assert self.error is None, f"the function failed: {self.payload.decode(errors='replace')}\n{self.log}"
        return self.json


class Function:
    def __init__(self, functions, name):
        self.functions = functions
        self.name = name

    @property
    def client(self):
        return self.functions.server_client

    @property
    def arn(self):
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.name}"

    @property
    def log_group(self):
        return f"/aws/lambda/{self.name}"

    def invoke(self, payload=None, *, tail=True, client=None, **settings):
        body = b"{}" if payload is None else payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        if tail and settings.get("InvocationType", "RequestResponse") == "RequestResponse":
            settings.setdefault("LogType", "Tail")
        return Reply((client or self.client).invoke(FunctionName=self.name, Payload=body, **settings))

    def spread(self, count, payload=None, **settings):
        """The replies of so many calls at the same time. Each runs in an environment of its own if the handler takes its time."""
        client = self.functions.server.client("lambda", max_pool_connections=count)
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            return list(pool.map(lambda _: self.invoke(payload, client=client, **settings), range(count)))

    def publish(self, wait=True):
        """A new version. With SnapStart, its snapshot has been taken by then."""
        version = self.client.publish_version(FunctionName=self.name)["Version"]
        if wait:
            self.client.get_waiter("published_version_active").wait(
                FunctionName=self.name, Qualifier=version, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600})
        return version

    def delete(self):
        self.client.delete_function(FunctionName=self.name)

    def update_code(self, files, **settings):
        data = files if isinstance(files, bytes) else pack(source(files))
        answer = self.client.update_function_code(FunctionName=self.name, ZipFile=data, **settings)
        self.wait_updated()
        return answer

    def configure(self, **settings):
        answer = self.client.update_function_configuration(FunctionName=self.name, **settings)
        self.wait_updated()
        return answer

    def wait_active(self):
        self.client.get_waiter("function_active_v2").wait(
            FunctionName=self.name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600})

    def wait_updated(self):
        self.client.get_waiter("function_updated_v2").wait(
            FunctionName=self.name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600})


def source(code, file="app.py"):
    """Files from one handler's text, or files as they are."""
    return {file: textwrap.dedent(code)} if isinstance(code, str) else code


class Functions:
    """Creates functions on one server; `close` deletes them, last first."""

    def __init__(self, server):
        self.server = server
        self._client = None
        self._url = None
        self.made = []

    @property
    def server_client(self):
        if self._url != self.server.url:  # a restarted server has another port
            self._client, self._url = self.server.client("lambda"), self.server.url
        return self._client

    def create(self, code, *, runtime=PYTHON, handler="app.handler", name=None, wait=True, **settings):
        """`code`: the text of app.py, a dictionary of files, or the bytes of a zip."""
        data = code if isinstance(code, bytes) else pack(source(code))
        return self.create_raw(
            name=name, wait=wait, Runtime=runtime, Handler=handler, Role=ROLE, Code={"ZipFile": data}, **settings)

    def node(self, code, *, file="index.js", handler="index.handler", **settings):
        return self.create(source(code, file), runtime=node_runtime(), handler=handler, **settings)

    def custom(self, script, **settings):
        """A `bootstrap` of one's own, for provided.al2023."""
        settings = {"runtime": "provided.al2023", "handler": "bootstrap", **settings}
        return self.create({"bootstrap": textwrap.dedent(script)}, **settings)

    def snapstart(self, code, **settings):
        """A function whose published versions start from a snapshot; the server needs SNAPSTART_ARGUMENTS."""
        return self.create(code, runtime=SNAPSTART_PYTHON, SnapStart={"ApplyOn": "PublishedVersions"}, **settings)

    def create_raw(self, name=None, wait=True, **settings):
        name = name or next(names)
        self.server_client.create_function(FunctionName=name, **settings)
        return self.adopt(name, wait)

    def adopt(self, name, wait=True):
        """A function that something else created, to be deleted with the others."""
        function = Function(self, name)
        self.made.append(function)
        if wait:
            function.wait_active()
        return function

    def close(self):
        while self.made:
            function = self.made.pop()
            if not self.server.alive:
                continue
            try:
                self.server_client.delete_function(FunctionName=function.name)
            except self.server_client.exceptions.ResourceNotFoundException:
                pass  # the test deleted it
