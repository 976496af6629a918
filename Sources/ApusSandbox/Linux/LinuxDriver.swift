import ApusModel
import Glibc

/// What the operator decides about the sandboxes of one server.
package struct LinuxSettings: Sendable {
    /// Tells servers on one host apart; 1...48 characters of `[a-z0-9-]`.
    package var instance: String

    /// Host directories below which code and mounts lie. They must exist when the driver starts.
    package var sources: [String]

    /// Mount points beside `/var/task`, `/var/runtime`, `/var/lang`, `/opt` and `/mnt`.
    package var mountPoints: [String] = []

    /// Whether environments reach the network beyond loopback.
    package var network = true

    /// The host uid of the first of 16,384 slots; the others' follow. The one before belongs to every environment's pid 1.
    package var firstUser: UInt32 = 200_000

    /// What all environments together may use of the host's memory, in bytes; 0 for no limit.
    package var memory = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)) / 10 * 9

    /// Slots that are prepared ahead: whole ones, and those that a fork completes.
    package var pool = 8
    package var forkPool = 16

    package init(instance: String, sources: [String]) {
        self.instance = instance
        self.sources = sources
    }
}

/// Environments of namespaces, control groups and a system call filter, made by the launcher: the drivers `linux` and, with the
/// launcher in a user namespace, `userns`.
package final class LinuxDriver: SandboxDriver {
    package let name: String
    package let probes: [Probe]

    package let makesCells: Bool

    let warden: MemoryWarden
    private let connection: LauncherConnection
    private let pool: SlotPool
    private let forkPool: SlotPool
    private let cgroupVersion: UInt32

    /// Sets the host up for environments; takes about as long as `nft` needs to start.
    ///
    /// - Throws: what the host lacks. The launcher ends then.
    package init(_ launcher: consuming Launcher, _ settings: LinuxSettings) throws(SandboxError) {
        warden = try MemoryWarden()
        name = launcher.place == .host ? "linux" : "userns"
        let connection = try LauncherConnection(launcher, greeting: LauncherRequests.hello(settings))
        var reply = try connection.greet()
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
        // Without user namespaces there are no forks; a launcher in one says what else they need.
        makesCells =
            probes.contains { $0.feature == "user namespaces" && $0.result == .present }
            && !probes.contains { $0.feature == "cells" && $0.result != .present }
        let pools = [
            SlotPool(connection: connection, purpose: .start, size: settings.pool),
            SlotPool(connection: connection, purpose: .fork, size: settings.forkPool),
        ]
        (pool, forkPool) = (pools[0], pools[1])
        warden.start()
        NamedThread.start("apus-launcher") {
            connection.run(lost: { pools.forEach { $0.empty() } }, found: { pools.forEach { $0.refill() } })
        }
        pools.forEach { $0.refill() }
    }

    package func shutdown() async {
        pool.close()
        forkPool.close()
        await connection.close()
        warden.end()
    }

    /// Returns when no environment can be started any more.
    ///
    /// - Returns: false after ``shutdown()``, or when the task was cancelled. True: the launcher is lost for good.
    package func waitForLoss() async -> Bool {
        let (end, continuation) = AsyncStream.makeStream(of: Never.self)
        connection.whenEnded { continuation.finish() }
        for await _ in end {}
        return connection.isLost
    }
}

// MARK: Beginnings

extension LinuxDriver {
    package func start(_ specification: SandboxSpecification) async throws(SandboxError) -> any Sandbox {
        try specification.check()
        let isForkable = specification.isTemplate
        return try await begin(specification.id, specification, in: pool) { (sandbox, slot) throws(SandboxError) in
            let fields = try LauncherRequests.start(specification, slot: slot.number, isForkable: isForkable)
            let reply = try await self.connection.request(LauncherProtocol.Kind.start, fields)
            sandbox.started(reply.descriptors, isForkable: isForkable)
        }
    }

    package func boot(_ specification: CellSpecification) async throws(SandboxError) -> any Sandbox {
        guard makesCells else { throw SandboxError(step: "boot", subject: specification.id, errno: ENOTSUP) }
        try specification.check()
        return try await begin(specification.id, nil, in: pool) { (sandbox, slot) throws(SandboxError) in
            let fields = try LauncherRequests.boot(specification, slot: slot.number)
            let reply = try await self.connection.request(LauncherProtocol.Kind.start, fields)
            sandbox.started(reply.descriptors, isForkable: true)
        }
    }

    package func fork(_ origin: any Sandbox, as id: String) async throws(SandboxError) -> any Sandbox {
        guard let origin = origin as? LinuxSandbox else {
            throw SandboxError(step: "fork", subject: origin.id, errno: EINVAL)
        }
        return try await begin(id, nil, in: forkPool) { (sandbox, slot) throws(SandboxError) in
            let waiting = try origin.origin()
            let channel = waiting.channel.with { $0 }
            let reply = try await self.connection.request(
                LauncherProtocol.Kind.fork, LauncherRequests.fork(slot.number, of: origin.slot), descriptors: [channel])
            // Not before: `waiting` owns the channel.
            try sandbox.forked(reply.descriptors, hasFiles: waiting.hasFiles)
        }
    }

    /// Takes a slot and has `launch` put an environment into it. When that fails, nothing is left.
    private func begin(
        _ id: String, _ specification: SandboxSpecification?, in pool: SlotPool,
        _ launch: (LinuxSandbox, PreparedSlot) async throws(SandboxError) -> Void
    ) async throws(SandboxError) -> LinuxSandbox {
        defer { pool.startEnded() }
        do throws(SandboxError) {
            let slot = try await pool.take()
            let sandbox = LinuxSandbox(id, specification, slot: slot, cgroupVersion: cgroupVersion, driver: self)
            connection.watch(slot.number) { sandbox.ended($0) }
            do throws(SandboxError) {
                try await launch(sandbox, slot)
            } catch {
                connection.unwatch(slot.number)
                sandbox.takeDescriptors().closeAll()
                // A request that the launcher has refused took the slot along; one that was never sent did not.
                await discard(slot.number)
                throw error
            }
            if Task.isCancelled {
                await sandbox.close()
                throw SandboxError(step: "start", subject: id, errno: ECANCELED)
            }
            return sandbox
        } catch {
            throw SandboxError(step: error.step, subject: id, errno: error.errno)
        }
    }
}

// MARK: What a sandbox asks for

extension LinuxDriver {
    /// Gives a cell the files and limits of a function.
    func specialize(
        _ sandbox: LinuxSandbox, _ specification: SandboxSpecification, mounts: Int32, hasFiles: Bool
    ) async throws(SandboxError) {
        let fields = try LauncherRequests.specialize(specification, slot: sandbox.slot, hasFiles: hasFiles)
        do throws(SandboxError) {
            _ = try await connection.request(LauncherProtocol.Kind.specialize, fields, descriptors: [mounts])
        } catch {
            throw SandboxError(step: error.step, subject: sandbox.id, errno: error.errno)
        }
    }

    /// Runs the program again in what is left of the ended environment.
    func restart(
        _ sandbox: LinuxSandbox, _ specification: SandboxSpecification, kept: [Int32]
    ) async throws(SandboxError) {
        let fields = try LauncherRequests.start(specification, slot: sandbox.slot, isForkable: false)
        connection.watch(sandbox.slot) { sandbox.ended($0) }
        do throws(SandboxError) {
            _ = try await connection.request(LauncherProtocol.Kind.restart, fields, descriptors: kept)
        } catch {
            connection.unwatch(sandbox.slot)
            throw SandboxError(step: error.step, subject: sandbox.id, errno: error.errno)
        }
    }

    /// - Parameter network: the namespace; it stays the sandbox's, and open until this returns.
    func openSocket(in sandbox: LinuxSandbox, network: Int32) async throws(SandboxError) -> Int32 {
        do throws(SandboxError) {
            let reply = try await connection.request(
                LauncherProtocol.Kind.openSocket, LauncherRequests.slot(sandbox.slot), descriptors: [network])
            guard reply.descriptors.count == 1 else {
                reply.descriptors.forEach { Glibc.close($0) }
                throw SandboxError(step: "read a reply", subject: "the launcher", errno: EBADMSG)
            }
            return reply.descriptors[0]
        } catch {
            throw SandboxError(step: error.step, subject: sandbox.id, errno: error.errno)
        }
    }

    func terminate(_ slot: UInt32) {
        connection.post(LauncherProtocol.Kind.terminate, LauncherRequests.slot(slot))
    }

    func kill(_ slot: UInt32) { connection.post(LauncherProtocol.Kind.kill, LauncherRequests.slot(slot)) }

    /// Returns when the processes are gone. A launcher that has ended took them with it.
    func close(_ sandbox: LinuxSandbox) async {
        await discard(sandbox.slot)
        connection.unwatch(sandbox.slot)
    }

    private func discard(_ slot: UInt32) async {
        _ = try? await connection.request(LauncherProtocol.Kind.close, LauncherRequests.slot(slot))
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
