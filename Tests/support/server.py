"""The release build, started the way a user starts it."""

import configparser
import os
import pathlib
import signal
import subprocess
import time

import boto3
import botocore.config

from support.waiting import eventually

ROOT = pathlib.Path(__file__).resolve().parents[2]
REGION = "us-east-1"
ACCOUNT = "000000000000"
READY_DEADLINE = 20.0
# Of a crash, the thread that crashed is enough.
BACKTRACE = "threads=crashed,registers=none,images=none,color=no,limit=none"


def binary():
    """The program under test: APUS_BINARY, or the release build of this checkout."""
    path = pathlib.Path(os.environ.get("APUS_BINARY", ROOT / ".build/release/apus"))
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there: build it with `swift build -c release`, or set APUS_BINARY")
    return path


class Server:
    """One `apus serve` over one data folder. It may be stopped, killed and started again; the folder stays."""

    #: Every server of this run, for the report of a failed test.
    all = []

    def __init__(self, folder, *, dev=False, arguments=(), environment=None, prefix=()):
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self.dev = dev
        self.arguments = list(arguments)
        # What executes the server in the end, such as `setpriv`.
        self.prefix = list(prefix)
        self.environment = {**os.environ, "SWIFT_BACKTRACE": BACKTRACE, **(environment or {})}
        self.process = None
        self.url = None
        self.ready_seconds = None
        self.folder.mkdir(parents=True, exist_ok=True)
        Server.all.append(self)

    # Life

    def start(self, listen="127.0.0.1:0"):
        """Starts the server and returns when it has printed its ready line."""
        output = self.folder / "stdout.log"
        command = [*self.prefix, str(binary()), "serve", "--data", str(self.data), "--listen", listen, *self.arguments]
        if self.dev:
            command.insert(len(self.prefix) + 2, "--dev")
        with open(output, "wb") as out, open(self.log, "ab") as log:
            began = time.monotonic()
            self.process = subprocess.Popen(
                command, stdout=out, stderr=log, stdin=subprocess.DEVNULL, cwd=ROOT, env=self.environment)

        def ready():
            for line in output.read_text(errors="replace").splitlines():
                if line.startswith("ready http://"):
                    return line.removeprefix("ready ").strip()
            if self.process.poll() is not None:
                raise RuntimeError(
                    f"the server ended with {self.process.returncode} before it was ready:\n"
                    + output.read_text(errors="replace") + self.tail())
            return None

        try:
            self.url = eventually(ready, "the server's ready line", READY_DEADLINE, every=0.001)
        except BaseException:
            self.kill()
            raise
        self.ready_seconds = time.monotonic() - began
        return self

    def stop(self):
        """SIGTERM, and the exit code. A server that does not end is killed and reported."""
        if self.process is None:
            return None
        process, self.process = self.process, None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            return process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError("the server did not end within 20 s of SIGTERM:\n" + self.tail())

    def kill(self):
        """kill -9: no chance to tidy up."""
        process, self.process = self.process, None
        process.kill()
        process.wait()

    def ended(self, seconds=10):
        """Waits for an end that comes by itself, and returns the exit code."""
        process, self.process = self.process, None
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process = process
            raise AssertionError(f"the server did not end within {seconds} s:\n" + self.tail())

    def restart(self):
        self.stop()
        return self.start()

    @property
    def alive(self):
        return self.process is not None and self.process.poll() is None

    # What it looks like from outside

    @property
    def pid(self):
        return self.process.pid

    @property
    def address(self):
        """(host, port)."""
        host, port = self.url.removeprefix("http://").rstrip("/").rsplit(":", 1)
        return host, int(port)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def resident_bytes(self):
        with open(f"/proc/{self.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def tail(self, count=60, since=0):
        """The last lines of the server's log, from byte `since` on; those of a crash from where it begins."""
        if not self.log.exists():
            return ""
        with open(self.log, "rb") as file:
            file.seek(since)
            lines = file.read().decode(errors="replace").splitlines()
        for number, line in enumerate(lines):
            if "Fatal error" in line or "*** " in line:
                return "\n".join(lines[max(0, number - 5):number + 60])
        return "\n".join(lines[-count:])

    # Clients

    @property
    def credentials(self):
        """(access key, secret key) of the administrator."""
        if self.dev:
            return "test", "test"
        file = configparser.ConfigParser()
        file.read(self.data / "credentials")
        return file["default"]["aws_access_key_id"], file["default"]["aws_secret_access_key"]

    def client(self, service, *, access=None, secret=None, token=None, region=REGION, **settings):
        """A boto3 client that tries each call once: a retry would hide a fault."""
        default_access, default_secret = self.credentials
        settings = {"retries": {"total_max_attempts": 1}, "read_timeout": 120, "connect_timeout": 10, **settings}
        return boto3.client(
            service, endpoint_url=self.url, region_name=region,
            aws_access_key_id=access or default_access, aws_secret_access_key=secret or default_secret,
            aws_session_token=token, config=botocore.config.Config(**settings))

    def client_environment(self):
        """What a shell needs so that the AWS CLI talks to this server, and to nothing else."""
        access, secret = self.credentials
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": access,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
        }
