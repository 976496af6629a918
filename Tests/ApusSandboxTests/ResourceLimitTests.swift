import ApusModel
import ApusSandbox
import Foundation
import Glibc
import Testing

extension SandboxTests {
    /// The limits of an environment, each reached on purpose.
    struct ResourceLimits {
        private static let memory = HostFeature.missing(HostFeature.linux + [.memoryLimit])
        private static let cpu = HostFeature.missing(HostFeature.linux + [.cpuLimit])
        private static let processes = HostFeature.missing(HostFeature.linux + [.processLimit])

        private static let hog = "kept = []\nwhile True: kept.append(b'x' * (4 << 20))"

        @Test(.enabled(if: memory == nil, "\(memory ?? "")"))
        func aMemoryHogIsKilledAndTheExitSaysWhy() async throws {
            try await SandboxHost.with(.linux) { host in
                try await host.run(Self.hog, change: { $0.memory = MemorySize(megabytes: 64) }) { running in
                    let exit = try await running.exit()
                    #expect(exit.cause == .signal(SIGKILL))
                    #expect(exit.outOfMemory)
                    #expect(50 << 20...64 << 20 ~= exit.peakMemory, "\(exit.peakMemory >> 20) MB")
                    #expect(running.sandbox.peakMemory() == exit.peakMemory)
                }
            }
        }

        @Test(.enabled(if: memory == nil, "\(memory ?? "")"))
        func anOutOfMemoryBelongsToOneRunOnly() async throws {
            try await SandboxHost.with(.linux) { host in
                let program = """
                    if os.path.exists("/tmp/again"):
                        sys.exit(0)
                    write("/tmp/again")
                    """ + "\n" + Self.hog
                try await host.run(program, change: { $0.memory = MemorySize(megabytes: 64) }) { running in
                    #expect(try await running.exit().outOfMemory)
                    try await running.sandbox.restart()
                    let exit = try await running.exit()
                    #expect(exit.cause == .code(0))
                    #expect(!exit.outOfMemory)
                }
            }
        }

        @Test(.enabled(if: memory == nil, "\(memory ?? "")"))
        func temporaryFilesLieBesideTheMemory() async throws {
            try await SandboxHost.with(.linux) { host in
                // Most of the memory is in use before.
                let program = """
                    kept = bytearray(90 << 20)
                    with open("/tmp/big", "wb", 0) as file:
                        for _ in range(500): file.write(b"x" * (1 << 20))
                    say("written", os.path.getsize("/tmp/big") >> 20)
                    wait_for_the_end()
                    """
                func change(_ specification: inout SandboxSpecification) {
                    specification.memory = MemorySize(megabytes: 128)
                    specification.temporaryBytes = 512 << 20
                }
                try await host.run(program, change: change) { running in
                    try await running.expect(line: "written 500")
                    #expect(running.sandbox.currentMemory() > 590 << 20)
                    #expect(90 << 20...128 << 20 ~= running.sandbox.peakMemory())
                    let connection = try await running.accept()
                    #expect(Glibc.write(connection, "x", 1) == 1)
                    let exit = try await running.exit()
                    Glibc.close(connection)
                    #expect(exit.cause == .code(0))
                    #expect(!exit.outOfMemory)
                }
                // The files are gone with the environment, and nobody is charged for them.
                #expect(try host.memoryOfAll() < 16 << 20)
            }
        }

        @Test(.enabled(if: memory == nil, "\(memory ?? "")"), arguments: [false, true])
        func besideAFullTemporaryFolderTheMemoryIsAsLimited(emptied: Bool) async throws {
            try await SandboxHost.with(.linux) { host in
                let program = """
                    try:
                        with open("/tmp/big", "wb", 0) as file:
                            while True: file.write(b"x" * (1 << 20))
                    except OSError as error:
                        say(errno.errorcode[error.errno], os.path.getsize("/tmp/big"))
                    if \(emptied ? "True" : "False"): os.unlink("/tmp/big")
                    kept = []
                    while True:
                        kept.append(b"x" * (1 << 20))
                        say(len(kept))
                    """
                func change(_ specification: inout SandboxSpecification) {
                    specification.memory = MemorySize(megabytes: 128)
                    specification.temporaryBytes = 512 << 20
                }
                try await host.run(program, change: change) { running in
                    try await running.expect(line: "ENOSPC \(512 << 20)")
                    let (exit, output) = try await running.finish()
                    #expect(exit.cause == .signal(SIGKILL))
                    #expect(exit.outOfMemory)
                    let kept = try #require(output.split(separator: "\n").last.flatMap { Int($0) })
                    #expect(100...(emptied ? 192 : 128) ~= kept, "MB")
                }
            }
        }

        @Test(
            .enabled(if: memory == nil, "\(memory ?? "")"),
            arguments: [
                "mmap.mmap(-1, 1 << 30)", "open('/dev/shm/big', 'wb', 0)",
                "open(os.memfd_create('big'), 'wb', 0)",
            ])
        func whatIsSharedCountsAsMemory(file: String) async throws {
            try await SandboxHost.with(.linux) { host in
                let program = "import mmap\nfile = \(file)\nwhile True: file.write(b'x' * (1 << 20))"
                func change(_ specification: inout SandboxSpecification) {
                    specification.memory = MemorySize(megabytes: 48)
                    specification.temporaryBytes = 512 << 20
                }
                try await host.run(program, change: change) { running in
                    let exit = try await running.exit()
                    #expect(exit.outOfMemory)
                }
            }
        }

        @Test(.enabled(if: memory == nil, "\(memory ?? "")"))
        func cachedFilesAreNoMemory() async throws {
            try await SandboxHost.with(.linux) { host in
                let program = """
                    kept = bytearray(40 << 20)
                    for _ in range(3):
                        with open("/var/task/big", "rb", 0) as file:
                            while file.read(1 << 20): pass
                    say("read")
                    """
                var specification = try host.specification(program)
                let file = "\(specification.code)/big"
                try Data(count: 200 << 20).write(to: URL(fileURLWithPath: file))
                // Nobody is charged for what is cached already.
                try Command(
                    "/bin/sh",
                    ["-c", "sync \(file); dd of=\(file) oflag=nocache conv=notrunc,fdatasync count=0 status=none"]
                ).run()
                specification.memory = MemorySize(megabytes: 64)
                let running = try await host.start(specification)
                try await running.expect(line: "read")
                try await running.expect(exit: .code(0))
                await running.close()
            }
        }

        @Test(.enabled(if: memory == nil, "\(memory ?? "")"))
        func theEnvironmentsTogetherHaveALimit() async throws {
            var options = SandboxHost.Options()
            options.memory = 96 << 20
            try await SandboxHost.with(.linux, options) { host in
                let program = "kept = bytearray(64 << 20)\nsay('up')\nwait_for_the_end()"
                let first = try await host.start(try host.specification(program))
                try await first.expect(line: "up")
                try await host.run(program) { second in
                    // The kernel chooses which of the two.
                    let exit = try await withThrowingTaskGroup(of: SandboxExit.self) { group in
                        group.addTask { try await second.exit() }
                        group.addTask { try await first.exit() }
                        defer {
                            first.sandbox.kill()
                            second.sandbox.kill()
                        }
                        return try await group.next()
                    }
                    #expect(exit?.outOfMemory == true)
                }
                await first.close()
            }
        }

        @Test(.enabled(if: HostFeature.missing(HostFeature.linux) == nil, "needs root, the launcher and python3"))
        func temporaryFilesStopAtTheirSizeAndAtTheirNumber() async throws {
            try await SandboxHost.with(.linux) { host in
                let program = """
                    written = 0
                    try:
                        with open("/tmp/big", "wb", 0) as file:
                            while True: written += file.write(b"x" * (64 << 10))
                    except OSError as error:
                        say("size", errno.errorcode[error.errno], written)
                    os.unlink("/tmp/big")
                    made = 0
                    try:
                        while True:
                            os.close(os.open(f"/tmp/{made}", os.O_CREAT))
                            made += 1
                    except OSError as error:
                        say("number", errno.errorcode[error.errno], 1000 < made < 5000)
                    """
                let found = try await host.probe(program, change: { $0.temporaryBytes = 8 << 20 })
                #expect(found["size"] == "ENOSPC \(8 << 20)")
                #expect(found["number"] == "ENOSPC True")
            }
        }

        @Test(.enabled(if: processes == nil, "\(processes ?? "")"))
        func aForkBombIsBoundedAndItsNeighbourIsUnharmed() async throws {
            try await SandboxHost.with(.linux) { host in
                let neighbour = try await host.start(
                    try host.specification(
                        "connection = runtime_api()\nwhile connection.recv(1): say(os.fork() and 'alive' or os._exit(0))"
                    ))
                let pulse = try await neighbour.accept()
                // Every child forks on as well, for as long as the environment lives.
                let bomb = """
                    import time
                    most = 0
                    while True:
                        try:
                            if os.fork() == 0: most = -1
                        except OSError as error:
                            if most == 0: say(errno.errorcode[error.errno])
                            most = -1
                    """
                try await host.run(bomb, change: { $0.processes = 40 }) { running in
                    try await running.expect(line: "EAGAIN")
                    for _ in 0..<5 {
                        #expect(Glibc.write(pulse, "x", 1) == 1)
                        try await neighbour.expect(line: "alive")
                    }
                    let full = try host.groups().filter { ControlGroups.processes([$0]).count == 40 }
                    #expect(!full.isEmpty)
                    running.sandbox.kill()
                    try await running.expect(exit: .signal(SIGKILL))
                    #expect(ControlGroups.processes(full) == [])
                }
                Glibc.close(pulse)
                await neighbour.close()
            }
        }

        @Test(.enabled(if: processes == nil, "\(processes ?? "")"))
        func theEnvironmentsTogetherLeaveTheHostAQuarterOfItsProcesses() async throws {
            try await SandboxHost.with(.linux) { host in
                let limits = try host.groups().compactMap {
                    try? String(contentsOfFile: "\($0)/pids.max", encoding: .utf8)
                }
                let most = try Int(#require(limits.first).trimmingCharacters(in: .whitespacesAndNewlines))
                let all = try String(contentsOfFile: "/proc/sys/kernel/pid_max", encoding: .utf8)
                let kernel = try #require(Int(all.trimmingCharacters(in: .whitespacesAndNewlines)))
                #expect(try #require(most) <= kernel / 4 * 3)
            }
        }

        @Test(.enabled(if: cpu == nil, "\(cpu ?? "")"))
        func theCPUShareIsHonest() async throws {
            try await SandboxHost.with(.linux) { host in
                // The kernel counts the periods in which the group wanted to run, so a busy host does not matter.
                let program = """
                    import time
                    connection = runtime_api()
                    while connection.recv(1):
                        start = time.process_time()
                        while time.process_time() - start < 0.3: pass
                        say(int((time.process_time() - start) * 1e6))
                    """
                try await host.run(program, change: { $0.millicores = 250 }) { running in
                    let connection = try await running.accept()
                    for share in [250, 500] {
                        // The first share is the start's.
                        if share != 250 { running.sandbox.setCPU(millicores: share) }
                        let before = try Self.throttledPeriods(host)
                        #expect(Glibc.write(connection, "x", 1) == 1)
                        let used = try #require(Double(try await running.line()))
                        let periods = Double(try Self.throttledPeriods(host) - before)
                        let measured = used / (periods * 20_000) * 1000
                        #expect(Double(share) * 0.6...Double(share) * 1.25 ~= measured, "\(measured) of \(share)")
                    }
                    Glibc.close(connection)
                }
            }
        }

        private static func throttledPeriods(_ host: SandboxHost) throws -> Int {
            let files = try host.groups().compactMap { try? String(contentsOfFile: "\($0)/cpu.stat", encoding: .utf8) }
            let counts = files.compactMap { text in
                text.split(separator: "\n").first { $0.hasPrefix("nr_periods ") }.flatMap { Int($0.dropFirst(11)) }
            }
            return try #require(counts.max())
        }

        @Test(.enabled(if: HostFeature.missing(HostFeature.linux) == nil, "needs root, the launcher and python3"))
        func descriptorsCoresAndPrioritiesAreLimited() async throws {
            try await SandboxHost.with(.linux) { host in
                let program = """
                    import resource
                    opened = []
                    try:
                        while True: opened.append(os.open("/dev/null", os.O_RDONLY))
                    except OSError as error:
                        say("descriptors", errno.errorcode[error.errno], opened[-1])
                    for one in opened: os.close(one)
                    attempt("raise", resource.setrlimit, resource.RLIMIT_NOFILE, (2000, 2000))
                    # A core_pattern that is a pipe ignores a limit of 0, so it must stay at 1.
                    attempt("core", resource.setrlimit, resource.RLIMIT_CORE, (0, 0))
                    say("core-limit", *resource.getrlimit(resource.RLIMIT_CORE))
                    use_system_calls()
                    import ctypes
                    attempt("old-core", syscall, (160, 164), 4, ctypes.byref((ctypes.c_ulong * 2)(0, 0)))
                    say("core-limit-after", *resource.getrlimit(resource.RLIMIT_CORE))
                    attempt("data", resource.setrlimit, resource.RLIMIT_DATA, (1 << 30, 1 << 30))
                    say("data-limit", resource.getrlimit(resource.RLIMIT_DATA)[0])
                    attempt("nice", os.setpriority, os.PRIO_PROCESS, 0, -5)
                    attempt("realtime", os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1))
                    """
                let found = try await host.probe(program, change: { $0.descriptors = 100 })
                #expect(found["descriptors"] == "EMFILE 99")
                #expect(found["raise"] != "allowed")
                #expect(found["core-limit"] == "1 1")
                #expect(found["core-limit-after"] == "1 1")
                #expect(found["data-limit"] == "\(1 << 30)")
                #expect(found["nice"] == "EACCES")
                #expect(found["realtime"] == "EPERM")
            }
        }
    }
}
