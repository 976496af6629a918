"""Functions whose init does all it can to come out of the fork with more than it went in.

Whatever it does: no environment gains a privilege or shares a namespace, the version serves or fails cleanly, others are
answered at once, and nothing stays when the function is deleted.
"""

import concurrent.futures
import os
import textwrap

import botocore.exceptions
import pytest

from support.actors import PROBE
from support.host import processes
from support.metrics import starts
from support.waiting import eventually

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="missing: the numbers of this architecture")

LATE = 1.0  # seconds

# What an init can call to try its luck; `evidence` is what it got.
ATTACKS = PROBE + """
import posix, mmap
evidence = []

def clone(flags, number=56):
    '''A raw call; 0 in the child, -1 when there is none.'''
    return max(-1, libc.syscall(number, ctypes.c_ulong(flags), 0, 0, 0, 0))

def attack(where):
    tried = {
        "mount": syscall(165, b"none", b"/tmp", b"tmpfs", 0, 0), "umount": syscall(166, b"/var/task", 2),
        "unshare user": syscall(272, 0x10000000), "unshare mnt": syscall(272, 0x20000), "setns": syscall(308, 0, 0),
        "setuid": syscall(105, 0), "setgid": syscall(106, 0), "ptrace": syscall(101, 16, 1, 0, 0), "chroot": syscall(161, b"/tmp"),
        "mknod": syscall(133, b"/tmp/disk", 0o60666, 8 << 8), "sethostname": syscall(170, b"x", 1), "bpf": syscall(321, 0, 0, 0),
    }
    for path in ("/etc/shadow", "/root", "/var/lib/apus", "/dev/mem", "/proc/sys/kernel/core_pattern"):
        try:
            os.close(os.open(path, os.O_RDWR if path.startswith("/proc") else os.O_RDONLY))
            tried[path] = 0
        except OSError as error:
            tried[path] = error.errno
    tried["capabilities"] = 0 if any(
        int(line.split()[1], 16) for line in open("/proc/self/status") if line.startswith(("CapEff", "CapPrm", "CapAmb"))) else 1
    evidence.extend(f"{where}: {what}" for what, number in tried.items() if number == 0)
"""

# What the platform puts up with: the template is forked all the same. Each is the code of an init; a handler that answers follows.
FORKED = {
    "children that go on": """
        for _ in range(3):
            if os.fork() == 0:
                while True:
                    attack("child")
                    time.sleep(0.01)
    """,
    "a child that speaks on the channel": """
        if os.fork() == 0:
            channel = socket.socket(fileno=4)
            while True:
                try:
                    channel.send(os.urandom(8))
                    channel.send(b"S" + b"AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001\\0")
                    channel.send(struct.pack("<Ii", 1, 9))
                except OSError:
                    pass
                time.sleep(0.001)
    """,
    "says that it has ended": """
        channel = socket.socket(fileno=os.dup(4))
        for cause in (0, 1, 2, 0xffffffff):
            channel.send(struct.pack("<Ii", cause, 0))
        channel.send(b"x" * 60000)
        channel.send(b"")
    """,
    "handlers at the fork": """
        os.register_at_fork(
            before=lambda: attack("before"), after_in_parent=lambda: attack("parent"), after_in_child=lambda: attack("child"))
    """,
    "the plain call fork": "posix.fork = lambda: max(-1, libc.syscall(57))",
    "a child that keeps the groups": """
        write, held = posix.write, []
        def writes(descriptor, data):
            if data == b"0":
                held.append(os.dup(descriptor))
                attack("groups")
                for name in ("../memory.limit_in_bytes", "../../tasks", "../cgroup.procs"):
                    for folder in (f"/proc/self/fd/{descriptor}", "/proc/self/cwd"):
                        try:
                            os.open(f"{folder}/{name}", os.O_WRONLY)
                            evidence.append(name)
                        except OSError:
                            pass
            return write(descriptor, data)
        posix.write = writes
    """,
    "a pid 1 that does not become init": "posix.execv = lambda *arguments: time.sleep(3600)",
    "a pid 1 of its own": "posix.execv = lambda *arguments: os.execv('/usr/bin/sleep', ['sleep', '3600'])",
    "a template that stops": "os.register_at_fork(before=lambda: os.kill(os.getpid(), signal.SIGSTOP))",
    "memory shared with the forks": """
        page = mmap.mmap(-1, 4096)
        if os.fork() == 0:
            while True:
                page[:] = os.urandom(4096)
        os.register_at_fork(after_in_child=lambda: attack("child"))
    """,
    "writes to pid 1": """
        def write():
            for path in ("/proc/1/mem", "/proc/1/attr/current", "/proc/1/uid_map", "/proc/1/setgroups", "/proc/self/uid_map"):
                try:
                    with open(path, "r+b", 0) as file:
                        file.write(b"0")
                    evidence.append(path)
                except OSError:
                    pass
        write()
        os.register_at_fork(before=write, after_in_parent=write)
    """,
}

# What it does not: there is no fork, and each environment runs the init itself.
REFUSED = {
    "closes the channel": "os.close(4)",
    "another channel": """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        os.dup2(theirs.fileno(), 4)
    """,
    "another channel, with somebody who answers": """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        os.dup2(theirs.fileno(), 4)
        null = os.open("/dev/null", os.O_RDWR)
        if os.fork() == 0:
            time.sleep(0.1)
            descriptors = struct.pack("3i", null, null, null)
            for _ in range(100):
                try:
                    ours.sendmsg([b"F"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])
                    ours.send(b"S" + b"".join(f"{k}={v}\\0".encode() for k, v in os.environ.items()))
                except OSError:
                    pass
                time.sleep(0.01)
            os._exit(0)
    """,
    "namespaces before the fork": """
        def before():
            for flags in (0x10000011, 0x7c020011, 0x10000000 | 0x100 | 0x4000 | 17, 0x20000011):
                child = clone(flags)
                if child == 0:
                    os._exit(0)
                if child > 0:
                    evidence.append(f"clone {flags:x}")
            attack("before")
        os.register_at_fork(before=before)
    """,
    "a fork that makes a thread's memory": "posix.fork = lambda: clone(0x100 | 17)",
    "a fork like vfork": "posix.fork = lambda: clone(0x4100 | 17)",
    "the call vfork": "posix.fork = lambda: clone(0, 58)",
    "a fork that shares descriptors": "posix.fork = lambda: clone(0x400 | 17)",
    "a fork that shares the file system": "posix.fork = lambda: clone(0x200 | 17)",
    "a fork with a user namespace": "posix.fork = lambda: clone(0x10000011)",
    "a fork with the flags of the midwife": "posix.fork = lambda: clone(0x7c028011)",
    "a fork with a thread": "posix.fork = lambda: clone(0x10900 | 0x100 | 0x400)",
    "a fork by clone3": """
        def fork():
            arguments = (ctypes.c_uint64 * 11)(0x10000000, 0, 0, 0, 17)
            return max(-1, libc.syscall(435, arguments, 88))
        posix.fork = fork
    """,
    "a 32-bit fork": """
        page = mmap.mmap(-1, 4096, prot=7)
        page.write(b"\\xb8\\x02\\x00\\x00\\x00\\xcd\\x80\\xc3")
        posix.fork = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    """,
    "never forks": "posix.fork = lambda: time.sleep(3600)",
    "spins for ever": """
        def fork():
            while True:
                pass
        posix.fork = fork
    """,
    "ends instead of forking": "posix.fork = lambda: os._exit(0)",
    "crashes instead of forking": "posix.fork = lambda: ctypes.string_at(0)",
    "executes instead of forking": "posix.fork = lambda: os.execv('/bin/sh', ['sh', '-c', 'sleep 3600'])",
    "says that it is the child": "posix.fork = lambda: 0",
    "says that it is the parent": "posix.fork = lambda: 77",
    "a bomb at the fork": """
        def bomb():
            for _ in range(3000):
                try:
                    if libc.fork() == 0:
                        attack("bomb")
                        time.sleep(3600)
                except OSError:
                    pass
        os.register_at_fork(before=bomb)
    """,
    "a child that stays out of its groups": """
        write = posix.write
        posix.write = lambda descriptor, data: len(data) if data == b"0" else write(descriptor, data)
    """,
    "a thread that waits for the fork": """
        def race():
            while True:
                attack("thread")
        threading.Thread(target=race, daemon=True).start()
    """,
    "a thread that begins at the fork": """
        os.register_at_fork(before=lambda: threading.Thread(target=lambda: attack("thread"), daemon=True).start())
    """,
}

# What may go either way, or leave the function without environments.
EITHER = {
    "a child that takes the messages": """
        if os.fork() == 0:
            channel = socket.socket(fileno=4)
            kept = []
            while True:
                kept.append(channel.recvmsg(1 << 18, socket.CMSG_SPACE(64)))
                attack("child")
    """,
    "two forks for one": """
        fork = posix.fork
        def forks():
            libc.fork() or os._exit(0)
            return fork()
        posix.fork = forks
    """,
    "a bomb in the child": """
        def bomb():
            while True:
                if libc.fork() == 0:
                    attack("bomb")
        os.register_at_fork(after_in_child=bomb)
    """,
    "a child that stops": "os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGSTOP))",
    # The midwife has the child repeat the instruction by which it was made. Here another process makes that a jump, to code that
    # calls getpid instead of what takes the capabilities away.
    "an instruction that changes": """
        page = mmap.mmap(-1, 4096, prot=7)
        made = bytes.fromhex("b838000000 bf11000000 31f6 31d2 4d31d2 4d31c0")  # clone(SIGCHLD)
        call, jump = bytes.fromhex("0f05"), bytes.fromhex("eb01")
        getpid = bytes.fromhex("b827000000 0f05 b8ffffffff c3")  # and -1
        page[:] = (made + call + b"\\xc3" + getpid).ljust(4096, b"\\xcc")
        at = len(made)
        raw = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
        if os.fork() == 0:
            while True:
                page[at:at + 2] = jump
                page[at:at + 2] = call
        def fork():
            while (result := raw()) < 0:
                pass
            return result
        posix.fork = fork
    """,
    # In a frozen group not even SIGKILL is heard.
    "grandchildren in the template's groups": """
        os.register_at_fork(after_in_child=lambda: libc.fork() or time.sleep(3600))
    """,
    "signals at the fork": """
        signal.signal(signal.SIGALRM, lambda *arguments: attack("signal"))
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        os.register_at_fork(
            before=lambda: signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005), after_in_child=lambda: attack("child"))
    """,
    "all descriptors in use": """
        kept = []
        try:
            while True:
                kept.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            pass
    """,
    "all its memory in use": """
        kept = []
        os.register_at_fork(after_in_child=lambda: kept.append(bytearray(1 << 30)))
    """,
    "does not end": "time.sleep(3600)",
}

INITS = {**FORKED, **REFUSED, **EITHER}

# These take the whole of the time that there is for an init or a restore. APUS_SOAK=1 runs them too.
SOAK = os.environ.get("APUS_SOAK") == "1"
SLOW = set() if SOAK else {"does not end", "a child that stops"}

LOOK = """
    status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
    result = {
        "capabilities": [status[name] for name in ("CapPrm", "CapEff", "CapAmb")], "user": status["Uid"].split(),
        "guard": [status["NoNewPrivs"], status["Seccomp"]], "evidence": evidence,
        "namespaces": {name: os.readlink(f"/proc/self/ns/{name}") for name in ("user", "mnt", "pid", "net", "ipc", "uts")},
        "stream": os.environ["AWS_LAMBDA_LOG_STREAM_NAME"],
        "refused": [syscall(165, b"none", b"/tmp", b"tmpfs", 0, 0), syscall(272, 0x10000000), syscall(105, 0)],
    }
    time.sleep(0.2)
"""

# What a call may be answered with by a function whose environments cannot be made.
FAULTS = {
    "ServiceException", "SnapStartException", "SnapStartTimeoutException", "SnapStartNotReadyException", "TooManyRequestsException",
    "ResourceConflictException",
}


def settled(function, version):
    def state():
        found = function.client.get_function_configuration(FunctionName=function.name, Qualifier=version)["State"]
        return found if found != "Pending" else None

    return eventually(state, "the version is active or has failed", seconds=150 if SOAK else 15, every=0.05)


def outcomes(function, version, pool, count=3):
    """What so many calls at once are answered with: values, error types, codes of faults."""
    client = function.functions.server.client("lambda", max_pool_connections=count)

    def call(_):
        try:
            reply = function.invoke({"code": textwrap.dedent(LOOK)}, client=client, tail=False, Qualifier=version)
        except botocore.exceptions.ClientError as error:
            return error.response["Error"]["Code"]
        return reply.json if not reply.error else reply.json.get("errorType")

    return [pool.submit(call, n) for n in range(count)]


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        yield pool


def residents(server):
    """Processes that have some function's code, whatever they call themselves."""
    return {each for each in processes(server) if each.has_code}


@pytest.mark.parametrize("name", [name for name in INITS if name not in SLOW])
def test_hostile_init(server, functions, watch, pool, name):
    watch.call()
    before = residents(server)
    function = functions.snapstart(ATTACKS + "\n" + textwrap.dedent(INITS[name]), Timeout=5, MemorySize=512)
    version = function.publish(wait=False)
    state = pool.submit(settled, function, version)
    assert watch.during(state, at_least=2) < LATE
    state.result()
    calls = outcomes(function, version, pool)
    for call in calls:
        assert watch.during(call, at_least=2) < LATE
    seen = [call.result() for call in calls]
    values = [each for each in seen if isinstance(each, dict)]
    if name in FORKED:
        assert values and starts(server, function, "template") > 0, "the template was forked"
    if name in REFUSED:
        assert starts(server, function, "template") == 0, "the template was not forked"
    for value in values:
        assert {int(each, 16) for each in value["capabilities"]} == {0}
        assert value["guard"] == ["1", "2"] and "0" not in value["user"]
        assert value["evidence"] == []
        assert all(number in (1, 22, 38) for number in value["refused"]), "EPERM, EINVAL or ENOSYS"
    for kind in ("user", "mnt", "pid", "net", "ipc", "uts"):
        links = {value["stream"]: value["namespaces"][kind] for value in values}.values()
        assert len(set(links)) == len(links) and os.readlink(f"/proc/self/ns/{kind}") not in links
    for fault in set(map(str, (each for each in seen if not isinstance(each, dict)))):
        assert fault in FAULTS or fault.startswith(("Runtime.", "Sandbox.", "Function.")) or "Error" in fault, fault

    function.delete()
    eventually(lambda: residents(server) <= before, "nothing of it is left", seconds=15)
    watch.call()
