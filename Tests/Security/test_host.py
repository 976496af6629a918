"""The host from inside: its files, its processes, its kernel."""

import pytest

from support.waiting import eventually


def test_who_it_is(hostile):
    status = hostile.run("""
        result = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
    """)
    assert "0" not in status["Uid"].split() and "0" not in status["Gid"].split()
    assert status.get("Groups", "").split() in ([], [status["Gid"].split()[0]])
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):  # of the bounding set see test_paths.py
        assert int(status[name], 16) == 0, name
    assert status["NoNewPrivs"].strip() == "1"
    assert status["Seccomp"].strip() == "2"


def test_files_of_the_host(hostile, server):
    """Passwords, home folders, the platform's own data and keys: absent or refused."""
    paths = [
        "/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/ssh", "/root", "/root/.ssh", "/root/.aws", "/boot", "/home",
        "/var/lib/dpkg", "/var/log", "/var/lib/docker", "/run/systemd", "/run/apus", "/var/lib/apus", str(server.data),
        str(server.data / "credentials"), str(server.folder), str(server.log), "/tmp/pytest-of-root",
        *[str(path) for path in server.data.iterdir()],
    ]
    seen = hostile.run("""
        def look(path):
            path = pathlib.Path(path)
            try:
                return sorted(each.name for each in path.iterdir()) if path.is_dir() else path.read_bytes()[:20].decode("latin-1")
            except OSError as error:
                return None
        result = {path: look(path) for path in event["paths"]}
    """, paths=paths)
    assert {path: found for path, found in seen.items() if found} == {}


def test_no_trace_of_the_platform(hostile, server):
    """Nothing readable anywhere holds the administrator's secret or the database."""
    access, secret = server.credentials
    found = hostile.run("""
        found = []
        for top in ("/etc", "/var", "/tmp", "/run", "/opt", "/home", "/mnt", "/srv", "/dev", "/media"):
            for folder, folders, files in os.walk(top):
                for name in files:
                    path = os.path.join(folder, name)
                    try:
                        if os.path.isfile(path) and os.path.getsize(path) < 5_000_000:
                            data = open(path, "rb").read()
                            if event["secret"].encode() in data or data.startswith(b"SQLite format 3"):
                                found.append(path)
                    except OSError:
                        pass
        result = found
    """, secret=secret)
    assert found == []


def test_environment_of_the_server_does_not_leak(hostile):
    everything = hostile.run("""
        texts = ["\\n".join(f"{k}={v}" for k, v in os.environ.items())]
        for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
            try:
                texts.append(path.read_text(errors="replace"))
            except OSError:
                pass
        result = "\\n".join(texts)
    """)
    assert "secret-of-the-server-process" not in everything
    assert "APUS_" not in everything


def test_open_descriptors(hostile):
    """Standard streams, the log channel and what Python opened itself; nothing inherited from the platform."""
    links = hostile.run("""
        result = {}
        for name in os.listdir("/proc/self/fd"):
            try:
                result[name] = os.readlink(f"/proc/self/fd/{name}")
            except OSError:
                pass
    """)
    for number, link in links.items():
        assert link.startswith(("pipe:", "socket:", "/dev/null", "/proc", "anon_inode:[eventpoll]")), links
    assert len([link for link in links.values() if link.startswith("socket:")]) <= 1, links


def test_processes(hostile):
    """Only the environment's own."""
    lines = hostile.run("""
        result = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                result.append([int(pid), open(f"/proc/{pid}/cmdline").read().replace("\\0", " ")])
            except OSError:
                pass
    """)
    assert len(lines) <= 3, lines
    text = " ".join(line for _, line in lines)
    assert "serve" not in text and "systemd" not in text and "pytest" not in text


PROC = [
    "/proc/1/root/etc/shadow", "/proc/1/mem", "/proc/kcore", "/proc/kmsg", "/proc/sysrq-trigger", "/proc/kallsyms",
    "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/vm/drop_caches", "/proc/sys/net/ipv4/ip_forward",
    "/proc/self/oom_score_adj-down", "/sys/kernel/uevent_helper", "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory/tasks",
    "/proc/self/uid_map", "/dev/mem", "/dev/kmem", "/dev/sda", "/dev/vda", "/dev/kvm", "/dev/fuse", "/dev/net/tun", "/dev/kmsg",
    "/dev/loop-control",
]


def test_writing_to_the_kernel(hostile):
    seen = hostile.run("""
        result = {}
        for path in event["paths"]:
            path = path.removesuffix("-down")
            try:
                if os.stat(path).st_rdev == os.makedev(1, 3):
                    continue  # /dev/null lies over it
                descriptor = os.open(path, os.O_WRONLY)
                try:
                    os.write(descriptor, b"-1000" if "oom" in path else b"1")
                    result[path] = "went through"
                finally:
                    os.close(descriptor)
            except OSError as error:
                result[path] = None
    """, paths=PROC)
    assert {path: state for path, state in seen.items() if state} == {}


def test_kernel_addresses_and_messages(hostile):
    addresses, messages, kcore = hostile.run("""
        try:
            addresses = {line.split()[0] for line in open("/proc/kallsyms").read().splitlines()[:50]}
        except OSError:
            addresses = set()
        result = [sorted(addresses), syscall(103, 10, None, 0), attempt(open, "/proc/kcore", "rb")]
    """)
    assert {int(each, 16) for each in addresses} <= {0}
    assert messages != 0
    assert kcore != "went through"


def test_folders_are_read_only(hostile):
    tried = hostile.run("""
        places = ["/", "/var/task", "/var/runtime", "/opt", "/usr", "/usr/bin", "/etc", "/var", "/lib", "/bin", "/home", "/root", "/mnt",
                  "/dev", "/run", "/sys", "/proc"]
        result = {place: attempt(open, place + "/apus-was-here", "w") for place in places}
        result["code"] = attempt(open, "/var/task/app.py", "a")
        result["chmod"] = attempt(os.chmod, "/var/task/app.py", 0o777)
        result["unlink"] = attempt(os.unlink, "/var/task/app.py")
        result["rename"] = attempt(os.rename, "/var/task", "/var/elsewhere")
        result["link"] = attempt(os.link, "/etc/passwd", "/tmp/passwd")
        result["interpreter"] = attempt(open, os.path.realpath(sys.executable), "r+b")
        result["tmp"] = attempt(open, "/tmp/apus-was-here", "w")
    """)
    assert tried.pop("tmp") == "went through"
    assert {what: state for what, state in tried.items() if state == "went through"} == {}


def test_tmp_is_its_own(hostile, innocent, server):
    innocent.run("open('/tmp/secret', 'w').write('secret-of-the-innocent')")
    assert hostile.run("result = os.path.exists('/tmp/secret')") is False
    assert innocent.run("result = os.path.exists('/tmp/secret')") is True


def test_tmp_is_not_shared_between_environments_of_one_function(actors):
    import concurrent.futures
    actor = actors()
    code = """
        existed = os.path.exists("/tmp/mark")
        open("/tmp/mark", "w").close()
        time.sleep(1)
        result = existed
    """
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda _: actor.run(code), range(3))) == [False] * 3


SYSTEM_CALLS = {  # x86_64
    "mount tmpfs": (165, "b'none'", "b'/tmp'", "b'tmpfs'", 0, 0),
    "mount bind": (165, "b'/'", "b'/tmp'", "0", 4096, 0),
    "mount remount rw": (165, "b'none'", "b'/var/task'", "0", 32, 0),
    "umount /proc": (166, "b'/proc'", 2),
    "umount /var/task": (166, "b'/var/task'", 2),
    "pivot_root": (155, "b'/tmp'", "b'/tmp'"),
    "chroot": (161, "b'/tmp'"),
    "open_tree": (428, -100, "b'/'", 1),
    "fsopen": (430, "b'tmpfs'", 0),
    "mount_setattr": (442, -100, "b'/'", 0x8000, 0, 0),
    "unshare user": (272, 0x10000000),
    "unshare mount": (272, 0x00020000),
    "unshare net": (272, 0x40000000),
    "unshare pid": (272, 0x20000000),
    "unshare user and mount": (272, 0x10020000),
    "clone user": (56, 0x10000000 | 17, 0, 0, 0, 0),
    "clone3": (435, 0, 0),
    "setns": (308, 0, 0),
    "ptrace me": (101, 0, 0, 0, 0),
    "ptrace attach 1": (101, 16, 1, 0, 0),
    "ptrace seize 1": (101, 0x4206, 1, 0, 0),
    "process_vm_readv": (310, 1, 0, 0, 0, 0, 0),
    "process_vm_writev": (311, 1, 0, 0, 0, 0, 0),
    "pidfd_getfd": (438, 0, 0, 0),
    "kcmp": (312, 1, 1, 0, 0, 0),
    "bpf": (321, 0, 0, 0),
    "perf_event_open": (298, 0, 0, -1, -1, 0),
    "userfaultfd": (323, 0),
    "io_uring_setup": (425, 1, 0),
    "keyctl": (250, 0, -3, 0, 0, 0),
    "add_key": (248, "b'user'", "b'x'", "b'y'", 1, -3),
    "open_by_handle_at": (304, -100, 0, 0),
    "init_module": (175, 0, 0, "b''"),
    "finit_module": (313, 0, "b''", 0),
    "kexec_load": (246, 0, 0, 0, 0),
    "reboot": (169, 0xFEE1DEAD, 672274793, 0x1234567, 0),
    "swapon": (167, "b'/tmp/x'", 0),
    "acct": (163, 0),
    "quotactl": (179, 0, 0, 0, 0),
    "iopl": (172, 3),
    "ioperm": (173, 0, 1, 1),
    "sethostname": (170, "b'x'", 1),
    "settimeofday": (164, 0, 0),
    "clock_settime": (227, 0, 0),
    "personality, no randomising": (135, 0x0040000),
    "setuid 0": (105, 0),
    "setgid 0": (106, 0),
    "setresuid 0": (117, 0, 0, 0),
    "setgroups": (116, 1, "(ctypes.c_uint32 * 1)(0)"),
    "capset": (126, "(ctypes.c_uint32 * 2)(0x20080522, 0)", "(ctypes.c_uint32 * 6)(*[0xffffffff] * 6)"),
    "mknod block": (133, "b'/tmp/disk'", 0o060666, (8 << 8)),
    "mknod character": (133, "b'/tmp/mem'", 0o020666, (1 << 8) + 1),
    "chown to root": (92, "b'/tmp'", 0, 0),
    "vhangup": (153,),
    "syslog": (103, 10, 0, 0),
    "modify_ldt": (154, 1, 0, 0),
}


@pytest.mark.parametrize("name", SYSTEM_CALLS)
def test_system_call(hostile, name):
    import platform
    if platform.machine() != "x86_64":
        pytest.skip("missing: the numbers of this architecture")
    arguments = ", ".join(str(each) for each in SYSTEM_CALLS[name])
    outcome = hostile.run(f"""
        number = syscall({arguments})
        if number == 0 and {SYSTEM_CALLS[name][0]} in (56, 435) and os.getpid() != me:
            os._exit(0)
        result = errno.errorcode.get(number, number)
    """.replace("number = syscall", "me = os.getpid()\n        number = syscall", 1))
    # EFAULT and EINVAL would mean that the call was looked at: a filter that works never gets there.
    allowed = {"EPERM", "ENOSYS", "EACCES", "EROFS"}
    if name.endswith((" 0", "root")):
        allowed.add("EINVAL")  # what the kernel says of a user that its user namespace does not have
    assert outcome in allowed, outcome


def test_32_bit_system_calls(hostile):
    """int 0x80 has other numbers and would pass a filter that knows only one table; it may end the process."""
    reply = hostile.invoke("""
        import mmap
        code = b"\\xb8\\x15\\x00\\x00\\x00\\xcd\\x80\\xc3"  # mov eax, 21 (mount); int 0x80; ret
        page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write(code)
        call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
        result = call()
    """)
    assert reply.error == "Unhandled" or reply.json != 0
    assert hostile.run("result = 1") == 1


def test_sockets(hostile):
    tried = hostile.run("""
        kinds = {
            "raw ICMP": (socket.AF_INET, socket.SOCK_RAW, 1), "raw TCP": (socket.AF_INET, socket.SOCK_RAW, 6),
            "raw IP": (socket.AF_INET, socket.SOCK_RAW, 255), "raw v6": (socket.AF_INET6, socket.SOCK_RAW, 58),
            "packet": (17, socket.SOCK_RAW, 0x300), "packet datagram": (17, socket.SOCK_DGRAM, 0x300), "vsock": (40, socket.SOCK_STREAM, 0),
            "alg": (38, socket.SOCK_SEQPACKET, 0), "bluetooth": (31, socket.SOCK_RAW, 1), "xdp": (44, socket.SOCK_RAW, 0),
            "netfilter": (16, socket.SOCK_RAW, 12), "netlink audit": (16, socket.SOCK_RAW, 9), "sctp": (socket.AF_INET, socket.SOCK_STREAM, 132),
        }
        result = {name: attempt(lambda k=kind: socket.socket(*k).close()) for name, kind in kinds.items()}
        result["tcp"] = attempt(lambda: socket.socket().close())
        result["udp"] = attempt(lambda: socket.socket(type=socket.SOCK_DGRAM).close())
        result["unix"] = attempt(lambda: socket.socket(socket.AF_UNIX).close())
    """)
    assert [tried.pop(name) for name in ("tcp", "udp", "unix")] == ["went through"] * 3
    assert {name: state for name, state in tried.items() if state == "went through"} == {}


def test_set_uid_programs_do_nothing(hostile):
    tried = hostile.run("""
        result = {}
        for path in ("/usr/bin/su", "/usr/bin/sudo", "/usr/bin/mount", "/usr/bin/passwd", "/usr/bin/newuidmap", "/usr/bin/pkexec"):
            if os.path.exists(path):
                mode = os.stat(path).st_mode
                done = subprocess.run([path, *(["-c", "id"] if path.endswith("su") else ["--help"])], capture_output=True, timeout=10,
                                      stdin=subprocess.DEVNULL)
                result[path] = done.stdout.decode(errors="replace")
    """)
    assert not any("uid=0" in text for text in tried.values()), tried


def test_signals_reach_only_its_own_processes(hostile, innocent):
    before = innocent.run("result = os.getpid(), open('/proc/self/stat').read().split()[21]")
    hostile.invoke("""
        for pid in range(2, 5000):
            if pid != os.getpid():
                try:
                    os.kill(pid, 9)
                except OSError:
                    pass
        try:
            os.kill(-1, 0)
        except OSError:
            pass
        result = 1
    """)
    assert innocent.run("result = os.getpid(), open('/proc/self/stat').read().split()[21]") == before
    assert hostile.run("result = 1") == 1


def test_shared_memory_and_queues_are_apart(hostile, innocent):
    identifier = innocent.run("""
        key = libc.shmget(0x41505553, 4096, 0o1666)
        libc.shmat.restype = ctypes.c_void_p
        place = libc.shmat(key, None, 0)
        ctypes.memmove(place, b"secret-of-the-innocent", 22)
        result = key
    """)
    seen = hostile.run("""
        result = [libc.shmget(0x41505553, 4096, 0), len(open("/proc/sysvipc/shm").read().splitlines()) - 1
                  if os.path.exists("/proc/sysvipc/shm") else 0]
    """)
    assert identifier != -1
    assert seen == [-1, 0]


def test_host_name_tells_nothing(hostile):
    import socket
    assert hostile.run("result = os.uname().nodename") != socket.gethostname()


def test_a_process_left_behind_dies_with_its_environment(actors, server):
    """A daemon that left its session and its parent is still in the environment's cgroup and pid namespace."""
    import pathlib
    actor = actors()
    mark = "apus-left-behind-mark"
    actor.run(f"""
        subprocess.Popen(["/bin/sh", "-c", "trap '' TERM HUP; while :; do sleep 1; done # {mark}"], start_new_session=True,
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        result = 1
    """)

    def running():
        return [path for path in pathlib.Path("/proc").glob("[0-9]*/cmdline") if mark.encode() in read(path)]

    def read(path):
        try:
            return path.read_bytes()
        except OSError:
            return b""

    assert running(), "the host sees the process"
    actor.function.client.delete_function(FunctionName=actor.name)
    eventually(lambda: not running(), "the process is gone", seconds=20)
