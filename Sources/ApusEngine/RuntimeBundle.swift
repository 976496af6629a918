package import ApusModel
package import ApusSandbox

/// How functions of one runtime identifier are started on this host.
package struct RuntimeBundle: Sendable {
    /// How processes of the runtime may wait ahead of demand (docs/decisions/0006-cells-and-forks.md).
    package enum Cell: String, Decodable, Sendable {
        /// Started one by one; each becomes one environment.
        case booted

        /// Forked from a zygote, and from a template once they are one.
        case forked
    }

    /// The identifier that clients use, such as `python3.11`.
    package var id: String

    /// Cells of bundles that agree in this are alike: the identifier, and the memory size where it matters (``sized(for:)``).
    package internal(set) var stock: String

    /// The program and its arguments, as seen inside.
    package var arguments: [String]

    /// Where the function's own program may be, for runtimes without one; the first is the one in the arguments.
    package var entrypoints: [String]
    package var mounts: [SandboxSpecification.Mount]

    /// Variables that the user may override.
    package var variables: [(name: String, value: String)]

    /// `AWS_EXECUTION_ENV`; nil for OS-only runtimes.
    package var executionEnvironment: String?

    /// The runtime frames its log records on a channel of its own.
    package var hasFramedLogs: Bool

    /// For the INIT_START line, such as `python:3.11.v1`.
    package var version: String

    /// Nil for a runtime that can only be launched directly.
    package var cell: Cell?

    /// Set for a container image, with what its function changes: the rest then says the same in the engine's words.
    package internal(set) var image: ImageProcess?

    /// Prefixes of variables that are read while the runtime boots, and so cannot come to a cell by message.
    package var bootVariables: [String]

    /// The same for another identifier, which it is to serve.
    package func serving(_ id: String) -> RuntimeBundle {
        var bundle = self
        bundle.id = id
        bundle.stock = id
        return bundle
    }

    package init(
        id: String, arguments: [String], mounts: [SandboxSpecification.Mount],
        variables: [(name: String, value: String)],
        executionEnvironment: String?, hasFramedLogs: Bool, version: String,
        cell: Cell? = nil, bootVariables: [String] = [], entrypoints: [String] = []
    ) {
        self.id = id
        self.stock = id
        self.arguments = arguments
        self.entrypoints = entrypoints
        self.mounts = mounts
        self.variables = variables
        self.executionEnvironment = executionEnvironment
        self.hasFramedLogs = hasFramedLogs
        self.version = version
        self.cell = cell
        self.bootVariables = bootVariables
    }
}

/// The runtimes of this host.
package protocol RuntimeDirectory: Sendable {
    /// - Throws: ``RuntimeUnavailable`` for an identifier that is unknown or not installed.
    func bundle(_ id: String) async throws(RuntimeUnavailable) -> RuntimeBundle
}

package struct RuntimeUnavailable: Error, Equatable, Sendable {
    /// What is missing and what the operator can do about it.
    package var detail: String

    package init(detail: String) { self.detail = detail }
}

/// Finds unpacked code.
package protocol CodeSource: Sendable {
    /// Checks the stored package and returns the directory of its files, which stays until the tree is let go of.
    func tree(_ code: CodeReference) async throws(CodeError) -> CodeTree

    /// The files of layers, merged into one directory in their order. The stored packages are checked when they are unpacked.
    func layers(_ layers: [CodeReference]) async throws(CodeError) -> LayerTree
}

package enum CodeError: Error, Equatable, Sendable {
    /// The stored bytes are not those that were uploaded.
    case corrupt(String)
    case unavailable(String)
}

/// A directory of code in use. The directory may go away when the last copy is released.
package final class CodeTree: Sendable {
    package let path: String
    private let onRelease: @Sendable () -> Void

    package init(path: String, onRelease: @escaping @Sendable () -> Void) {
        self.path = path
        self.onRelease = onRelease
    }

    deinit { onRelease() }
}

/// Temporary credentials of an execution role.
package struct ExecutionCredentials: Sendable {
    package var accessKeyID: String
    package var secretAccessKey: String
    package var sessionToken: String

    package init(accessKeyID: String, secretAccessKey: String, sessionToken: String) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
    }
}

package protocol ExecutionCredentialIssuer: Sendable {
    /// Credentials of the role for one environment of a function.
    func issue(role: String, function: FunctionKey, environment: String) -> ExecutionCredentials

    /// They are not valid any more.
    func revoke(_ credentials: ExecutionCredentials)
}
