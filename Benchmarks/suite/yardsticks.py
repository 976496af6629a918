"""What the figures are read against, measured in the same rounds: peers, and bare HTTP servers."""

import contextlib
import http.client
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import time

from . import load
from .native import program
from .paths import BUILD, HERE, PYTHON, ROOT
from .server import REGION

PLAIN = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

# functions-framework makes its application of a file's function.
WSGI = 'functions_framework:create_app("hello", "peer.py", "http")'

HTTP_HELLO = """
import select, socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
poll, clients = select.epoll(), {}
poll.register(listener, select.EPOLLIN)
answer = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: 7\\r\\n\\r\\n\\"hello\\""
while True:
    for number, _ in poll.poll():
        if number == listener.fileno():
            client, _ = listener.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            clients[client.fileno()] = client
            poll.register(client, select.EPOLLIN)
            continue
        try:
            if clients[number].recv(65536):
                clients[number].sendall(answer)
                continue
        except OSError:
            pass
        poll.unregister(number)
        clients.pop(number).close()
"""


@contextlib.contextmanager
def all_running(folder):
    """Every yardstick that this machine has, by name: its port."""
    with contextlib.ExitStack() as stack:
        ports = {
            "hub": stack.enter_context(hub()), "gunicorn": stack.enter_context(gunicorn()),
            "python_http": stack.enter_context(python_server()), "nginx": stack.enter_context(nginx(folder))}
        yield {name: port for name, port in ports.items() if port}


def measure(ports, seconds, figures):
    figures.add("yardstick_python_start_ms", python_start())
    for name, port in ports.items():
        figures.add(f"yardstick_{name}_p50_ms", load.drive("127.0.0.1", port, PLAIN, 1, seconds)["p50_us"] / 1e3)
        # The hub has one runtime, which takes one event at a time.
        if name != "hub":
            figures.add(f"yardstick_{name}_rps", load.drive("127.0.0.1", port, PLAIN, 16, seconds)["rps"])


def peers_python():
    """A Python that has the peers of requirements.txt, or None; makes a virtual environment at the first time."""
    folder, wanted = BUILD / "venv", (HERE / "requirements.txt").read_text()
    stamp = folder / "requirements"
    if not stamp.exists() or stamp.read_text() != wanted:
        print("installing the peers of Benchmarks/requirements.txt", file=sys.stderr, flush=True)
        try:
            subprocess.run([PYTHON, "-m", "venv", str(folder)], check=True, capture_output=True)
            subprocess.run(
                [str(folder / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", "-r", str(HERE / "requirements.txt")],
                check=True, capture_output=True, timeout=180)
        except (subprocess.SubprocessError, OSError) as error:
            print(f"no peers: {error}", file=sys.stderr, flush=True)
            return None
        stamp.write_text(wanted)
    return folder / "bin/python"


@contextlib.contextmanager
def hub():
    """AWS's own runtime client behind the smallest hub, without a sandbox: its port, or None."""
    python = peers_python()
    if python is None:
        yield None
        return
    hub = subprocess.Popen([str(program("hub"))], stdout=subprocess.PIPE, text=True)
    client_port, runtime_port = map(int, hub.stdout.readline().split())
    code = ROOT / "Examples/hello"
    runtime = subprocess.Popen(
        [str(python), "-m", "awslambdaric", "app.handler"], cwd=code, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{runtime_port}", "PATH": os.environ["PATH"], "LAMBDA_TASK_ROOT": str(code),
             "PYTHONDONTWRITEBYTECODE": "1", "_HANDLER": "app.handler", "AWS_REGION": REGION, "AWS_LAMBDA_FUNCTION_NAME": "hello",
             "AWS_LAMBDA_FUNCTION_VERSION": "1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "AWS_LAMBDA_LOG_GROUP_NAME": "g",
             "AWS_LAMBDA_LOG_STREAM_NAME": "s"})
    try:
        yield client_port if _answers(client_port) else None
    finally:
        for process in (runtime, hub):
            process.kill()
            process.wait()


@contextlib.contextmanager
def gunicorn():
    """Google's functions-framework, two workers of four threads: its port, or None."""
    python = peers_python()
    if python is None:
        yield None
        return
    port = _free_port()
    process = subprocess.Popen(
        [str(python), "-m", "gunicorn", "-w", "2", "--threads", "4", "--bind", f"127.0.0.1:{port}", "--log-level", "error", WSGI],
        cwd=HERE / "suite", env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield port if _answers(port) else None
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def python_server():
    """The least that an HTTP server in Python can do: no parsing, no function, no sandbox."""
    process = subprocess.Popen([PYTHON, "-I", "-S", "-c", HTTP_HELLO], stdout=subprocess.PIPE)
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def nginx(folder):
    """A constant answer from nginx; None where nginx is not installed."""
    found = shutil.which("nginx") or (os.path.exists("/usr/sbin/nginx") and "/usr/sbin/nginx")
    if not found:
        yield None
        return
    port = _free_port()
    settings = pathlib.Path(folder) / "nginx.conf"
    settings.write_text(
        f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log; events {{}}\n"
        f"http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/body;\n"
        f"server {{ listen 127.0.0.1:{port}; location / {{ return 200 hello; }} }} }}\n")
    process = subprocess.Popen(
        [found, "-c", str(settings), "-p", str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield port if _answers(port) else None
    finally:
        process.terminate()
        process.wait()


def python_start():
    """A bare interpreter from start to end, milliseconds."""
    times = []
    for _ in range(10):
        began = time.monotonic()
        subprocess.run([PYTHON, "-I", "-S", "-c", "pass"], check=True)
        times.append((time.monotonic() - began) * 1e3)
    return statistics.median(times)


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def _answers(port):
    """Waits for the first whole answer: a listening socket may be there long before who accepts on it."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("POST", "/", b"{}", {"Content-Type": "application/json"})
            return connection.getresponse().status == 200
        except OSError:
            time.sleep(0.02)
        finally:
            connection.close()
    return False
