import ApusModel
import Glibc
import Synchronization

/// What the operator decides about the sandboxes of one server.
package struct LinuxSettings: Sendable {
    /// Tells servers on one host apart; 1...48 characters of `[a-z0-9-]`.
    package var instance: String

    /// Host directories below which code and mounts lie. They must exist when the driver starts.
    package var sources: [String]

    /// Mount points beside `/var/task`, `/var/runtime`, `/var/lang`, `/var/rapid`, `/opt` and `/mnt`.
    package var mountPoints: [String] = []

    /// Whether environments reach the network beyond loopback.
    package var network = true

    /// Host uids for the owners; the one before the first belongs to every environment's pid 1.
    package var users: Range<UInt32> = 200_000..<265_000

    /// Environments that are prepared ahead, without a function.
    package var pool = 8

    package init(instance: String, sources: [String]) {
        self.instance = instance
        self.sources = sources
    }
}

/// Environments of namespaces, control groups and a system call filter, made by the launcher.
package final class LinuxDriver: SandboxDriver {
    package let name = "linux"
    package let probes: [Probe]

    private let connection: LauncherConnection
    private let pool: SlotPool
    private let users: Mutex<UserAllocator>
    private let cgroupVersion: UInt32

    /// Sets the host up for environments; takes about as long as `nft` needs to start.
    ///
    /// - Throws: what the host lacks. The launcher ends then.
    package init(_ launcher: consuming Launcher, _ settings: LinuxSettings) throws(SandboxError) {
        let connection = try LauncherConnection(launcher)
        var reply = try connection.greet(try LinuxDriver.hello(settings))
        guard let error = reply.i32(), let step = reply.text(), let version = reply.u32(),
            let probes = LinuxDriver.readProbes(&reply)
        else { throw SandboxError(step: "read a reply", subject: "the launcher", errno: EBADMSG) }
        if error != 0 { throw SandboxError(step: step, subject: "instance \(settings.instance)", errno: error) }
        if let missing = probes.first(where: { $0.result == .missing }) {
            throw SandboxError(step: "find \(missing.feature) (\(missing.detail))", subject: "the host", errno: ENOSYS)
        }
        self.connection = connection
        self.probes = probes
        cgroupVersion = version
        users = Mutex(UserAllocator(settings.users))
        pool = SlotPool(connection: connection, size: settings.pool)
        NamedThread.start("apus-launcher") { connection.run() }
        pool.refill()
    }

    package func start(_ specification: SandboxSpecification) async throws(SandboxError) -> any Sandbox {
        try specification.check()
        guard let user = users.withLock({ $0.acquire(specification.owner) }) else {
            throw SandboxError(step: "find a free uid", subject: specification.id, errno: EUSERS)
        }
        let sandbox: LinuxSandbox
        do throws(SandboxError) {
            sandbox = try await launch(specification, user: user)
        } catch {
            users.withLock { $0.release(specification.owner) }
            throw SandboxError(step: error.step, subject: specification.id, errno: error.errno)
        }
        if Task.isCancelled {
            await sandbox.close()
            throw SandboxError(step: "start", subject: specification.id, errno: ECANCELED)
        }
        return sandbox
    }

    package func shutdown() async {
        pool.close()
        await connection.close()
    }

    private func launch(_ specification: SandboxSpecification, user: UInt32) async throws(SandboxError) -> LinuxSandbox
    {
        defer { pool.startEnded() }
        let slot = try await pool.take()
        let sandbox = LinuxSandbox(
            specification, user: user, slot: slot, cgroupVersion: cgroupVersion, driver: self)
        connection.watch(slot.number) { sandbox.ended($0) }
        do throws(SandboxError) {
            let fields = try LinuxDriver.start(specification, slot: slot.number, user: user)
            sandbox.started(kept: try await connection.request(LauncherProtocol.Kind.start, fields).descriptors)
        } catch {
            connection.unwatch(slot.number)
            sandbox.takeDescriptors().closeAll()
            // A START that the launcher has refused took the slot along; one that was never sent did not.
            await discard(slot.number)
            throw error
        }
        return sandbox
    }

    /// Runs the program again in what is left of the ended environment.
    func restart(_ sandbox: LinuxSandbox, kept: [Int32]) async throws(SandboxError) {
        guard !kept.isEmpty else { throw SandboxError(step: "restart", subject: sandbox.id, errno: ESRCH) }
        let fields = try LinuxDriver.start(sandbox.specification, slot: sandbox.slot, user: sandbox.user)
        connection.watch(sandbox.slot) { sandbox.ended($0) }
        do throws(SandboxError) {
            _ = try await connection.request(LauncherProtocol.Kind.restart, fields, descriptors: kept)
        } catch {
            connection.unwatch(sandbox.slot)
            throw SandboxError(step: error.step, subject: sandbox.id, errno: error.errno)
        }
    }

    func kill(_ slot: UInt32) {
        var fields = LauncherFields()
        fields.put(slot)
        connection.post(LauncherProtocol.Kind.kill, fields)
    }

    private func discard(_ slot: UInt32) async {
        var fields = LauncherFields()
        fields.put(slot)
        _ = try? await connection.request(LauncherProtocol.Kind.close, fields)
    }

    /// Returns when the processes are gone. A launcher that has ended took them with it.
    func close(_ sandbox: LinuxSandbox) async {
        await discard(sandbox.slot)
        connection.unwatch(sandbox.slot)
        users.withLock { $0.release(sandbox.specification.owner) }
    }
}

// MARK: Messages

extension LinuxDriver {
    private static func hello(_ settings: LinuxSettings) throws(SandboxError) -> LauncherFields {
        var fields = LauncherFields()
        fields.put(LauncherProtocol.version)
        try fields.put(settings.instance)
        fields.put(settings.users.lowerBound - 1)
        fields.put(UInt32(settings.network ? 1 : 0))
        try fields.put(settings.sources)
        try fields.put(settings.mountPoints)
        return fields
    }

    private static func start(
        _ specification: SandboxSpecification, slot: UInt32, user: UInt32
    ) throws(SandboxError) -> LauncherFields {
        var fields = LauncherFields()
        fields.put(slot)
        try fields.put(specification.id)
        fields.put(user)
        fields.put(user)
        fields.put(UInt64(specification.memory.bytes))
        let quota = SandboxMeters.quota(millicores: specification.millicores) ?? -1
        fields.put(UInt64(bitPattern: Int64(quota)))
        fields.put(UInt64(specification.temporaryBytes))
        fields.put(UInt32(specification.processes))
        fields.put(UInt32(specification.descriptors))
        try fields.put(specification.code)
        fields.put(UInt32(specification.mounts.count))
        for mount in specification.mounts {
            try fields.put(mount.source)
            try fields.put(mount.target)
        }
        try fields.put(specification.arguments)
        try fields.put(environment(specification))
        return fields
    }

    private static func environment(_ specification: SandboxSpecification) -> [String] {
        let own = [("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"), ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")]
        let others = specification.variables.filter { variable in !own.contains { $0.0 == variable.name } }
        return (others.map { ($0.name, $0.value) } + own).map { "\($0.0)=\($0.1)" }
    }

    private static func readProbes(_ reader: inout LauncherReader) -> [Probe]? {
        guard let count = reader.u32() else { return nil }
        var probes: [Probe] = []
        for _ in 0..<min(count, 64) {
            guard let result = reader.u32(), let feature = reader.text(), let detail = reader.text() else { return nil }
            let known: Probe.Result = result == 0 ? .present : result == 1 ? .degraded : .missing
            probes.append(Probe(feature: feature, result: known, detail: detail))
        }
        return probes
    }
}
