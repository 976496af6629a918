import ApusModel
import ApusSandbox
import Foundation
import Glibc
import Testing

extension SandboxTests {
    /// What an environment must not see, reach or change. Passes when refused.
    @Suite(
        .enabled(if: HostFeature.missing(HostFeature.linux) == nil, "\(HostFeature.missing(HostFeature.linux) ?? "")"))
    struct Confinement {
        @Test(arguments: DriverKind.isolated)
        func filesOfTheHostAreAbsent(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let secret = "\(host.folder)/code/secret"
                try "secret".write(toFile: secret, atomically: false, encoding: .utf8)
                let program = """
                    for number, path in enumerate(os.environ["PATHS"].split(":")):
                        attempt(str(number), os.stat, path)
                    # From one directory up to another, by every way that a path can take.
                    for number, path in enumerate(os.environ["PATHS"].split(":")):
                        attempt(f"up{number}", os.stat, "/var/task/../../../../../.." + path)
                        attempt(f"root{number}", os.stat, "/proc/self/root" + path)
                        attempt(f"cwd{number}", os.stat, "/proc/self/cwd/../.." + path)
                    say("root", sorted(os.listdir("/")))
                    say("etc", "shadow" in os.listdir("/etc"), "sudoers" in os.listdir("/etc"))
                    say("home", os.listdir("/home"), os.listdir("/run"), os.listdir("/mnt"))
                    say("dev", sorted(os.listdir("/dev")))
                    """
                let paths = [
                    "/etc/shadow", "/root", "/boot", "/sys", "/sys/fs/cgroup", secret, host.folder, "/var/log",
                    "/etc/ssl/private", "/var/run/docker.sock", "/dev/kmsg", "/dev/mem", "/dev/pts", "/dev/ptmx",
                    HostFeature.launcherPath,
                ]
                let found = try await host.probe(program, variables: ["PATHS": paths.joined(separator: ":")])
                for (number, path) in paths.enumerated() {
                    for way in ["", "up", "root", "cwd"] {
                        #expect(["ENOENT", "ENOTDIR", "EACCES"].contains(found["\(way)\(number)"]), "\(way) \(path)")
                    }
                }
                #expect(found["etc"] == "False False")
                #expect(found["home"] == "[] [] []")
                let devices = "['fd', 'full', 'null', 'random', 'shm', 'stderr', 'stdin', 'stdout', 'urandom', 'zero']"
                #expect(found["dev"] == devices)
            }
        }

        @Test(arguments: DriverKind.isolated)
        func nothingButTemporaryFoldersIsWritable(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let program = """
                    folders = ["/", "/var/task", "/usr", "/usr/bin", "/etc", "/dev", "/opt", "/var", "/var/runtime", "/run",
                        "/home", "/mnt", "/proc", "/proc/sys/kernel", "/srv/extra"]
                    for path in folders:
                        attempt(path, write, path + "/apus-escape")
                    for path in ["/var/task/main.py", "/usr/bin/python3", "/etc/passwd", "/etc/resolv.conf",
                            "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/vm/drop_caches",
                            "/proc/sys/net/ipv4/ip_forward", "/proc/self/uid_map"]:
                        attempt(path, write, path, b"1", os.O_WRONLY)
                    for path in ["/tmp", "/dev/shm", "/var/tmp"]:
                        attempt(path, write, path + "/mine")
                    attempt("chmod", os.chmod, "/var/task/main.py", 0o777)
                    attempt("unlink", os.unlink, "/var/task/main.py")
                    attempt("chmod-null", os.chmod, "/dev/null", 0o600)
                    attempt("link", os.link, "/usr/bin/python3", "/tmp/python3")
                    """
                let found = try await host.probe(program)
                let writable = ["/tmp", "/dev/shm", "/var/tmp"]
                for path in writable { #expect(found[path] == "allowed", "\(path)") }
                for (what, result) in found where !writable.contains(what) {
                    #expect(result != "allowed", "\(what)")
                }
                #expect(found["/var/task"] == "EROFS")
                #expect(found["/usr"] == "EROFS")
                #expect(
                    found["/proc/sys/kernel/core_pattern"] == "EROFS"
                        || found["/proc/sys/kernel/core_pattern"] == "EACCES")
            }
        }

        @Test(arguments: DriverKind.isolated)
        func otherProcessesDoNotExist(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let neighbour = try await host.start(try host.specification("say('up')\nwait_for_the_end()"))
                try await neighbour.expect(line: "up")
                let pid = try #require(ControlGroups.processes(try host.groups()).first)
                let program = """
                    say("pids", [int(n) for n in os.listdir("/proc") if n.isdigit()] == [os.getpid()], os.getpid(), os.getppid())
                    for pid in [1, int(os.environ["NEIGHBOUR"]), int(os.environ["SERVER"])]:
                        name = {1: "init"}.get(pid, "neighbour" if str(pid) == os.environ["NEIGHBOUR"] else "server")
                        for file in ["environ", "mem", "exe", "cmdline", "root", "ns/net", "maps", "fd"]:
                            attempt(f"{name}-{file}", os.stat if file in ("root", "fd") else read, f"/proc/{pid}/{file}")
                        attempt(name + "-kill", os.kill, pid, signal.SIGKILL)
                        attempt(name + "-pidfd", os.pidfd_open, pid)
                    attempt("everyone", os.kill, -1, 0)
                    attempt("group", os.killpg, 1, signal.SIGKILL)
                    say("alive")
                    """
                let found = try await host.probe(
                    program, variables: ["NEIGHBOUR": "\(pid)", "SERVER": "\(getpid())"])
                #expect(found["pids"] == "True 2 1")
                #expect(found["alive"] != nil)
                for (what, result) in found where what.contains("-") && what != "init-pidfd" {
                    #expect(["ENOENT", "ESRCH", "EPERM", "EACCES"].contains(result), "\(what) \(result)")
                }
                #expect(kill(pid, 0) == 0)
                neighbour.sandbox.kill()
                await neighbour.close()
            }
        }

        @Test(arguments: DriverKind.isolated)
        func environmentsOfOneFunctionShareNoFilesPortsOrMemory(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let first = """
                    import mmap
                    write("/tmp/mine")
                    write("/dev/shm/mine")
                    server = socket.socket()
                    server.bind(("127.0.0.1", 7777))
                    server.listen()
                    abstract = socket.socket(socket.AF_UNIX)
                    abstract.bind("\\0apus-test")
                    abstract.listen()
                    use_system_calls()
                    syscall((29, 194), 4242, 4096, 0o1666)  # shmget, IPC_CREAT
                    say("ready")
                    wait_for_the_end()
                    """
                let second = """
                    attempt("tmp", os.stat, "/tmp/mine")
                    attempt("shm", os.stat, "/dev/shm/mine")
                    attempt("port", socket.create_connection, ("127.0.0.1", 7777), 5)
                    abstract = socket.socket(socket.AF_UNIX)
                    attempt("abstract", abstract.connect, "\\0apus-test")
                    use_system_calls()
                    attempt("sysv", syscall, (29, 194), 4242, 4096, 0o666)
                    """
                try await host.run(first) { running in
                    try await running.expect(line: "ready")
                    let found = try await host.probe(second)
                    let refused = [
                        "tmp": "ENOENT", "shm": "ENOENT", "port": "ECONNREFUSED", "abstract": "ECONNREFUSED",
                        "sysv": "ENOENT",
                    ]
                    #expect(found == refused)
                }
            }
        }

        @Test(arguments: DriverKind.isolated)
        func theUserIsNobodyAndHasNoWayUp(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let program = """
                    status = dict(line.split(":", 1) for line in read("/proc/self/status").decode().splitlines())
                    say("ids", os.getresuid(), os.getresgid(), os.getgroups())
                    say("capabilities", *(status[n].strip() for n in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]))
                    say("flags", status["NoNewPrivs"].strip(), status["Seccomp"].strip())
                    attempt("setuid", os.setuid, 0)
                    attempt("setgid", os.setgid, 0)
                    attempt("setgroups", os.setgroups, [0])
                    write("/tmp/file")
                    attempt("chown", os.chown, "/tmp/file", 0, 0)
                    os.chmod("/tmp/file", 0o6755)
                    attempt("device", os.mknod, "/tmp/disk", 0o060666, os.makedev(8, 0))
                    attempt("memory", os.mknod, "/tmp/mem", 0o020666, os.makedev(1, 1))
                    say("groups", sorted({line.split(":")[2] for line in read("/proc/self/cgroup").decode().split()
                        if any(c in line.split(":")[1] for c in ["memory", "pids"]) or line.startswith("0::") and False}))
                    """
                let found = try await host.probe(program)
                #expect(
                    found["ids"] == "(993, 993, 993) (990, 990, 990) []"
                        || found["ids"] == "(993, 993, 993) (990, 990, 990) [990]")
                #expect(found["capabilities"] == Array(repeating: "0000000000000000", count: 5).joined(separator: " "))
                #expect(found["flags"] == "1 2")
                #expect(found["groups"] == "['/']")
                for name in ["setuid", "setgid", "setgroups", "chown", "device", "memory"] {
                    #expect(["EPERM", "EINVAL"].contains(found[name]), "\(name) \(found[name] ?? "")")
                }
            }
        }

        @Test(arguments: DriverKind.isolated)
        func noTwoEnvironmentsShareAUser(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                var users: Set<Int> = []
                var known: Set<pid_t> = []
                var all: [RunningSandbox] = []
                for _ in 0..<3 {
                    let running = try await host.start(try host.specification("say('up')\nwait_for_the_end()"))
                    try await running.expect(line: "up")
                    let pids = Set(ControlGroups.processes(try host.groups()))
                    users.insert(try HostProcess.user(try #require(pids.subtracting(known).first)))
                    known = pids
                    all.append(running)
                }
                for running in all { await running.close() }
                #expect(users.count == 3)
                #expect(users.allSatisfy { $0 >= 65536 })
            }
        }

        @Test(arguments: DriverKind.isolated)
        func theSupervisorsSecretsAreNotInTheProgramsMemoryOrVariables(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let other = try await host.start(
                    try host.specification("say('up')\nwait_for_the_end()", variables: ["SECRET": "of-the-other"]))
                try await other.expect(line: "up")
                let program = """
                    say("environ", sorted(name for name in os.environ))
                    say("init", b"of-the-other" in read("/proc/self/environ"))
                    """
                let found = try await host.probe(program)
                #expect(
                    found["environ"] == "['AWS_ENDPOINT_URL', 'AWS_LAMBDA_RUNTIME_API', 'LC_CTYPE', 'PATH']"
                        || found["environ"] == "['AWS_ENDPOINT_URL', 'AWS_LAMBDA_RUNTIME_API', 'PATH']")
                #expect(found["init"] == "False")
                await other.close()
            }
        }

        @Test(arguments: DriverKind.isolated)
        func orphansAndDaemonsEndWithTheEnvironment(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let program = """
                    reading, writing = os.pipe()
                    if os.fork() == 0:
                        os.setsid()
                        signal.signal(signal.SIGTERM, signal.SIG_IGN)
                        if os.fork() == 0:
                            connection = runtime_api()
                            connection.settimeout(None)
                            os.write(writing, b"x")
                            connection.recv(1)
                        os._exit(0)
                    os.read(reading, 1)
                    sys.exit(0)
                    """
                try await host.run(program) { running in
                    let daemon = try await running.accept()
                    try await running.expect(exit: .code(0))
                    #expect(try Pipe.read(daemon, deadline: 30).isEmpty)
                    Glibc.close(daemon)
                    #expect(ControlGroups.processes(try host.groups()) == [])
                }
            }
        }

        @Test(arguments: DriverKind.isolated)
        func zombiesOfOrphansAreReaped(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                // Four hundred orphans through an environment of 64 processes.
                let program = """
                    for _ in range(200):
                        child = os.fork()
                        if child == 0:
                            if os.fork() == 0: os._exit(0)
                            os._exit(0)
                        os.waitpid(child, 0)
                    import time
                    patience = time.monotonic() + 20
                    while True:
                        left = len([n for n in os.listdir("/proc") if n.isdigit()])
                        if left < 10 or time.monotonic() > patience: break
                    say("done", left < 10)
                    """
                let found = try await host.probe(program, change: { $0.processes = 64 })
                #expect(found["done"] == "True")
            }
        }

        @Test(arguments: DriverKind.isolated)
        func codeIsReachedThroughNoSymbolicLinkAndOnlyBelowTheSources(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let good = try host.specification("say('up')")
                let files = FileManager.default
                try files.createSymbolicLink(atPath: "\(host.folder)/code/link", withDestinationPath: "/etc")
                try files.createSymbolicLink(atPath: "\(host.folder)/code/inner", withDestinationPath: good.code)
                let name = URL(fileURLWithPath: good.code).lastPathComponent
                try files.createSymbolicLink(atPath: "\(host.folder)/code/relative", withDestinationPath: name)
                try files.createDirectory(atPath: "\(host.folder)/codes", withIntermediateDirectories: true)
                for path in [
                    "/etc", "/", "\(host.folder)", "\(host.folder)/codes", "\(host.folder)/code/link",
                    "\(host.folder)/code/inner", "\(host.folder)/code/relative", "\(host.folder)/code/link/ssl",
                    "\(host.folder)/code/../codes",
                    "\(good.code)/../../../etc", "\(good.code)/main.py", "", "relative",
                ] {
                    var bad = good
                    bad.code = path
                    await #expect(throws: SandboxError.self, "\(path)") { try await host.driver.start(bad) }
                    bad = good
                    bad.mounts = [.init(source: path, target: "/opt")]
                    await #expect(throws: SandboxError.self, "\(path)") { try await host.driver.start(bad) }
                }
                for target in ["/", "/usr", "/etc", "/tmp", "/proc", "/opt/..", "/opt/", "opt", "/srv/extra/more", ""] {
                    var bad = good
                    bad.mounts = [.init(source: good.code, target: target)]
                    await #expect(throws: SandboxError.self, "\(target)") { try await host.driver.start(bad) }
                }
                var fine = good
                fine.mounts = [
                    .init(source: good.code, target: "/srv/extra"), .init(source: good.code, target: "/opt"),
                ]
                fine.arguments[3] = "/srv/extra/main.py"
                let running = try await host.start(fine)
                try await running.expect(line: "up")
                await running.close()
            }
        }
    }
}
