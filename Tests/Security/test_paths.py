"""An environment is as tight whichever way it came about: from a cell, by a fork of a zygote or of a template, or directly."""

import os

import pytest

from support.host import kinds, processes
from support.metrics import starts
from support.waiting import eventually
from test_host import SYSTEM_CALLS

NAMESPACES = ("user", "mnt", "pid", "net", "ipc", "uts")

LOOK = """
    result = {
        "status": dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line),
        "namespaces": {name: os.readlink(f"/proc/self/ns/{name}") for name in event["namespaces"]},
    }
"""


def test_it_has_no_privilege(placed):
    for seen in placed.everywhere(3, LOOK, namespaces=NAMESPACES):
        status = seen["status"]
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            # A fork was born with what its user namespace has; what it is bound by stays, and no_new_privs keeps it out of reach.
            if name != "CapBnd" or placed.path == "direct":
                assert int(status[name], 16) == 0, name
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"
        assert "0" not in status["Uid"].split() + status["Gid"].split() + status.get("Groups", "").split()
        assert int(status["Threads"]) == 1


def test_its_namespaces_are_its_own(placed, innocent):
    seen = placed.everywhere(3, LOOK, namespaces=NAMESPACES) + [innocent.run(LOOK, namespaces=NAMESPACES)]
    for name in NAMESPACES:
        links = {each["namespaces"][name] for each in seen}
        assert len(links) == len(seen), f"two share a {name} namespace"
        assert os.readlink(f"/proc/self/ns/{name}") not in links


def test_its_user_is_its_own(placed, innocent, server):
    """Seen from the host: no two environments have a user in common, and none is one of the host's."""
    innocent.run("result = 1")
    placed.everywhere(2, "result = 1")
    users = [each.read("status").partition("\nUid:")[2].split()[:4] for each in kinds(server)["environment"]]
    users = [set(each) for each in users if each]
    assert len(users) >= 3
    assert all(len(each) == 1 and int(*each) >= 65536 for each in users), users
    assert len({user for each in users for user in each}) == len(users)


def test_it_is_alone(placed):
    """It sees itself and nothing else; pid 1 shows neither memory nor variables, and does not end."""
    listed, pid, secrets, signalled = placed.run("""
        listed = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
        secrets = [attempt(lambda p=path: open(p, "rb").read(1)) for path in ("/proc/1/mem", "/proc/1/environ", "/proc/1/maps")]
        signalled = [attempt(os.kill, 1, number) for number in (9, 15, 19)]
        result = listed, os.getpid(), secrets, signalled
    """)
    assert listed == [pid] and pid in (2, 3)
    assert "went through" not in secrets
    assert placed.run("result = sorted(int(name) for name in os.listdir('/proc') if name.isdigit())") == [pid], signalled


def test_signals_reach_nobody_else(placed, innocent, server):
    others = [each for each in processes(server) if each.name != "apus-launcher"]
    before = innocent.run("result = os.environ['AWS_LAMBDA_LOG_STREAM_NAME']")
    reached = placed.run("""
        result = [pid for pid in event["pids"] if pid != os.getpid() and syscall(62, pid, 0) == 0]
    """, pids=[*range(3, 1000), *(each.pid for each in others)])
    assert reached == []
    assert innocent.run("result = os.environ['AWS_LAMBDA_LOG_STREAM_NAME']") == before


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="missing: the numbers of this architecture")
def test_system_calls_are_refused(placed):
    calls = {name: arguments for name, arguments in SYSTEM_CALLS.items() if not name.startswith("clone")}
    lines = "".join(
        f"\n        outcomes[{name!r}] = syscall({', '.join(str(each) for each in arguments)})" for name, arguments in calls.items())
    outcomes = placed.run(f"""
        outcomes = {{}}{lines}
        result = {{name: errno.errorcode.get(number, number) for name, number in outcomes.items()}}
    """)
    allowed = {"EPERM", "ENOSYS", "EACCES", "EROFS", "EINVAL"}
    assert {name: outcome for name, outcome in outcomes.items() if outcome not in allowed} == {}
    assert {outcomes["mount tmpfs"], outcomes["unshare user"], outcomes["setns"], outcomes["bpf"], outcomes["keyctl"]} == {"EPERM"}


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="missing: the numbers of this architecture")
def test_clone_makes_no_namespace(placed):
    """Once no midwife watches, every flag that makes a namespace is refused; an ordinary clone is not."""
    outcomes = placed.run("""
        def clone(flags):
            ctypes.set_errno(0)
            child = libc.syscall(56, ctypes.c_ulong(flags | signal.SIGCHLD), 0, 0, 0, 0)
            if child == 0:
                os._exit(0)
            if child > 0:
                os.waitpid(child, 0)
            return "went through" if child > 0 else errno.errorcode[ctypes.get_errno()]
        result = {name: clone(flag) for name, flag in event["flags"].items()}
    """, flags={
        "ordinary": 0, "user": 0x10000000, "mnt": 0x20000, "pid": 0x20000000, "net": 0x40000000, "ipc": 0x08000000, "uts": 0x04000000,
        "cgroup": 0x02000000, "user and mnt": 0x10020000, "as the midwife": 0x7C028000})
    assert outcomes.pop("ordinary") == "went through"
    assert {name: outcome for name, outcome in outcomes.items() if outcome != "ENOSYS"} == {}


def test_descriptors(placed):
    """The standard three, the log, one connection to the Runtime API. The channel by which it was made is gone."""
    links, sockets = placed.run("""
        links, sockets = {}, []
        for number in sorted(map(int, os.listdir("/proc/self/fd"))):
            try:
                links[number] = os.readlink(f"/proc/self/fd/{number}")
            except OSError:
                continue  # the listing's own
            if links[number].startswith("socket:"):
                probe = socket.socket(fileno=os.dup(number))
                sockets.append([number, probe.family.name, probe.type.name, probe.family == socket.AF_INET and probe.getpeername()])
                probe.close()
        result = links, sockets
    """)
    assert set(links) >= {"0", "1", "2", "3"} and len(links) == 5, links
    assert all(links[number].startswith(("pipe:", "/dev/null")) for number in "0123"), links
    [(_, family, kind, peer)] = sockets
    assert (family, kind, peer) == ("AF_INET", "SOCK_STREAM", ["127.0.0.1", 9001])


def test_listeners(placed, innocent):
    """Its loopback has the Runtime API and the platform's API; those of a neighbour are out of reach."""
    neighbour = innocent.run("""
        import fcntl
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            names = [name for _, name in socket.if_nameindex() if name != "lo"]
            result = [socket.inet_ntoa(fcntl.ioctl(probe, 0x8915, struct.pack("256s", name.encode()))[20:24]) for name in names]
    """)
    listening, reached = placed.run("""
        rows = [line.split() for line in open("/proc/net/tcp").read().splitlines()[1:]]
        endpoint = int(os.environ["AWS_ENDPOINT_URL"].rstrip("/").rsplit(":", 1)[1])
        result = (
            sorted(row[1] for row in rows if row[3] == "0A"),
            [reach(address, port, 0.5) for address in event["addresses"] for port in (9001, endpoint)])
    """, addresses=neighbour)
    assert len(listening) == 2 and all(each.startswith("0100007F:") for each in listening), listening
    assert "0100007F:2329" in listening
    assert "connected" not in reached


def test_variables(placed, innocent):
    """Lambda's and its own. What the process was started with is no longer there to be read."""
    innocent.run("result = 1")
    variables, initial = placed.run("""
        result = dict(os.environ), open("/proc/self/environ", "rb").read().decode(errors="replace")
    """)
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == placed.name
    assert ("PYTHONMINE" in variables) == (placed.path == "direct")
    assert "SECRET" not in variables and not any("secret-of" in value for value in variables.values())
    assert not any(name.startswith("APUS") for name in variables)
    assert "secret-of" not in initial and innocent.name not in initial and "APUS_" not in initial
    if placed.path != "direct":
        assert "AWS_SECRET_ACCESS_KEY" not in initial, "a cell is started before it has a function"


def test_the_code_of_others_is_not_mounted(placed, innocent):
    mounts, code = placed.run("""
        result = [line.split()[4] for line in open("/proc/self/mountinfo")], sorted(os.listdir("/var/task"))
    """)
    assert mounts.count("/var/task") == 1 and not [each for each in mounts if each.startswith("/var/task/")]
    assert code == ["app.py"]
    places = {actor.name: actor.run("""
        result = [line.split()[3] for line in open("/proc/self/mountinfo") if line.split()[4] == "/var/task"]
    """) for actor in (placed, innocent)}
    assert all(len(place) == 1 for place in places.values())


def test_tmp_is_empty_and_its_own(placed):
    code = """
        found = sorted(os.listdir("/tmp")) + sorted(os.listdir("/dev/shm"))
        for folder in ("/tmp", "/dev/shm"):
            open(f"{folder}/{os.environ['AWS_LAMBDA_LOG_STREAM_NAME'][-8:]}", "w").close()
        result = found
    """
    placed.everywhere(3, code)
    for found in placed.everywhere(3, code):
        assert len(set(found)) <= 1, "files of another environment"


def test_it_ends_with_its_own(placed, server):
    """What a function does to its environment ends there: the neighbours of the same path go on."""
    streams = placed.everywhere(2, "result = os.environ['AWS_LAMBDA_LOG_STREAM_NAME']")
    assert placed.invoke("os.kill(-1, 9); os._exit(3)").error == "Unhandled"
    alive = placed.everywhere(2, "result = os.environ['AWS_LAMBDA_LOG_STREAM_NAME']")
    assert set(streams) & set(alive), "both are gone"
    placed.everywhere(2, "result = 1")


# Node.js has cells that are booted, not forked.

NODE = """
const fs = require('fs');
const look = text => Object.fromEntries(text.split('\\n').filter(line => line.includes(':\\t')).map(line => line.split(':\\t')));
exports.handler = async () => ({
  status: look(fs.readFileSync('/proc/self/status', 'utf8')),
  namespaces: ['user', 'mnt', 'pid', 'net', 'ipc', 'uts'].map(name => fs.readlinkSync(`/proc/self/ns/${name}`)),
  descriptors: fs.readdirSync('/proc/self/fd').map(n => { try { return fs.readlinkSync(`/proc/self/fd/${n}`); } catch { return ''; } }),
  initial: fs.readFileSync('/proc/self/environ', 'utf8'),
  variables: process.env,
  processes: fs.readdirSync('/proc').filter(name => /^\\d+$/.test(name)).length,
});
"""


def test_a_cell_of_node(functions, server):
    function = functions.node(NODE, Environment={"Variables": {"MINE": "mine"}}, Timeout=10)
    eventually(lambda: [each for each in kinds(server)["cell"] if "node" in " ".join(each.command)], "a cell of Node.js waits")
    seen = function.invoke().ok()
    assert starts(server, function, "cell") == 1
    assert {int(seen["status"][name], 16) for name in ("CapPrm", "CapEff", "CapAmb", "CapBnd")} == {0}
    assert (seen["status"]["NoNewPrivs"], seen["status"]["Seccomp"]) == ("1", "2")
    assert not set(seen["namespaces"]) & {os.readlink(f"/proc/self/ns/{name}") for name in NAMESPACES}
    assert sum(link.startswith("socket:") for link in seen["descriptors"]) <= 1, seen["descriptors"]
    assert seen["variables"]["MINE"] == "mine" and "AWS_SECRET_ACCESS_KEY" not in seen["initial"]
    assert seen["processes"] == 1
