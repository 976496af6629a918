import ApusModel
import ApusSandbox
import Logging
import NIOCore

/// What environments are made of, apart from their revisions.
struct EnvironmentServices: Sendable {
    var driver: any SandboxDriver
    var runtimes: any RuntimeDirectory
    var code: any CodeSource
    var credentials: any ExecutionCredentialIssuer
    var log: any LogWriter
    var time: any TimeSource
    var logger: Logger

    /// The longest that a runtime may take to ask for its first event.
    var initTimeout: Duration

    /// Serves a listening socket that leads to the platform's own API.
    var servePlatformAPI: @Sendable (Int32, any EventLoop) -> EventLoopFuture<any Channel>
    var onInvocationEnd: @Sendable () -> Void

    /// Work that has to be over before the server may leave.
    var track: @Sendable (EventLoopFuture<Void>) -> Void

    /// A sandbox that runs, and what must be kept as long as it does.
    struct Launched: Sendable {
        var bundle: RuntimeBundle
        var tree: CodeTree
        var sandbox: any Sandbox
    }

    /// Finds the runtime, checks the code, and starts a sandbox with both.
    func launch(
        _ revision: Revision, as id: EnvironmentID, logStream: String, credentials: ExecutionCredentials
    ) async throws -> Launched {
        let bundle = try await runtimes.bundle(revision.runtime)
        let tree = try await code.tree(revision.code)
        let specification = SandboxSpecification(
            id: id.description, owner: revision.function, code: tree.path, mounts: bundle.mounts,
            arguments: bundle.arguments,
            variables: EnvironmentVariables.make(
                revision, bundle: bundle, logStream: logStream, credentials: credentials),
            // Init may use whole cores; the function's share is set when it is over.
            memory: revision.memory, millicores: 0, temporaryBytes: revision.temporarySpace.bytes)
        return Launched(bundle: bundle, tree: tree, sandbox: try await driver.start(specification))
    }
}
