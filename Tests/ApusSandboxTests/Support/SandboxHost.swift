import ApusModel
import ApusSandbox
import Foundation
import Glibc
import Testing

/// The drivers that the conformance suite runs over.
enum DriverKind: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case linux, userns, process

    static let isolated: [DriverKind] = [.linux, .userns]

    var testDescription: String { rawValue }

    var isIsolated: Bool { DriverKind.isolated.contains(self) }

    /// The test's own control groups and namespaces need root, also where the driver does not.
    var missing: String? {
        let needed: [HostFeature] =
            switch self {
            case .linux: HostFeature.linux
            case .userns: HostFeature.linux + [.userNamespaces]
            case .process: [.python]
            }
        return HostFeature.missing(needed)
    }
}

/// A driver of the test's own, with a folder for code. Use `with`, which undoes everything.
final class SandboxHost: Sendable {
    struct Options: Sendable {
        /// Environments reach beyond loopback; only in a network namespace of the test's own.
        var network = false
        var instance = "test-\(UInt32.random(in: 0 ... .max))"
        var launcher = HostFeature.launcherPath
        var pool = 0
        /// Of all environments together; nil for the default.
        var memory: Int?
    }

    let kind: DriverKind
    let folder: String
    let driver: any SandboxDriver
    let instance: String
    /// The keeper's pid; 0 for the process driver.
    let keeper: pid_t
    /// The launcher's pid; another one after it was killed.
    var launcher: pid_t {
        let children = try? String(contentsOfFile: "/proc/\(keeper)/task/\(keeper)/children", encoding: .utf8)
        return children?.split(separator: " ").first.flatMap { pid_t($0) } ?? 0
    }

    private init(_ kind: DriverKind, _ options: Options) throws {
        self.kind = kind
        instance = options.instance
        folder = "/tmp/apus-sandbox-tests-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: "\(folder)/code", withIntermediateDirectories: true)
        if kind == .process {
            driver = try ProcessDriver(
                folder: "\(folder)/process", endpoint: "http://127.0.0.1:9", launcher: options.launcher)
            keeper = 0
            return
        }
        do {
            (driver, keeper) = try SandboxHost.linux(options, folder, in: kind == .linux ? .host : .userNamespace)
        } catch {
            try? FileManager.default.removeItem(atPath: folder)
            throw error
        }
    }

    private static func linux(
        _ options: Options, _ folder: String, in place: Launcher.Place
    ) throws -> (LinuxDriver, pid_t) {
        let launcher = try Launcher(path: options.launcher, in: place)
        let process = launcher.process
        var settings = LinuxSettings(instance: options.instance, sources: ["\(folder)/code"])
        settings.mountPoints = ["/srv/extra"]
        settings.network = options.network
        settings.pool = options.pool
        settings.forkPool = options.pool
        if let memory = options.memory { settings.memory = memory }
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
    func code(_ program: String) throws -> String { try folder(with: ProbeProgram.prelude + program, named: "main.py") }

    func folder(with text: String, named name: String) throws -> String {
        let path = "\(folder)/code/\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try text.write(toFile: "\(path)/\(name)", atomically: false, encoding: .utf8)
        return path
    }

    func specification(
        _ program: String, variables: [String: String] = [:]
    ) throws -> SandboxSpecification {
        SandboxSpecification(
            id: "env-\(UInt32.random(in: 0 ... .max))",
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
        _ program: String, variables: [String: String] = [:],
        change: (inout SandboxSpecification) -> Void = { _ in }, _ body: (RunningSandbox) async throws -> Void
    ) async throws {
        var specification = try specification(program, variables: variables)
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

    /// Waits until so many groups have come to a stop.
    func waitForFrozen(_ count: Int) async throws {
        let instance = self.instance
        try await offload {
            for _ in 0..<3000 {
                if try ControlGroups.frozen(instance: instance) == count { return }
                usleep(1000)
            }
            throw DeadlineMissed(description: "\(count) frozen groups: not within 3 s")
        }
    }

    /// What is charged to the instance, in bytes.
    func memoryOfAll() throws -> Int {
        let texts = try groups().filter { $0.hasSuffix("apus-\(instance)") }.compactMap {
            (try? String(contentsOfFile: "\($0)/memory.usage_in_bytes", encoding: .utf8))
                ?? (try? String(contentsOfFile: "\($0)/memory.current", encoding: .utf8))
        }
        return try #require(texts.first.flatMap { Int($0.dropLast()) })
    }

    /// The instance's control group directories, at any depth of any hierarchy.
    func groups() throws -> [String] { try ControlGroups.find(instance: instance) }
}

enum ControlGroups {
    static func find(instance: String) throws -> [String] {
        // Groups of other servers go while it looks, which it takes for a failure.
        let search = "find /sys/fs/cgroup -type d -path '*/apus-\(instance)*' 2>/dev/null; true"
        return try Command("/bin/sh", ["-c", search]).output().split(separator: "\n").map(String.init).sorted()
    }

    /// What freezes when written to a slot's descriptor; empty where nothing does.
    static let freezeWord =
        HostFeature.freezer.isPresent ? access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0 ? "1" : "FROZEN" : ""

    static func frozen(instance: String) throws -> Int {
        try find(instance: instance).count { group in
            let first = try? String(contentsOfFile: "\(group)/freezer.state", encoding: .utf8)
            let second = try? String(contentsOfFile: "\(group)/cgroup.events", encoding: .utf8)
            return first == "FROZEN\n" || second?.contains("frozen 1") == true
        }
    }

    /// Whether the process has not ended, reaped or not.
    static func lives(_ process: pid_t) -> Bool {
        let status = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
        return !status.isEmpty && !status.contains(") Z ") && !status.contains(") X ")
    }

    /// The host's pids of everything below the groups.
    static func processes(_ groups: [String]) -> [pid_t] {
        let lists = groups.map { (try? String(contentsOfFile: "\($0)/cgroup.procs", encoding: .utf8)) ?? "" }
        return Set(lists.flatMap { $0.split(separator: "\n").compactMap { pid_t($0) } }).sorted()
    }
}

/// A process as the host sees it.
enum HostProcess {
    /// A number of its status file, such as `Uid`.
    static func number(_ name: String, of process: pid_t) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("\(name):") })
        return try #require(Int(line.split(separator: "\t")[1]))
    }

    static func user(_ process: pid_t) throws -> Int { try number("Uid", of: process) }
}
