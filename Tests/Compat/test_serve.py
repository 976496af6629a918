"""`apus serve` itself: its ready line, its folder, its refusals."""

import http.client
import json
import os
import socket
import statistics
import subprocess

import pytest

from support.server import ROOT, Server, binary

READY_LIMIT = 0.3  # seconds, docs/specification.md


def run(*arguments, **settings):
    return subprocess.run(
        [str(binary()), *map(str, arguments)], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL, cwd=ROOT, **settings)


def test_ready_time(new_server):
    """Median of five starts over a folder that is already there."""
    server = new_server()
    times = []
    for _ in range(5):
        server.stop()
        server.start()
        times.append(server.ready_seconds)
    assert statistics.median(times) <= READY_LIMIT, times


def test_ready_means_ready(new_server):
    server = new_server()
    with socket.create_connection(server.address, timeout=5):
        pass
    server.client("lambda").list_functions()


@pytest.mark.parametrize("path", ["/_apus/health", "/_apus/ready"])
def test_health(server, path):
    connection = http.client.HTTPConnection(*server.address, timeout=5)
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200


def test_the_data_folder_is_for_its_owner(server):
    for path in [server.data, *server.data.rglob("*")]:
        assert path.lstat().st_mode & 0o077 == 0 or path.is_dir() and path.lstat().st_mode & 0o066 == 0, path
    assert server.data.stat().st_mode & 0o077 == 0


def test_code_is_encrypted_at_rest(server, functions):
    marker = b"apus-plain-text-marker-" * 8
    function = functions.create({"app.py": "def handler(event, context):\n    return 1\n", "data.txt": marker})
    function.invoke()
    for path in (server.data / "blobs").rglob("*") if (server.data / "blobs").exists() else server.data.rglob("*"):
        if path.is_file() and path.stat().st_size < 50 << 20:
            assert marker[:40] not in path.read_bytes(), path


def test_damaged_code_is_not_run(new_server):
    """A blob whose bytes changed on disk fails the call; it is never executed."""
    from support.functions import Functions
    server = new_server()
    functions = Functions(server)
    function = functions.create("def handler(event, context):\n    return 'whole'\n")
    assert function.invoke().ok() == "whole"
    server.stop()
    blobs = [path for path in (server.data / "blobs").rglob("*") if path.is_file() and path.stat().st_size > 100]
    assert blobs
    for path in blobs:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.chmod(0o600)
        path.write_bytes(data)
    server.start()
    with pytest.raises(functions.server_client.exceptions.ClientError) as caught:
        function.invoke()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (500, 502)


def test_a_second_server_on_the_same_folder_is_refused(new_server):
    server = new_server()
    done = run("serve", "--data", server.data, "--listen", "127.0.0.1:0")
    assert done.returncode != 0
    assert str(server.data) in done.stderr + done.stdout
    server.client("lambda").list_functions()


def test_a_port_in_use_is_named(new_server, tmp_path):
    server = new_server()
    host, port = server.address
    done = run("serve", "--data", tmp_path / "other", "--listen", f"{host}:{port}")
    assert done.returncode != 0
    assert str(port) in done.stderr + done.stdout


def test_dev_listens_on_loopback_only(tmp_path):
    done = run("serve", "--dev", "--data", tmp_path / "d", "--listen", "0.0.0.0:0")
    assert done.returncode != 0
    assert "loopback" in (done.stderr + done.stdout).lower()


@pytest.mark.parametrize("listen", ["nonsense", "127.0.0.1:99999", "127.0.0.1", ":"])
def test_bad_listen_addresses(tmp_path, listen):
    done = run("serve", "--data", tmp_path / "d", "--listen", listen)
    assert done.returncode != 0
    assert "ready" not in done.stdout


def test_the_process_driver_says_that_nothing_is_isolated(tmp_path):
    server = Server(tmp_path / "process", arguments=["--driver", "process"])
    try:
        server.start()
        from support.functions import Functions
        functions = Functions(server)
        assert functions.create("def handler(event, context):\n    return 'hello'\n").invoke().ok() == "hello"
        assert "isolat" in server.tail(1000).lower()
    finally:
        server.stop()


def test_help_and_version():
    done = run("--help")
    assert done.returncode == 0
    for command in ("serve", "deploy", "invoke", "logs", "list", "delete", "doctor", "env", "config"):
        assert command in done.stdout, command


def test_doctor():
    done = run("doctor", "--json")
    probes = json.loads(done.stdout)
    assert probes
    assert "cgroup" in done.stdout


