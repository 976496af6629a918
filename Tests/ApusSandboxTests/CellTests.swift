import ApusModel
import ApusSandbox
import Foundation
import Glibc
import Testing

extension SandboxTests {
    /// Cells, zygotes and templates (docs/decisions/0006), of real processes.
    @Suite(
        .enabled(if: HostFeature.missing(HostFeature.linux) == nil, "\(HostFeature.missing(HostFeature.linux) ?? "")"))
    struct Cells {
        /// What every environment has to be, however it began. `NAME VALUE` a line.
        private static let confinement = """
            use_system_calls()
            status = dict(line.split(":", 1) for line in read("/proc/self/status").decode().splitlines())
            say("ids", os.getresuid(), os.getresgid(), os.getgroups())
            say("pids", os.getpid(), os.getppid(), [name for name in os.listdir("/proc") if name.isdigit()])
            say("capabilities", *(status["Cap" + name].strip() for name in ("Inh", "Prm", "Eff", "Amb")))
            say("flags", status["NoNewPrivs"].strip(), status["Seccomp"].strip())
            say("tmp", os.listdir("/tmp"), os.listdir("/dev/shm"))
            say("descriptors", sorted(int(n) for n in os.listdir("/proc/self/fd"))[:-1])
            say("directory", os.getcwd(), os.uname().nodename)
            write("/tmp/mine")
            say("owner", os.stat("/tmp/mine").st_uid, os.stat("/tmp/mine").st_gid)
            attempt("code", write, "/var/task/new")
            attempt("root", write, "/new")
            attempt("become-root", os.setuid, 0)
            attempt("become-neighbour", os.setuid, 200100)
            attempt("unshare", syscall, (272, 97), 0x10000000)
            attempt("clone", syscall, (56, 220), 0x10000000 | 17, 0, 0, 0, 0)
            attempt("mount", syscall, (165, 40), b"x", b"/tmp", b"tmpfs", 0, 0)
            attempt("unmount", syscall, (166, 39), b"/tmp", 2)
            attempt("kcore", read, "/proc/kcore")
            attempt("sysctl", write, "/proc/sys/kernel/hostname")
            attempt("init", os.listdir, "/proc/1")
            say("connected", runtime_api().fileno() > 3)
            sys.stdout.flush()
            """

        /// `ids` apart from that of the user, which a direct start has as well.
        private static func expectConfined(_ text: String, descriptors: String) {
            var found: [String: String] = [:]
            for line in text.split(separator: "\n") {
                let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
                found[parts[0]] = parts.count > 1 ? parts[1] : ""
            }
            let none = Array(repeating: "0000000000000000", count: 4).joined(separator: " ")
            let expected = [
                "ids": ["(993, 993, 993) (990, 990, 990) []"], "pids": ["2 1 ['2']"], "capabilities": [none],
                "flags": ["1 2"], "tmp": ["[] []"], "descriptors": [descriptors], "directory": ["/var/task sandbox"],
                "owner": ["993 990"], "code": ["EROFS"], "root": ["EROFS"], "unshare": ["EPERM"], "clone": ["ENOSYS"],
                "mount": ["EPERM"], "unmount": ["EPERM"], "init": ["ENOENT"], "connected": ["True"],
                // What the user namespace does not have is EINVAL, what it has but refuses is EPERM.
                "become-root": ["EINVAL", "EPERM"], "become-neighbour": ["EPERM"],
                "kcore": ["b''", "ENOENT"], "sysctl": ["EROFS", "EACCES"],
            ]
            for (name, values) in expected {
                #expect(values.contains(found[name] ?? ""), "\(name) \(found[name] ?? "")")
            }
        }

        @Test(arguments: DriverKind.isolated)
        func aCellBecomesAConfinedEnvironment(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let cell = try await host.boot()
                try await host.specialize(cell, Self.confinement + "\nsys.exit(7)")
                let (exit, output) = try await cell.finish()
                #expect(exit.cause == .code(7))
                Self.expectConfined(output, descriptors: "[0, 1, 2, 3]")
                await cell.close()
            }
        }

        @Test(arguments: DriverKind.isolated)
        func aForkOfAZygoteIsAConfinedEnvironment(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let zygote = try await host.boot()
                let fork = try await host.fork(zygote)
                try await host.specialize(fork, Self.confinement + "\nos._exit(7)")
                let (exit, output) = try await fork.finish()
                #expect(exit.cause == .code(7))
                Self.expectConfined(output, descriptors: "[0, 1, 2, 3]")
                await fork.close()
                await zygote.close()
            }
        }

        @Test(arguments: DriverKind.isolated)
        func aForkIsAskedToEndLikeAnyOther(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let zygote = try await host.boot()
                for cell in [try await host.boot(), try await host.fork(zygote)] {
                    let program = """
                        import signal
                        signal.signal(signal.SIGTERM, lambda *_: os._exit(5))
                        say("ready")
                        wait_for_the_end()
                        """
                    try await host.specialize(cell, program)
                    try await cell.expect(line: "ready")
                    cell.sandbox.terminate()
                    let (exit, _) = try await cell.finish()
                    #expect(exit.cause == .code(5))
                    await cell.close()
                }
                await zygote.close()
            }
        }

        @Test(arguments: DriverKind.isolated)
        func theVariablesFilesAndLimitsAreThoseOfTheFunction(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let program = """
                    say(sorted(os.environ))
                    say(os.environ["GREETING"], os.listdir("/opt"), os.listdir("/var/task"))
                    status = os.statvfs("/tmp")
                    say(status.f_blocks * status.f_frsize >> 20)
                    os.write(3, b"frame")
                    """
                let zygote = try await host.boot()
                for cell in [try await host.boot(), try await host.fork(zygote)] {
                    let layer = try host.folder(with: "", named: "layer.txt")
                    try await host.specialize(cell, program, variables: ["GREETING": "good=morning ☀"]) {
                        $0.mounts = [.init(source: layer, target: "/opt")]
                        $0.memory = MemorySize(megabytes: 300)
                        $0.temporaryBytes = 24 << 20
                        $0.processes = 77
                    }
                    try await cell.expect(
                        line: "['AWS_ENDPOINT_URL', 'AWS_LAMBDA_RUNTIME_API', 'GREETING', 'PATH']")
                    try await cell.expect(line: "good=morning ☀ ['layer.txt'] ['main.py']")
                    try await cell.expect(line: "24")
                    try await cell.expect(exit: .code(0))
                    #expect(Pipe.drain(cell.descriptors.telemetry) == Array("frame".utf8))
                    #expect(try host.limits("pids.max").contains("77"))
                    // What /tmp holds may lie on top, and a little more.
                    let memory = try host.limits("memory.limit_in_bytes") + host.limits("memory.max")
                    #expect(memory.compactMap(Int.init).contains { (300 << 20)...(400 << 20) ~= $0 })
                    await cell.close()
                }
                await zygote.close()
            }
        }

        @Test(arguments: DriverKind.isolated)
        func aTemplateIsForkedAHundredTimes(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let program = """
                    state = globals().get("state", []) + [len(globals().get("state", []))]
                    if len(state) == 2:
                        say("fork", state, os.getpid(), os.listdir("/tmp"), os.environ["NUMBER"])
                    else:
                        write("/tmp/of-the-template")
                    """
                let template = try await host.template(program)
                try await template.expect(line: "template")
                for number in 0..<100 {
                    let fork = try await host.fork(template)
                    try await host.specialize(fork, "", variables: ["NUMBER": "\(number)"])
                    try await fork.expect(line: "fork [0, 1] 2 [] \(number)")
                    try await fork.expect(exit: .code(0))
                    await fork.close()
                }
                await template.close()
            }
        }

        @Test(arguments: DriverKind.isolated)
        func forksLiveSideBySideWithUsersGroupsAndNetworksOfTheirOwn(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let zygote = try await host.boot()
                var users: Set<Int> = []
                var known = Set(ControlGroups.processes(try host.groups()))
                var all: [RunningSandbox] = []
                for number in 0..<4 {
                    let fork = try await host.fork(zygote)
                    try await host.specialize(fork, "write('/tmp/x')\nsay('up')\nwait_for_the_end()")
                    try await fork.expect(line: "up")
                    // The first process, init, and the second: both in each group of their own.
                    let groups = try host.groups().filter { $0.hasSuffix("/\(number + 1)") }
                    #expect(!groups.isEmpty)
                    for group in groups { #expect(ControlGroups.processes([group]).count == 2, "\(group)") }
                    let processes = Set(ControlGroups.processes(groups))
                    #expect(processes.isDisjoint(with: known))
                    known.formUnion(processes)
                    users.formUnion(try processes.map(HostProcess.user))
                    Glibc.close(try await fork.accept())
                    all.append(fork)
                }
                #expect(users.count == 4)
                for fork in all { await fork.close() }
                await zygote.close()
            }
        }

        @Test(arguments: DriverKind.isolated)
        func forksOfOneOriginAtTheSameTimeTakeTurns(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let zygote = try await host.boot()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<20 {
                        group.addTask {
                            let fork = try await host.fork(zygote)
                            try await host.specialize(fork, "say(os.getpid(), \(number))")
                            try await fork.expect(line: "2 \(number)")
                            await fork.close()
                        }
                    }
                    try await group.waitForAll()
                }
                await zygote.close()
            }
        }

        @Test(arguments: DriverKind.isolated)
        func forksThatWaitForTheirTurnFailWithTheirOrigin(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let template = try await host.template("def fork(): os._exit(3)")
                try await template.expect(line: "template")
                async let first: Void = expectRefusal(ESRCH, host, template)
                async let second: Void = expectRefusal(ESRCH, host, template)
                async let third: Void = expectRefusal(ESRCH, host, template)
                _ = await (first, second, third)
                await template.close()
            }
        }

        @Test(arguments: DriverKind.isolated)
        func aForkMayBecomeATemplateItself(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let zygote = try await host.boot()
                let template = try await host.fork(zygote)
                // Until a fork has said something, its process may not be there yet.
                try await host.specialize(template, "say('up')", template: true)
                try await template.expect(line: "up")
                for _ in 0..<3 {
                    let fork = try await host.fork(template)
                    try await host.specialize(fork, "")
                    try await fork.expect(exit: .code(0))
                    await fork.close()
                }
                let fork = try await host.fork(template)
                try await host.specialize(fork, "say('up')", template: true)
                try await fork.expect(line: "up")
                let last = try await host.fork(fork)
                try await host.specialize(last, "")
                try await last.expect(exit: .code(0))
                for each in [last, fork, template, zygote] { await each.close() }
            }
        }

        @Test(
            arguments: [
                ("os._exit(255)", SandboxExit.Cause.code(255)), ("os.kill(2, signal.SIGKILL)", .signal(SIGKILL)),
                ("os.abort()", .signal(SIGABRT)),
            ])
        func theExitOfAForkTellsItsCause(_ expected: (program: String, cause: SandboxExit.Cause)) async throws {
            try await SandboxHost.with(.linux) { host in
                let zygote = try await host.boot()
                let fork = try await host.fork(zygote)
                try await host.specialize(fork, "if os.fork() == 0: wait_for_the_end()\n" + expected.program)
                try await fork.expect(exit: expected.cause)
                await fork.close()
                await zygote.close()
            }
        }

        @Test(arguments: DriverKind.isolated)
        func cellsAndForksAreRestartedInPlace(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let program = """
                    runs = len(read("/tmp/runs")) if os.path.exists("/tmp/runs") else 0
                    write("/tmp/runs", b"x", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
                    say(runs, os.getpid(), os.getuid(), [name for name in os.listdir("/proc") if name.isdigit()])
                    wait_for_the_end()
                    """
                let zygote = try await host.boot()
                for cell in [try await host.boot(), try await host.fork(zygote)] {
                    try await host.specialize(cell, program)
                    for run in 0..<3 {
                        try await cell.expect(line: "\(run) 2 993 ['2']")
                        let (sandbox, connection) = (cell.sandbox, try await cell.accept())
                        try await within("restart") { try await sandbox.restart() }
                        #expect(try Pipe.read(connection, deadline: 30).isEmpty)
                        Glibc.close(connection)
                    }
                    try await cell.expect(line: "3 2 993 ['2']")
                    cell.sandbox.kill()
                    try await cell.expect(exit: .signal(SIGKILL))
                    await cell.close()
                }
                await zygote.close()
            }
        }

        // MARK: Origins that misbehave

        private func expectRefusal(_ errno: Int32, _ host: SandboxHost, _ origin: RunningSandbox) async {
            await #expect {
                _ = try await host.fork(origin)
            } throws: { ($0 as? SandboxError)?.errno == errno }
        }

        @Test(arguments: DriverKind.isolated)
        func anOriginWithThreadsIsNotForkedAndWaitsOn(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let program = """
                    import threading
                    if not "gate" in globals():
                        gate = threading.Event()
                        threading.Thread(target=gate.wait).start()
                        refused = fork
                        def fork():
                            try:
                                return refused()
                            finally:
                                gate.set()
                                while threading.active_count() > 1: pass
                                os.sched_yield()
                    """
                let template = try await host.template(program)
                try await template.expect(line: "template")
                await expectRefusal(EBUSY, host, template)
                let fork = try await host.fork(template)
                try await host.specialize(fork, "")
                try await fork.expect(exit: .code(0))
                await fork.close()
                await template.close()
            }
        }

        @Test(arguments: DriverKind.isolated)
        func anOriginThatDoesNotForkKeepsNobodyWaiting(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let template = try await host.template("def fork():\n    while True: pass")
                try await template.expect(line: "template")
                let zygote = try await host.boot()
                let start = ContinuousClock.now
                async let refused: Void = expectRefusal(ETIMEDOUT, host, template)
                for _ in 0..<3 {
                    let fork = try await host.fork(zygote)
                    await fork.close()
                }
                await refused
                #expect(ContinuousClock.now - start < .seconds(2))
                await template.close()
                await zygote.close()
            }
        }

        /// Flags of clone beside SIGCHLD: shared memory, a namespace, a parent of its own choice, vfork.
        @Test(arguments: [0x100, 0x1000_0000, 0x2_0000, 0x8000, 0x100 | 0x4000, 0x10F00])
        func anOriginThatForksInAnotherWayIsRefused(_ flags: Int) async throws {
            try await SandboxHost.with(.linux) { host in
                let program = """
                    if not "syscall" in globals():
                        use_system_calls()
                        ordinary = fork
                        def fork():
                            global fork
                            fork = ordinary
                            return syscall((56, 220), \(flags) | 17, 0, 0, 0, 0)
                    """
                let template = try await host.template(program)
                try await template.expect(line: "template")
                await expectRefusal(EPERM, host, template)
                let fork = try await host.fork(template)
                await fork.close()
                await template.close()
            }
        }

        @Test(arguments: DriverKind.isolated)
        func anOriginThatEndsInsteadIsAFailure(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let template = try await host.template("def fork(): os._exit(3)")
                try await template.expect(line: "template")
                await expectRefusal(ESRCH, host, template)
                try await template.expect(exit: .code(3))
                await template.close()
            }
        }

        @Test(arguments: DriverKind.isolated)
        func aForkThatStaysOutOfItsGroupsIsAFailure(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let template = try await host.template("def enter(groups): pass")
                try await template.expect(line: "template")
                await expectRefusal(ETIMEDOUT, host, template)
                await template.close()
            }
        }

        // MARK: Ends

        @Test(arguments: DriverKind.isolated)
        func forksOutliveTheirZygote(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let zygote = try await host.boot()
                var forks: [RunningSandbox] = []
                for _ in 0..<2 {
                    let fork = try await host.fork(zygote)
                    try await host.specialize(
                        fork, "say('up')\nruntime_api().recv(1)\nsay('still')\nwait_for_the_end()")
                    try await fork.expect(line: "up")
                    forks.append(fork)
                }
                let connections = [try await forks[0].accept(), try await forks[1].accept()]
                zygote.sandbox.kill()
                try await zygote.expect(exit: .signal(SIGKILL))
                await expectRefusal(ESRCH, host, zygote)
                for (fork, connection) in zip(forks, connections) {
                    Glibc.close(connection)
                    try await fork.expect(line: "still")
                }
                let sandbox = zygote.sandbox
                async let closed: Void = within("close") { await sandbox.close() }
                await forks[0].close()
                Glibc.close(try await forks[1].accept())
                try await forks[1].expect(exit: .code(0))
                await forks[1].close()
                try await closed
                await zygote.close()
                #expect(ControlGroups.processes(try host.groups()) == [])
            }
        }

        @Test(arguments: DriverKind.isolated)
        func nothingIsLeftOfCellsAndForks(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let before = Descriptors.count(of: host.launcher)
                for _ in 0..<5 {
                    let zygote = try await host.boot()
                    let template = try await host.template("")
                    for origin in [zygote, template] {
                        for _ in 0..<3 {
                            let fork = try await host.fork(origin)
                            try await host.specialize(fork, "say('up')\nwait_for_the_end()")
                            await fork.close()
                        }
                    }
                    await template.close()
                    await zygote.close()
                }
                #expect(Descriptors.count(of: host.launcher) == before)
                #expect(Descriptors.open().filter { $0.contains("apus-\(host.instance)") } == [])
                #expect(Descriptors.open().filter { $0.hasPrefix("mnt:") || $0.hasPrefix("net:") } == [])
                let names = try host.groups().map { URL(fileURLWithPath: $0).lastPathComponent }
                #expect(Set(names).subtracting(["apus-\(host.instance)"]) == [])
            }
        }

        @Test(arguments: DriverKind.isolated)
        func aShutdownEndsForksAsWell(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let zygote = try await host.boot()
                let fork = try await host.fork(zygote)
                try await host.specialize(fork, "say('up')\nwait_for_the_end()")
                try await fork.expect(line: "up")
                let connection = try await fork.accept()
                let driver = host.driver
                try await within("shut down") { await driver.shutdown() }
                #expect(try await fork.exit().isLost)
                #expect(try Pipe.read(connection, deadline: 30).isEmpty)
                Glibc.close(connection)
                #expect(try host.groups() == [])
                await fork.close()
                await zygote.close()
            }
        }

        @Test func theProcessDriverMakesNoCells() async throws {
            try await SandboxHost.with(.process) { host in
                #expect(!host.driver.makesCells)
                await #expect {
                    _ = try await host.boot()
                } throws: { ($0 as? SandboxError)?.errno == ENOTSUP }
            }
        }
    }
}

extension SandboxHost {
    /// The values of a control file in all groups of the instance.
    fileprivate func limits(_ file: String) throws -> [String] {
        try groups().compactMap { try? String(contentsOfFile: "\($0)/\(file)", encoding: .utf8) }
            .map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
    }
}
