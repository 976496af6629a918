internal import CApusLinux
import Glibc
import Synchronization

/// Runs functions as plain processes of the host, for machines that allow nothing else. Nothing is isolated.
package final class ProcessDriver: SandboxDriver {
    package let name = "process"

    package let probes = [
        Probe(
            feature: "isolation", result: .degraded,
            detail: "none: functions run as the server's user, see its files and each other, and share its network"),
        Probe(
            feature: "limits", result: .degraded,
            detail: "memory, CPU, processes and the size of /tmp are not limited; descriptors are"),
    ]

    package let makesCells = false

    private let folder: String
    private let endpoint: String
    private let launcher: String
    private let watcher: ExitWatcher
    private let running = Mutex<[ObjectIdentifier: ProcessSandbox]>([:])

    /// - Parameters:
    ///   - folder: a directory for the environments' `/tmp`; it is made when it is absent.
    ///   - endpoint: the value of `AWS_ENDPOINT_URL`, the server's own address.
    ///   - launcher: the executable `apus-launcher`, which stands for `/var/rapid/init`.
    package init(folder: String, endpoint: String, launcher: String) throws(SandboxError) {
        if mkdir(folder, 0o700) != 0 && errno != EEXIST {
            throw SandboxError(step: "make the folder", subject: folder, errno: errno)
        }
        self.folder = folder
        self.endpoint = endpoint
        self.launcher = launcher
        watcher = try ExitWatcher()
    }

    package func start(_ specification: SandboxSpecification) async throws(SandboxError) -> any Sandbox {
        try specification.check()
        guard specification.image == nil else {
            throw SandboxError(step: "start an image", subject: specification.id, errno: ENOTSUP)
        }
        let place = try ProcessPlace(specification, folder: folder)
        let program = ProcessProgram(specification, place: place, endpoint: endpoint, launcher: launcher)
        let sandbox = ProcessSandbox(program, id: specification.id, place: place, driver: self)
        do throws(SandboxError) {
            try sandbox.run(watcher)
        } catch {
            await sandbox.close()
            throw error
        }
        running.withLock { $0[ObjectIdentifier(sandbox)] = sandbox }
        return sandbox
    }

    package func boot(_ specification: CellSpecification) async throws(SandboxError) -> any Sandbox {
        throw SandboxError(step: "boot", subject: specification.id, errno: ENOTSUP)
    }

    package func fork(_ origin: any Sandbox, as id: String) async throws(SandboxError) -> any Sandbox {
        throw SandboxError(step: "fork", subject: origin.id, errno: ENOTSUP)
    }

    package func shutdown() async {
        let last = running.withLock { Array($0.values) }
        for sandbox in last { await sandbox.close() }
        watcher.end()
    }

    func closed(_ sandbox: ProcessSandbox) { running.withLock { $0[ObjectIdentifier(sandbox)] = nil } }

    func watch(_ sandbox: ProcessSandbox) throws(SandboxError) { try sandbox.run(watcher) }
}
