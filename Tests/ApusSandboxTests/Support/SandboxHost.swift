import ApusModel
import ApusSandbox
import Foundation
import Glibc
import Testing

/// The drivers that the conformance suite runs over.
enum DriverKind: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case linux, process

    var testDescription: String { rawValue }

    var missing: String? { HostFeature.missing(self == .linux ? HostFeature.linux : [.python]) }
}

/// A driver of the test's own, with a folder for code. Use `with`, which undoes everything.
final class SandboxHost: Sendable {
    struct Options: Sendable {
        /// Environments reach beyond loopback; only in a network namespace of the test's own.
        var network = false
        var instance = "test-\(UInt32.random(in: 0 ... .max))"
        var launcher = HostFeature.launcherPath
        var pool = 0
    }

    let kind: DriverKind
    let folder: String
    let driver: any SandboxDriver
    let instance: String
    /// The launcher's pid; 0 for the process driver.
    let launcher: pid_t

    private init(_ kind: DriverKind, _ options: Options) throws {
        self.kind = kind
        instance = options.instance
        folder = "/tmp/apus-sandbox-tests-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: "\(folder)/code", withIntermediateDirectories: true)
        if kind == .process {
            driver = try ProcessDriver(folder: "\(folder)/process", endpoint: "http://127.0.0.1:9")
            launcher = 0
            return
        }
        do {
            (driver, launcher) = try SandboxHost.linux(options, folder)
        } catch {
            try? FileManager.default.removeItem(atPath: folder)
            throw error
        }
    }

    private static func linux(_ options: Options, _ folder: String) throws -> (LinuxDriver, pid_t) {
        let launcher = try Launcher(path: options.launcher)
        let process = launcher.process
        var settings = LinuxSettings(instance: options.instance, sources: ["\(folder)/code"])
        settings.mountPoints = ["/srv/extra"]
        settings.network = options.network
        settings.pool = options.pool
        return (try LinuxDriver(launcher, settings), process)
    }

    /// Skips the test, naming the reason, where the driver cannot run.
    static func with(
        _ kind: DriverKind, _ options: Options = Options(), _ body: (SandboxHost) async throws -> Void
    ) async throws {
        if let missing = kind.missing { try Test.cancel("\(missing)") }
        let host = try SandboxHost(kind, options)
        let result: Result<Void, any Error>
        do { result = .success(try await body(host)) } catch { result = .failure(error) }
        try await within("shut down") { await host.driver.shutdown() }
        try? FileManager.default.removeItem(atPath: host.folder)
        try result.get()
    }

    /// A folder with one Python program, `main.py`.
    func code(_ program: String) throws -> String {
        let path = "\(folder)/code/\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try (ProbeProgram.prelude + program).write(toFile: "\(path)/main.py", atomically: false, encoding: .utf8)
        return path
    }

    func specification(
        _ program: String, owner: String = "one", variables: [String: String] = [:]
    ) throws -> SandboxSpecification {
        SandboxSpecification(
            id: "env-\(UInt32.random(in: 0 ... .max))",
            owner: FunctionKey(scope: Scope(account: .standard, region: .standard), name: owner),
            code: try code(program), mounts: [],
            arguments: ["/usr/bin/python3", "-I", "-S", "/var/task/main.py"],
            variables: variables.map { (name: $0.key, value: $0.value) } + [(name: "PATH", value: "/usr/bin")],
            memory: MemorySize(megabytes: 256), millicores: 0, temporaryBytes: 16 << 20)
    }

    func start(_ specification: SandboxSpecification) async throws -> RunningSandbox {
        let driver = self.driver
        let sandbox = try await within("start") { try await driver.start(specification) }
        return RunningSandbox(sandbox)
    }

    /// Starts the program, hands it to `body`, and closes it whatever happens.
    func run(
        _ program: String, owner: String = "one", variables: [String: String] = [:],
        change: (inout SandboxSpecification) -> Void = { _ in }, _ body: (RunningSandbox) async throws -> Void
    ) async throws {
        var specification = try specification(program, owner: owner, variables: variables)
        change(&specification)
        let running = try await start(specification)
        let result: Result<Void, any Error>
        do { result = .success(try await body(running)) } catch { result = .failure(error) }
        await running.close()
        try result.get()
    }

    /// Runs a probing program to its end and returns what it found: `NAME RESULT` a line.
    func probe(
        _ program: String, variables: [String: String] = [:], change: (inout SandboxSpecification) -> Void = { _ in }
    ) async throws -> [String: String] {
        var findings: [String: String] = [:]
        try await run(program, variables: variables, change: change) { running in
            let (exit, output) = try await running.finish()
            #expect(exit.cause == .code(0), "\(output)")
            for line in output.split(separator: "\n") {
                let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
                findings[parts[0]] = parts.count > 1 ? parts[1] : ""
            }
        }
        return findings
    }

    /// The instance's control group directories, at any depth of any hierarchy.
    func groups() throws -> [String] { try ControlGroups.find(instance: instance) }
}

enum ControlGroups {
    static func find(instance: String) throws -> [String] {
        let arguments = ["/sys/fs/cgroup", "-type", "d", "-path", "*/apus-\(instance)*"]
        return try Command("/usr/bin/find", arguments).output().split(separator: "\n").map(String.init).sorted()
    }

    /// The host's pids of everything below the groups.
    static func processes(_ groups: [String]) -> [pid_t] {
        let lists = groups.map { (try? String(contentsOfFile: "\($0)/cgroup.procs", encoding: .utf8)) ?? "" }
        return Set(lists.flatMap { $0.split(separator: "\n").compactMap { pid_t($0) } }).sorted()
    }
}
