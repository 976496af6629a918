/// One version of a function's code and configuration, as the engine runs it. Immutable: a change makes a new one.
package struct Revision: Sendable {
    /// Names this revision among all; environments never serve two.
    package var id: String

    package var function: FunctionKey
    package var version: FunctionVersion

    /// The runtime's identifier, such as `python3.11`.
    package var runtime: String
    package var handler: String
    package var role: String
    package var memory: MemorySize
    package var timeout: Duration

    /// The size of `/tmp`, 512...10,240 MB.
    package var temporarySpace: MemorySize

    /// What the user set, in the user's order.
    package var variables: [(name: String, value: String)]

    package var code: CodeReference

    /// Set for a function that is a container image. Runtime, handler and code count for nothing then.
    package var image: ImageReference?

    /// The packages of its layers, 0...5; where two have the same file the later layer's counts.
    package var layers: [CodeReference] = []
    package var logging: LoggingSettings

    /// Environments are forks of a process that has run the init (SnapStart).
    package var startsFromSnapshot = false

    package init(
        id: String, function: FunctionKey, version: FunctionVersion, runtime: String, handler: String, role: String,
        memory: MemorySize, timeout: Duration, temporarySpace: MemorySize, variables: [(name: String, value: String)],
        code: CodeReference, logging: LoggingSettings
    ) {
        self.id = id
        self.function = function
        self.version = version
        self.runtime = runtime
        self.handler = handler
        self.role = role
        self.memory = memory
        self.timeout = timeout
        self.temporarySpace = temporarySpace
        self.variables = variables
        self.code = code
        self.logging = logging
    }
}

/// A deployment package by the hash of its bytes.
package struct CodeReference: Hashable, Sendable {
    /// SHA-256 of the zip, 64 lower-case hexadecimal digits: the blob's name.
    package var sha256: String

    package init(sha256: String) { self.sha256 = sha256 }
}

/// `LoggingConfig` with its defaults filled in.
package struct LoggingSettings: Equatable, Sendable {
    package enum Format: String, Equatable, Sendable {
        case text = "Text"
        case json = "JSON"
    }

    package var format: Format
    package var group: String

    /// Set for the JSON format only.
    package var applicationLevel: String?
    package var systemLevel: String?

    package init(
        format: Format = .text, group: String, applicationLevel: String? = nil, systemLevel: String? = nil
    ) {
        self.format = format
        self.group = group
        self.applicationLevel = applicationLevel
        self.systemLevel = systemLevel
    }
}
