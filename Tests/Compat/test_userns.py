"""A server that is not root: what it isolates by user namespaces, with subordinate ids and without, and what it says is missing."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.functions import ROLE, Functions
from support.host import Process, descendants, named, processes
from support.images import CLIENT, Image, Layer, python_layer
from support.metrics import starts
from support.server import Server, binary
from support.waiting import eventually

NOBODY = 65534
FIRST_SUBORDINATE = 300000
USER = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
# The files of subordinate ids, the device and the program, as the server sees them; nobody else does.
GRANT = 'mount --bind "$0" /etc/subuid && mount --bind "$0" /etc/subgid'
CLOSE = "mount --bind /dev/null /usr/bin/slirp4netns"
OPEN = 'mknod "$0.tun" c 10 200 && chmod 666 "$0.tun" && mount --bind "$0.tun" /dev/net/tun'
OUTSIDE, INSIDE = "198.51.100.2", "198.51.100.1"
CONTROLLERS = ("memory", "cpu", "pids", "freezer")


@pytest.fixture(scope="module", autouse=True)
def host():
    """What these tests need of it."""
    if os.geteuid() != 0:
        pytest.skip("missing: root, to become another user")
    for tool in ("setpriv", "unshare", "newuidmap", "newgidmap", "slirp4netns"):
        if not shutil.which(tool):
            pytest.skip(f"missing: {tool}")
    if subprocess.run([*USER, "unshare", "--user", "true"]).returncode != 0:
        pytest.skip("missing: user namespaces for ordinary users")
    if subprocess.run([*USER, str(binary()), "--help"], stdout=subprocess.DEVNULL).returncode != 0:
        pytest.skip("missing: a build that another user may execute")


@contextlib.contextmanager
def folder_of_nobody():
    """pytest's own folders are for their owner only."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="apus-userns-"))
    os.chown(folder, NOBODY, NOBODY)
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def granting(folder, ids, network=False):
    """Executes a command as nobody, who has so many subordinate ids, and what a way out needs or not."""
    grants = folder / f"grants-{ids}"
    grants.write_text(f"# a comment\nnobodyelse:1:{ids}\nnobody:{FIRST_SUBORDINATE}:{ids}\n" if ids else "")
    script = " && ".join([GRANT, OPEN if network else CLOSE, 'exec "$@"'])
    return ["unshare", "--mount", "sh", "-c", script, str(grants), *USER]


@contextlib.contextmanager
def serving(ids=0, before=(), network=False, **settings):
    with folder_of_nobody() as folder:
        server = Server(
            folder, prefix=[*before, *granting(folder, ids, network)], environment={"HOME": str(folder)}, **settings)
        server.start()
        try:
            yield server
        finally:
            if server.process is not None:
                server.stop()


@pytest.fixture(scope="module")
def alone():
    """A server that has no id but its own."""
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def granted():
    """A server with an id for each environment."""
    with serving(65536) as server:
        yield server


@pytest.fixture(params=["alone", "granted"])
def server(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def functions(server):
    made = Functions(server)
    yield made
    made.close()


def python(body):
    """A function whose result is what the body leaves in `result`."""
    lines = "\n".join("    " + line for line in body.strip().splitlines())
    return f"import errno, os, signal, socket, time\n\ndef handler(event, context):\n{lines}\n    return result\n"


PROVIDED = """#!/bin/sh
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
while true; do
    id=$(curl -s -D - -o /tmp/event $api/next | tr -d '\\r' | sed -n 's/^lambda-runtime-aws-request-id: //Ip')
    curl -s -o /dev/null -d "\\"$(id -un) $(cat /tmp/event)\\"" $api/$id/response
done
"""


# What works

def test_python(functions):
    function = functions.create(python("result = os.getuid(), os.getcwd(), event['word']"))
    assert function.invoke({"word": "hello"}).ok() == [993, "/var/task", "hello"]


def test_node(functions):
    function = functions.node("exports.handler = async (event) => [process.getuid(), event.word]")
    assert function.invoke({"word": "hello"}).ok() == [993, "hello"]


def test_a_custom_runtime(functions):
    assert functions.custom(PROVIDED).invoke(7).ok() == "sbx_user1051 7"


def test_a_container_image(server, functions):
    app = "import os\ndef handler(event, context): return os.getuid(), os.listdir('/dev')\n"
    image = Image(
        [python_layer(), Layer({"app/app.py": app, "app/client.py": CLIENT})], folder="/app",
        entrypoint=["/usr/bin/python3", "client.py"], command=["app.handler"])
    uri = image.archive(server.data / "images" / "python.tar")
    function = functions.create_raw(PackageType="Image", Role=ROLE, Code={"ImageUri": uri}, Timeout=20)
    user, devices = function.invoke().ok()
    assert user == 993
    assert {"null", "urandom", "shm"} <= set(devices)


def test_a_function_reaches_its_server(functions):
    """The platform's own API is the one thing beyond loopback that is there."""
    function = functions.create(python("""
import urllib.request
result = urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/_apus/health", timeout=10).status
"""))
    assert function.invoke().ok() == 200


def test_an_environment_goes_on_after_a_timeout(functions):
    """The program is run again in what is left of the environment: its /tmp stays."""
    function = functions.create(python("""
runs = os.listdir("/tmp")
open(f"/tmp/{len(runs)}", "w").close()
time.sleep(event["seconds"])
result = len(runs), sorted(name for name in os.listdir("/proc") if name.isdigit())
"""), Timeout=1)
    assert function.invoke({"seconds": 30}).error
    runs, visible = function.invoke({"seconds": 0}).ok()
    assert runs == 1
    assert visible == ["2"]


def test_cells_and_forks_need_subordinate_ids(server, functions, request):
    """With them cold starts come from cells and forks; without, the function starts directly."""
    has_ids = server is request.getfixturevalue("granted")
    function = functions.create(python("time.sleep(1)\nresult = os.getpid()"))
    if has_ids:
        eventually(lambda: any("cell" in each.command for each in processes(server)), "a cell waits", seconds=20)
    assert [reply.ok() for reply in function.spread(6)]
    by_fork = starts(server, function, "cell") + starts(server, function, "zygote")
    assert (by_fork >= 6, starts(server, function, "direct") >= 6) == (has_ids, not has_ids)


def test_a_snapshot_is_forked(granted):
    functions = Functions(granted)
    try:
        function = functions.create(
            "import os, time\ntoken = os.urandom(8).hex()\n"
            "def handler(event, context):\n    time.sleep(0.5)\n    return token, os.listdir('/tmp'), open('/tmp/mine', 'x').close()\n",
            Tags={"apus:snapshot": "on"})
        eventually(lambda: [reply.ok() for reply in function.spread(3)] and starts(granted, function, "template"),
                   "environments are forked from a template", seconds=20)
        assert starts(granted, function, "template") >= 1
    finally:
        functions.close()


# What is kept apart

def test_the_host_is_out_of_sight(server, functions):
    secret = server.folder / "secret"
    secret.write_text("secret")
    secret.chmod(0o644)
    function = functions.create(python("""
def look(path):
    try: return os.stat(path) and path
    except OSError: return None
result = [sorted(os.listdir("/")), [look(path) for path in event], sorted(os.listdir("/dev"))]
"""))
    hidden = [str(secret), str(server.data), "/etc/shadow", "/root", "/sys", "/boot", "/etc/subuid", "/dev/kmsg", "/dev/vda"]
    root, seen, devices = function.invoke(hidden + [f"/proc/self/root{secret}", f"/var/task/../..{secret}"]).ok()
    assert "usr" in root and not {"root", "sys", "boot", "work"} & set(root)
    assert seen == [None] * len(seen)
    assert devices == ["fd", "full", "null", "random", "shm", "stderr", "stdin", "stdout", "urandom", "zero"]


def test_nothing_but_temporary_folders_is_writable(functions):
    function = functions.create(python("""
def attempt(path):
    try: open(path + "/x", "w").close()
    except OSError as error: return errno.errorcode[error.errno]
result = {path: attempt(path) for path in event}
open("/dev/null", "w").write("x")
try:
    os.chmod("/dev/null", 0o600)
    result["chmod"] = None
except OSError as error: result["chmod"] = errno.errorcode[error.errno]
"""))
    closed = ["/", "/var/task", "/usr", "/etc", "/dev", "/opt", "/run", "/proc", "/proc/sys/kernel", "/var/rapid"]
    found = function.invoke([*closed, "/tmp", "/dev/shm"]).ok()
    assert found.pop("/tmp") is None and found.pop("/dev/shm") is None
    assert set(found.values()) <= {"EROFS", "EACCES", "EPERM", "ENOENT"}, found


def test_processes_are_out_of_sight_and_reach(server, functions):
    function = functions.create(python("""
visible = sorted(name for name in os.listdir("/proc") if name.isdigit())
def attempt(action, *arguments):
    try: return action(*arguments) or "done"
    except OSError as error: return errno.errorcode[error.errno]
result = visible, os.getppid(), [attempt(os.kill, event, 0), attempt(os.readlink, "/proc/1/exe")]
time.sleep(0.5)
"""))
    for reply in function.spread(3, server.pid):
        visible, parent, refused = reply.ok()
        assert len(visible) == 1 and parent == 1
        assert refused == ["ESRCH", "ENOENT"]


def test_environments_share_nothing(functions):
    """Files, shared memory, ports and abstract sockets of one are none of another's, of the same function or not."""
    code = python("""
name = event["name"]
taken = os.path.exists("/tmp/mine") or os.path.exists("/dev/shm/mine")
open("/tmp/mine", "w").write(name)
open("/dev/shm/mine", "w").write(name)
server, abstract = socket.create_server(("127.0.0.1", 7777)), socket.socket(socket.AF_UNIX)
abstract.bind("\\0mine")
time.sleep(1)
result = taken, open("/tmp/mine").read(), open("/dev/shm/mine").read(), os.listdir("/var/task")
server.close()
""")
    one, other = functions.create(code), functions.create({"other.py": code}, handler="other.handler")
    replies = [*one.spread(3, {"name": "one"}), *other.spread(3, {"name": "other"})]
    assert [reply.ok() for reply in replies] == [
        [False, name, name, [f"{file}.py"]] for name, file in [("one", "app")] * 3 + [("other", "other")] * 3]


def test_a_function_has_no_way_up(functions):
    function = functions.create(python("""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def attempt(call, *arguments):
    ctypes.set_errno(0)
    return "allowed" if call(*arguments) == 0 else errno.errorcode[ctypes.get_errno()]
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
result = [
    [int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")], status["NoNewPrivs"], status["Seccomp"],
    attempt(libc.mount, b"x", b"/tmp", b"tmpfs", 0, None), attempt(libc.umount2, b"/proc", 2),
    attempt(libc.unshare, 0x10000000), attempt(libc.setuid, 0), attempt(libc.chroot, b"/tmp"),
]
"""))
    capabilities, privileges, filtered, *refused = function.invoke().ok()
    assert capabilities == [0, 0, 0, 0]
    assert (privileges, filtered) == ("1", "2")
    assert set(refused) <= {"EPERM", "ENOSYS", "EINVAL"}, refused


def test_users_on_the_host(server, functions, request):
    """One for each environment where there are subordinate ids; the server's own where there are none. Never root."""
    function = functions.create(python("time.sleep(3)\nresult = 1"), Timeout=20)

    def running():
        found = [each for each in processes(server) if each.name.startswith("python") and each.has_code]
        return found if len(found) >= 3 else None

    with ThreadPoolExecutor(1) as pool:
        replies = pool.submit(function.spread, 3)
        found = eventually(running, "three environments run")
        users = [each.read("status").partition("\nUid:")[2].split()[:4] for each in found]
        assert [reply.ok() for reply in replies.result()] == [1, 1, 1]
    if server is request.getfixturevalue("granted"):
        assert len({user for each in users for user in each}) == len(found), users
        assert all(FIRST_SUBORDINATE < int(user) < FIRST_SUBORDINATE + 65536 for each in users for user in each), users
    else:
        assert {user for each in users for user in each} == {str(NOBODY)}


def test_the_network_ends_at_loopback(functions):
    function = functions.create(python("""
connection = socket.socket()
connection.settimeout(5)
result = [errno.errorcode[connection.connect_ex(("192.0.2.1", 80))], [name for _, name in socket.if_nameindex()]]
"""))
    error, interfaces = function.invoke().ok()
    assert error == "ENETUNREACH"
    assert "eth0" not in interfaces


@pytest.fixture
def outside():
    """A network namespace beyond this host, with a server on ports 25 and 8080. Nothing else on the host knows its addresses."""
    def run(*command):
        subprocess.run(command, check=True)

    if not os.path.exists("/dev/net/tun") or not shutil.which("ip"):
        pytest.skip("missing: ip and /dev/net/tun")
    name = f"apusns{os.getpid() % 10000}"
    listen = ("import socket, threading\n"
              "def serve(port):\n"
              "    server = socket.create_server((\"0.0.0.0\", port))\n"
              "    while True: server.accept()[0].sendall(b\"outside\")\n"
              "for port in (25, 8080): threading.Thread(target=serve, args=(port,)).start()\n")
    run("ip", "netns", "add", name)
    try:
        run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        run("ip", "address", "add", f"{INSIDE}/30", "dev", name)
        run("ip", "link", "set", name, "up")
        for command in (["address", "add", f"{OUTSIDE}/30", "dev", "eth0"], ["link", "set", "eth0", "up"]):
            run("ip", "-n", name, *command)
        server = subprocess.Popen(["ip", "netns", "exec", name, "/usr/bin/python3", "-c", listen])
        try:
            eventually(lambda: answers(OUTSIDE, 8080), "the outside answers")
            yield
        finally:
            server.kill()
            server.wait()
    finally:
        # With the namespace alone it would go at some later time.
        subprocess.run(["ip", "link", "delete", name])
        run("ip", "netns", "delete", name)


def answers(*address):
    try:
        with socket.create_connection(address, 5) as connection:
            return connection.recv(10) == b"outside"
    except OSError:
        return False


CONNECT = python("""
def connect(host, port):
    connection = socket.socket()
    connection.settimeout(2)
    try:
        connection.connect((host, port))
        return connection.recv(10).decode()
    except TimeoutError: return "dropped"
    except OSError as error: return errno.errorcode[error.errno]
result = [connect(*each) for each in event]
""")


@pytest.mark.parametrize("ids", [0, 65536], ids=["alone", "granted"])
def test_the_way_out(outside, ids):
    """Through slirp4netns: what is beyond the host answers; the host, its loopback and its mail port do not."""
    with socket.create_server(("0.0.0.0", 0)) as host, serving(ids, network=True) as server:
        functions = Functions(server)
        port = host.getsockname()[1]
        asked = [(OUTSIDE, 8080), (INSIDE, port), ("10.0.2.2", port), (OUTSIDE, 25), ("169.254.169.254", 80)]
        found = functions.create(CONNECT, Timeout=20).invoke(asked).ok()
        assert found[0] == "outside"
        assert not set(found[1:]) - {"EHOSTUNREACH", "ENETUNREACH", "ECONNREFUSED", "dropped"}, found
        host.settimeout(0)
        with pytest.raises(BlockingIOError):
            host.accept()
        assert "network" not in server.tail(1000)
        functions.close()
        carriers = carriers_of(server)
        assert carriers
        server.kill()
        eventually(lambda: not [each for each in carriers if each.running], "slirp4netns has ended")


def carriers_of(server):
    """They are nobody's children. Their last argument but one names the launcher's network namespace."""
    launchers = {each.pid for each in named(server, "apus-launcher")}
    found = [Process.at(int(name)) for name in os.listdir("/proc") if name.isdigit()]
    return [each for each in found if each and each.name == "slirp4netns" and each.running
            and {f"/proc/{pid}/ns/net" for pid in launchers} & set(each.command)]


# Limits

def test_the_size_of_tmp_holds(functions):
    function = functions.create(python("""
try:
    with open("/tmp/full", "wb") as file:
        for _ in range(600): file.write(bytes(1 << 20))
    result = "written"
except OSError as error: result = errno.errorcode[error.errno]
"""), MemorySize=1024, Timeout=30)
    assert function.invoke().ok() == "ENOSPC"


def test_the_number_of_processes_holds(alone):
    """Counted for each environment, though all have one user."""
    functions = Functions(alone)
    function = functions.create(python("""
children = []
try:
    while len(children) < 2000:
        child = os.fork()
        if child == 0:
            signal.pause()
            os._exit(0)
        children.append(child)
    refused = None
except OSError as error: refused = errno.errorcode[error.errno]
time.sleep(event["seconds"])
for child in children: os.kill(child, signal.SIGKILL)
for child in children: os.waitpid(child, 0)
result = refused, len(children)
"""), Timeout=60, MemorySize=1024)
    for reply in function.spread(2, {"seconds": 1}):
        refused, count = reply.ok()
        assert refused == "EAGAIN" and 1000 <= count < 1024
    functions.close()


@contextlib.contextmanager
def delegated_groups():
    """Control groups (version 1) of nobody's. Yields a command that executes another inside of them."""
    own = dict(
        line.split(":", 2)[1:] for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines())
    made = []
    try:
        for controller in CONTROLLERS:
            parent = pathlib.Path(f"/sys/fs/cgroup/{controller}{own.get(controller, '')}")
            if controller not in own or not os.access(parent / "tasks", os.W_OK):
                pytest.skip(f"missing: a writable cgroup (version 1) with the {controller} controller")
            group = pathlib.Path(tempfile.mkdtemp(prefix="apus-userns-", dir=parent))
            made.append(group)
            for path in [group, *group.iterdir()]:
                os.chown(path, NOBODY, NOBODY)
        enter = " && ".join(f"echo 0 > {group}/tasks" for group in made)
        yield ["sh", "-c", f'{enter} && exec "$@"', "sh"]
    finally:
        for group in made:
            eventually(lambda: remove(group), f"{group} is empty")


def remove(group):
    for folder in [*group.glob("apus-*/*"), *group.glob("apus-*"), group]:
        try:
            if folder.is_dir():
                folder.rmdir()
        except OSError:
            return False
    return True


@pytest.mark.parametrize("ids", [0, 65536], ids=["alone", "granted"])
def test_limits_hold_where_control_groups_are_delegated(ids):
    with delegated_groups() as enter, serving(ids, before=enter) as server:
        functions = Functions(server)
        hungry = functions.create(python("result = len(bytearray(400 << 20))"), MemorySize=128, Timeout=30)
        reply = hungry.invoke()
        assert reply.error and b"killed" in reply.payload, reply.payload
        modest = functions.create(python("result = len(bytearray(64 << 20))"), MemorySize=256, Timeout=30)
        reply = modest.invoke()
        assert reply.ok() == 64 << 20
        used = int(reply.log.partition("Max Memory Used: ")[2].split()[0])
        assert 64 <= used <= 256, reply.log
        log = server.tail(1000)
        assert "memory limit" not in log and "CPU limit" not in log and "freezing" not in log, log
        functions.close()


# What it says

def doctor(prefix, folder, *arguments):
    return subprocess.run(
        [*prefix, str(binary()), "doctor", "--data", str(folder / "data"), *arguments], capture_output=True, text=True,
        timeout=30, env={**os.environ, "HOME": str(folder)})


@pytest.mark.parametrize(["ids", "said"], [(0, True), (16384, True), (16385, False)])
def test_shared_users_are_announced(ids, said):
    """16,385 are needed: one for each slot, and one for the first process."""
    with folder_of_nobody() as folder:
        text = doctor(granting(folder, ids), folder).stdout
    users = next(line for line in text.splitlines() if line.startswith("users\t"))
    assert ("degraded" in users, "/etc/subuid" in users) == (said, said)
    assert any(line.startswith("cells\t") for line in text.splitlines()) == said


@pytest.mark.parametrize("missing", ["users", "cells", "memory limit", "CPU limit", "freezing", "network"])
def test_what_is_missing_is_in_the_start_message(alone, missing):
    assert missing in alone.tail(1000)


def test_forbidden_user_namespaces_are_a_clear_message():
    with folder_of_nobody() as folder:
        forbid = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\""
        done = subprocess.run(
            [*USER, "unshare", "--user", "--map-user=1000", "--keep-caps", "sh", "-c", forbid, "sh", str(binary()), "serve", "--driver", "userns",
             "--data", str(folder / "data"), "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=20,
            env={**os.environ, "HOME": str(folder)})
    text = done.stdout + done.stderr
    assert done.returncode != 0 and "ready" not in done.stdout
    for part in ("user namespace", "user.max_user_namespaces", "sudo", "--driver process"):
        assert part in text, text


def test_the_linux_driver_needs_root():
    with folder_of_nobody() as folder:
        done = doctor(USER, folder, "--driver", "linux")
    assert done.returncode == 1
    assert "sudo" in done.stdout and "--driver userns" in done.stdout, done.stdout


# Lives and ends

def test_a_second_server_on_the_same_folder_is_refused(alone):
    done = subprocess.run(
        [*alone.prefix, str(binary()), "serve", "--data", str(alone.data), "--listen", "127.0.0.1:0"], capture_output=True,
        text=True, timeout=30, env=alone.environment)
    assert done.returncode != 0
    assert str(alone.data) in done.stderr + done.stdout


@pytest.mark.parametrize("ids", [0, 65536], ids=["alone", "granted"])
def test_nothing_outlives_a_killed_server(ids):
    with serving(ids) as server:
        functions = Functions(server)
        assert functions.create(python("os.fork() or time.sleep(100)\nresult = 1")).invoke().ok() == 1
        below = descendants(server.pid)
        assert len(below) >= 5
        server.kill()
        eventually(lambda: not [pid for pid in below if pathlib.Path(f"/proc/{pid}").exists()], "all its processes are gone")


def test_a_killed_launcher_is_replaced(alone):
    functions = Functions(alone)
    function = functions.create(python("result = 1"))
    assert function.invoke().ok() == 1
    launcher = min(named(alone, "apus-launcher"), key=lambda each: int(each.started))
    launcher.kill(signal.SIGKILL)
    eventually(lambda: not launcher.running, "the launcher is gone")

    def again():
        reply = function.invoke()
        return reply.error is None and reply.json == 1

    assert eventually(again, "functions run again")
    functions.close()
