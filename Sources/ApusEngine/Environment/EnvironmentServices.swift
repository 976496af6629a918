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
    var images: any ImageSource
    var credentials: any ExecutionCredentialIssuer
    var log: any LogWriter
    var time: any TimeSource
    var logger: Logger
    var ids: EnvironmentIDs

    /// The longest that a runtime may take to ask for its first event, or to be restored.
    var initTimeout: Duration

    var shutdown: ShutdownTime

    var streams: StreamLimits

    /// Serves a listening socket that leads to the platform's own API.
    var servePlatformAPI: @Sendable (Int32, any EventLoop) -> EventLoopFuture<any Channel>

    /// Work that has to be over before the server may leave.
    var track: @Sendable (EventLoopFuture<Void>) -> Void

    /// A sandbox with a process in it, and what must be kept as long as it is there.
    struct Launched: Sendable {
        var bundle: RuntimeBundle
        var files: FunctionFiles
        var sandbox: any Sandbox
        var path: StartPath

        /// What makes the waiting process the function's; nil when the function was started directly.
        var specification: SandboxSpecification?

        /// The names of external extensions.
        var extensions: [String] = []
    }

    /// Finds the runtime, checks the code, and finds a process for both in the quickest way there is: a fork of the template, a cell
    /// that waits, a fork of the zygote, a direct start.
    func launch(
        _ revision: Revision, as id: EnvironmentID, origin: EnvironmentOrigin, logStream: String,
        credentials: ExecutionCredentials
    ) async throws -> Launched {
        cells.startBegan()
        defer { cells.startEnded() }
        let (bundle, files) = try await ingredients(revision, origin)
        var specification = SandboxSpecification(
            id: id.description, code: files.image == nil ? files.code.path : "",
            mounts: bundle.mounts + files.layerMounts,
            arguments: bundle.wrapped(bundle.arguments(with: files), for: revision),
            variables: EnvironmentVariables.make(
                revision, bundle: bundle, initializationType: origin.initializationType, logStream: logStream,
                credentials: credentials),
            // Init may use whole cores; the function's share is set when it is over.
            memory: revision.memory, millicores: 0, temporaryBytes: revision.temporarySpace.bytes)
        specification.image = files.image
        // Of several programs none can be forked, and none waits.
        let extensions = files.extensions
        if !extensions.isEmpty {
            specification.arguments = ExternalExtensions.arguments(extensions, runtime: specification.arguments)
            let sandbox = try await driver.start(specification)
            return Launched(bundle: bundle, files: files, sandbox: sandbox, path: .direct, extensions: extensions)
        }
        if case .template = origin { specification.isTemplate = true }
        if let (cell, path) = try await waiting(origin, bundle, revision) {
            return Launched(bundle: bundle, files: files, sandbox: cell, path: path, specification: specification)
        }
        return Launched(
            bundle: bundle, files: files, sandbox: try await driver.start(specification), path: .direct)
    }

    private func ingredients(
        _ revision: Revision, _ origin: EnvironmentOrigin
    ) async throws -> (RuntimeBundle, FunctionFiles) {
        if case .restored(let template) = origin { return (template.bundle, template.files) }
        if let image = revision.image { return try await ingredients(image) }
        return (try await runtimes.bundle(revision.runtime).sized(for: revision.memory), try await files(revision))
    }

    private func ingredients(_ image: ImageReference) async throws -> (RuntimeBundle, FunctionFiles) {
        let tree = try await images.image(image.manifest)
        let process = tree.process.overridden(by: image.overrides)
        let place = SandboxSpecification.Image(root: tree.root.path, workingDirectory: process.workingDirectory)
        return (RuntimeBundle(process), FunctionFiles(code: tree.root, image: place))
    }

    private func files(_ revision: Revision) async throws -> FunctionFiles {
        guard !revision.layers.isEmpty else { return FunctionFiles(code: try await code.tree(revision.code)) }
        async let layers = code.layers(revision.layers)
        let code = try await code.tree(revision.code)
        return FunctionFiles(code: code, layers: try await layers)
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
