import ApusModel
import ApusSandbox
import Foundation
import Glibc
import Testing

extension SandboxTests {
    /// What every driver promises.
    struct Conformance {
        @Test(arguments: DriverKind.allCases)
        func theProgramReachesTheRuntimeAPI(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let program = """
                    connection = runtime_api()
                    connection.sendall(b"ping")
                    say(connection.recv(16).decode())
                    """
                try await host.run(program) { running in
                    let connection = try await running.accept()
                    #expect(try Pipe.read(connection, deadline: 30) == Array("ping".utf8))
                    #expect(Glibc.write(connection, "pong", 4) == 4)
                    try await running.expect(line: "pong")
                    Glibc.close(connection)
                    try await running.expect(exit: .code(0))
                }
            }
        }

        @Test(arguments: DriverKind.allCases)
        func outputErrorsAndTelemetryArrive(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let program = """
                    os.write(1, b"out ")
                    os.write(2, b"err")
                    os.write(3, b"frame")
                    """
                try await host.run(program) { running in
                    let (_, output) = try await running.finish()
                    #expect(output == "out err")
                    #expect(Pipe.drain(running.descriptors.telemetry) == Array("frame".utf8))
                }
            }
        }

        @Test(arguments: DriverKind.allCases)
        func theProgramSeesItsCodeVariablesAndWorkingDirectory(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let program = """
                    say(os.environ["GREETING"])
                    say(os.path.samefile(os.getcwd(), os.path.dirname(os.environ["HERE"])))
                    say(os.environ["AWS_LAMBDA_RUNTIME_API"])
                    say("AWS_ENDPOINT_URL" in os.environ, "HOME" in os.environ)
                    say(sorted(int(n) for n in os.listdir("/proc/self/fd"))[:-1])
                    """
                let variables = [
                    "GREETING": "good=morning ☀", "HERE": "/var/task/main.py", "AWS_LAMBDA_RUNTIME_API": "elsewhere:1",
                ]
                try await host.run(program, variables: variables) { running in
                    try await running.expect(line: "good=morning ☀")
                    try await running.expect(line: "True")
                    try await running.expect(line: running.sandbox.runtimeAPIAddress)
                    try await running.expect(line: "True False")
                    try await running.expect(line: "[0, 1, 2, 3]")
                }
            }
        }

        @Test(
            arguments: DriverKind.allCases,
            [
                ("sys.exit(0)", SandboxExit.Cause.code(0)), ("sys.exit(7)", .code(7)), ("os._exit(255)", .code(255)),
                ("os.kill(os.getpid(), signal.SIGTERM)", .signal(SIGTERM)), ("os.abort()", .signal(SIGABRT)),
            ])
        func theExitTellsItsCause(
            _ kind: DriverKind, _ expected: (program: String, cause: SandboxExit.Cause)
        ) async throws {
            try await SandboxHost.with(kind) { host in
                try await host.run(expected.program) { running in
                    let exit = try await running.exit()
                    #expect(exit.cause == expected.cause)
                    #expect(!exit.outOfMemory)
                }
            }
        }

        @Test(arguments: DriverKind.allCases, [("/var/task/absent", ENOENT), ("/var/task/main.py", EACCES)])
        func anUnsuitableProgramIsAnExit(_ kind: DriverKind, _ expected: (path: String, errno: Int32)) async throws {
            try await SandboxHost.with(kind) { host in
                try await host.run("", change: { $0.arguments = [expected.path] }) { running in
                    try await running.expect(exit: .notExecutable(expected.errno))
                }
            }
        }

        @Test(arguments: DriverKind.allCases)
        func aProgramMayEndByItselfWhenItIsAskedTo(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let program = """
                    import signal
                    signal.signal(signal.SIGTERM, lambda *_: os._exit(5))
                    say("ready")
                    wait_for_the_end()
                    """
                try await host.run(program) { running in
                    try await running.expect(line: "ready")
                    running.sandbox.terminate()
                    try await running.expect(exit: .code(5))
                    running.sandbox.terminate()
                }
            }
        }

        @Test(arguments: DriverKind.allCases)
        func killEndsEveryProcessAndRepeats(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let program = """
                    child = os.fork()
                    if child:
                        say("ready")
                    wait_for_the_end()
                    """
                try await host.run(program) { running in
                    let connections = [try await running.accept(), try await running.accept()]
                    try await running.expect(line: "ready")
                    running.sandbox.kill()
                    running.sandbox.kill()
                    try await running.expect(exit: .signal(SIGKILL))
                    for connection in connections {
                        #expect(try Pipe.read(connection, deadline: 30).isEmpty)
                        Glibc.close(connection)
                    }
                    running.sandbox.kill()
                }
            }
        }

        @Test(arguments: DriverKind.allCases)
        func everyWaiterLearnsOfTheExitAlsoLateOnes(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                try await host.run("wait_for_the_end()\nsys.exit(3)") { running in
                    let connection = try await running.accept()
                    async let first = running.exit()
                    async let second = running.exit()
                    Glibc.close(connection)
                    #expect(try await first.cause == .code(3))
                    #expect(try await second.cause == .code(3))
                    try await running.expect(exit: .code(3))
                    await running.close()
                    try await running.expect(exit: .code(3))
                }
            }
        }

        @Test(arguments: DriverKind.allCases)
        func aRestartKeepsTemporaryFilesPipesAndListeners(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let program = """
                    import fcntl
                    path = os.environ["TMP_PATH"] + "/runs"
                    runs = 1 + (int(read(path)) if os.path.exists(path) else 0)
                    write(path, str(runs).encode(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                    os.write(3, b"%d" % runs)
                    say(runs, fcntl.fcntl(1, fcntl.F_GETFL) & os.O_NONBLOCK)
                    fcntl.fcntl(1, fcntl.F_SETFL, os.O_WRONLY | os.O_NONBLOCK)
                    if os.fork() == 0:
                        os.setsid()
                    wait_for_the_end()
                    """
                try await host.run(program, variables: ["TMP_PATH": "/tmp"]) { running in
                    for run in 1...3 {
                        try await running.expect(line: "\(run) 0")
                        let connections = [try await running.accept(), try await running.accept()]
                        let sandbox = running.sandbox
                        try await within("restart") { try await sandbox.restart() }
                        for connection in connections {
                            // What a setsid child survives in without a sandbox is no business of this test.
                            if kind.isIsolated { #expect(try Pipe.read(connection, deadline: 30).isEmpty) }
                            Glibc.close(connection)
                        }
                    }
                    try await running.expect(line: "4 0")
                    #expect(Pipe.drain(running.descriptors.telemetry) == Array("1234".utf8))
                    running.sandbox.kill()
                    try await running.expect(exit: .signal(SIGKILL))
                }
            }
        }

        @Test(arguments: DriverKind.allCases)
        func aProgramThatEndedByItselfRestarts(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                try await host.run("say('here')\nsys.exit(5)") { running in
                    for _ in 1...3 {
                        try await running.expect(line: "here")
                        try await running.expect(exit: .code(5))
                        try await running.sandbox.restart()
                    }
                }
            }
        }

        @Test(arguments: DriverKind.allCases)
        func closeRepeatsAlsoAtTheSameTimeAndAfterKill(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let running = try await host.start(try host.specification("wait_for_the_end()"))
                let sandbox = running.sandbox
                sandbox.kill()
                try await within("close") {
                    async let first: Void = sandbox.close()
                    async let second: Void = sandbox.close()
                    _ = await (first, second)
                    await sandbox.close()
                }
                try await running.expect(exit: .signal(SIGKILL))
                sandbox.kill()
                sandbox.setCPU(millicores: 100)
                _ = sandbox.peakMemory()
                await running.close()
            }
        }

        @Test(arguments: DriverKind.allCases)
        func aRestartAfterCloseIsRefused(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let running = try await host.start(try host.specification("wait_for_the_end()"))
                await running.close()
                await #expect(throws: SandboxError.self) { try await running.sandbox.restart() }
            }
        }

        @Test(arguments: DriverKind.allCases)
        func theCPUShareCanBeChangedAtAnyTime(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                try await host.run("say('up')\nwait_for_the_end()", change: { $0.millicores = 500 }) { running in
                    for share in [0, 1, 100, 1000, 100_000, 0] { running.sandbox.setCPU(millicores: share) }
                    try await running.expect(line: "up")
                    if host.kind.isIsolated { #expect(running.sandbox.peakMemory() > 1 << 20) }
                }
            }
        }

        @Test(arguments: DriverKind.allCases)
        func aHundredStartsLeaveNothing(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let specification = try host.specification("say('up')\nwait_for_the_end()")
                var pipes: Set<String> = []
                let launcherBefore = Descriptors.count(of: host.launcher)
                for _ in 0..<25 {
                    try await withThrowingTaskGroup(of: Set<String>.self) { group in
                        for number in 0..<4 {
                            group.addTask {
                                var one = specification
                                one.id = "env-\(UInt64.random(in: 0 ... .max))"
                                let running = try await host.start(one)
                                let own = Descriptors.names(running.descriptors)
                                if number % 2 == 0 { try await running.expect(line: "up") }
                                await running.close()
                                return own
                            }
                        }
                        for try await own in group { pipes.formUnion(own) }
                    }
                }
                #expect(pipes.count == 300)
                #expect(Descriptors.open().filter { pipes.contains($0) || $0.contains("apus-\(host.instance)") } == [])
                if kind.isIsolated {
                    #expect(Descriptors.open().filter { $0.hasPrefix("mnt:") || $0.hasPrefix("net:") } == [])
                    #expect(Descriptors.count(of: host.launcher) == launcherBefore)
                    let names = try host.groups().map { URL(fileURLWithPath: $0).lastPathComponent }
                    #expect(Set(names).subtracting(["apus-\(host.instance)"]) == [])
                } else {
                    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(host.folder)/process") == [])
                }
            }
        }

        @Test(arguments: DriverKind.allCases)
        func aFailedStartLeavesNothing(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let good = try host.specification("wait_for_the_end()")
                var bad: [SandboxSpecification] = []
                var one = good
                one.variables = [(name: "BAD", value: "nul\0inside")]
                bad.append(one)
                one = good
                one.arguments = []
                bad.append(one)
                if kind.isIsolated {
                    one = good
                    one.variables = [(name: "LONG", value: String(repeating: "x", count: 200_000))]
                    bad.append(one)
                    one = good
                    one.code = "\(host.folder)/code/absent"
                    bad.append(one)
                    one = good
                    one.mounts = [.init(source: good.code, target: "/etc")]
                    bad.append(one)
                    one = good
                    one.mounts = (0..<40).map { _ in .init(source: good.code, target: "/opt") }
                    bad.append(one)
                    one = good
                    one.variables = (0..<5000).map { (name: "N\($0)", value: "") }
                    bad.append(one)
                    one = good
                    one.arguments = Array(repeating: "/usr/bin/python3", count: 2000)
                    bad.append(one)
                }
                for specification in bad {
                    await #expect(throws: SandboxError.self) { try await host.driver.start(specification) }
                }
                #expect(Descriptors.open().filter { $0.contains("apus-\(host.instance)") } == [])
                if kind.isIsolated {
                    #expect(try host.groups().allSatisfy { $0.hasSuffix("apus-\(host.instance)") })
                } else {
                    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(host.folder)/process") == [])
                }
                // And the driver is as before.
                try await host.run("say('up')") { try await $0.expect(line: "up") }
            }
        }

        @Test(arguments: DriverKind.allCases)
        func aCancelledStartLeavesNothing(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                for _ in 0..<10 {
                    let specification = try host.specification("wait_for_the_end()")
                    let driver = host.driver
                    let task = Task { try await driver.start(specification) }
                    task.cancel()
                    // The driver may be faster than the cancellation; then there is an environment to close.
                    if let sandbox = try? await task.value {
                        await RunningSandbox(sandbox).close()
                    }
                }
                #expect(Descriptors.open().filter { $0.contains("apus-\(host.instance)") } == [])
                if kind.isIsolated { #expect(try host.groups().allSatisfy { $0.hasSuffix("apus-\(host.instance)") }) }
            }
        }

        @Test(arguments: DriverKind.allCases)
        func aShutdownEndsWhatRuns(_ kind: DriverKind) async throws {
            try await SandboxHost.with(kind) { host in
                let running = try await host.start(try host.specification("say('up')\nwait_for_the_end()"))
                try await running.expect(line: "up")
                let connection = try await running.accept()
                let driver = host.driver
                try await within("shut down") { await driver.shutdown() }
                try await running.expect(exit: .signal(SIGKILL))
                #expect(try Pipe.read(connection, deadline: 30).isEmpty)
                Glibc.close(connection)
                if kind.isIsolated { #expect(try host.groups() == []) }
                await running.close()
            }
        }
    }
}

/// Everything that starts environments, one at a time: the tests count descriptors, processes and control groups.
@Suite(.serialized) enum SandboxTests {}

/// Descriptors of this process as the kernel names them, such as `pipe:[1234]`.
enum Descriptors {
    static func open() -> [String] {
        let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return numbers.compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)") }
    }

    static func names(_ descriptors: SandboxDescriptors) -> Set<String> {
        let own = [descriptors.runtimeAPI, descriptors.output, descriptors.telemetry]
        return Set(own.compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)") })
    }

    static func count(of process: pid_t) -> Int {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd")) ?? []).count
    }
}
