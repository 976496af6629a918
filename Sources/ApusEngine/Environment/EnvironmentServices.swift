import ApusMetrics
import ApusModel
import ApusSandbox
import Logging
import NIOCore

/// What environments are made of, apart from their revisions.
struct EnvironmentServices: Sendable {
    var driver: any SandboxDriver
    var cells: CellSupply
    var runtimes: any RuntimeDirectory
    var code: any CodeSource
    var credentials: any ExecutionCredentialIssuer
    var log: any LogWriter
    var time: any TimeSource
    var logger: Logger
    var ids: EnvironmentIDs

    /// The longest that a runtime may take to ask for its first event, or to be restored.
    var initTimeout: Duration

    /// Serves a listening socket that leads to the platform's own API.
    var servePlatformAPI: @Sendable (Int32, any EventLoop) -> EventLoopFuture<any Channel>

    /// Work that has to be over before the server may leave.
    var track: @Sendable (EventLoopFuture<Void>) -> Void

    /// A sandbox with a process in it, and what must be kept as long as it is there.
    struct Launched: Sendable {
        var bundle: RuntimeBundle
        var tree: CodeTree
        var sandbox: any Sandbox
        var path: StartPath

        /// What makes the waiting process the function's; nil when the function was started directly.
        var specification: SandboxSpecification?
    }

    /// Finds the runtime, checks the code, and finds a process for both in the quickest way there is: a fork of the template, a cell
    /// that waits, a fork of the zygote, a direct start.
    func launch(
        _ revision: Revision, as id: EnvironmentID, origin: EnvironmentOrigin, logStream: String,
        credentials: ExecutionCredentials
    ) async throws -> Launched {
        cells.startBegan()
        defer { cells.startEnded() }
        let (bundle, tree) = try await ingredients(revision, origin)
        var specification = SandboxSpecification(
            id: id.description, code: tree.path, mounts: bundle.mounts, arguments: bundle.arguments,
            variables: EnvironmentVariables.make(
                revision, bundle: bundle, initializationType: origin.initializationType, logStream: logStream,
                credentials: credentials),
            // Init may use whole cores; the function's share is set when it is over.
            memory: revision.memory, millicores: 0, temporaryBytes: revision.temporarySpace.bytes)
        if case .template = origin { specification.isTemplate = true }
        if let (cell, path) = try await waiting(origin, bundle, revision) {
            return Launched(bundle: bundle, tree: tree, sandbox: cell, path: path, specification: specification)
        }
        return Launched(
            bundle: bundle, tree: tree, sandbox: try await driver.start(specification), path: .direct)
    }

    private func ingredients(
        _ revision: Revision, _ origin: EnvironmentOrigin
    ) async throws -> (RuntimeBundle, CodeTree) {
        if case .restored(let template) = origin { return (template.bundle, template.tree) }
        return (try await runtimes.bundle(revision.runtime), try await code.tree(revision.code))
    }

    /// A process that waits for the function, if it may come from one.
    private func waiting(
        _ origin: EnvironmentOrigin, _ bundle: RuntimeBundle, _ revision: Revision
    ) async throws -> (cell: any Sandbox, path: StartPath)? {
        if case .restored(let template) = origin {
            return (try await template.take(as: ids.next().description), .template)
        }
        guard bundle.mayComeFromCell(revision) else { return nil }
        return await cells.take(bundle)
    }
}

extension RuntimeBundle {
    /// Whether everything that the function sets can still be set when the runtime has booted. What the runtime itself sets by
    /// default it can also change.
    func mayComeFromCell(_ revision: Revision) -> Bool {
        cell != nil
            && !revision.variables.contains { name, _ in
                isReadAtBoot(name) && !variables.contains { $0.name == name }
            }
    }

    private func isReadAtBoot(_ name: String) -> Bool { bootVariables.contains { name.hasPrefix($0) } }
}
