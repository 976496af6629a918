package import ApusModel
package import Logging

/// What the operator decided, from whichever source; see `apus config`.
package struct ServerSettings: Sendable {
    package enum Driver: String, Sendable, CaseIterable {
        case linux
        /// As `linux`, for a server that is not root.
        case userns
        /// No isolation; has to be asked for by name.
        case process
    }

    /// The folder of everything durable.
    package var data: String
    package var host: String

    /// 0 takes a free one.
    package var port: Int

    /// Takes everybody for an administrator; on loopback only.
    package var isDevelopment: Bool
    package var driver: Driver
    package var scope: Scope

    /// Threads for connections and environments.
    package var eventLoops: Int

    /// The folder of runtime data files; nil looks for it beside the executable.
    package var runtimes: String?

    /// Identifiers that another runtime answers to.
    package var runtimeAliases: [String: String]

    /// Programs of runtimes by identifier, where they are not in one of the usual places: absolute paths `PREFIX/bin/NAME`.
    package var interpreters: [String: String]

    /// Folders of the host that container images may be taken from, beside `images` in the data folder.
    package var imageFolders: [String]

    /// After which an environment that nobody calls is closed.
    package var idleTimeout: Duration

    /// Invocations of the account at the same time.
    package var concurrency: Int

    /// Bytes a second of a streamed answer behind its first 6 MiB; 0 for as many as there are.
    package var streamBandwidth: Int

    /// Where function URLs lead.
    package var functionURLAddress: FunctionURLAddress
    package var logLevel: Logger.Level

    package init(
        data: String, host: String = "127.0.0.1", port: Int = 4566, isDevelopment: Bool = false,
        driver: Driver = .linux, scope: Scope = Scope(account: .standard, region: .standard), eventLoops: Int = 1,
        runtimes: String? = nil, runtimeAliases: [String: String] = [:], imageFolders: [String] = [],
        interpreters: [String: String] = [:],
        idleTimeout: Duration = .seconds(600),
        concurrency: Int = 1000, streamBandwidth: Int = 2 << 20, functionURLAddress: FunctionURLAddress = .local,
        logLevel: Logger.Level = .notice
    ) {
        self.data = data
        self.host = host
        self.port = port
        self.isDevelopment = isDevelopment
        self.driver = driver
        self.scope = scope
        self.eventLoops = eventLoops
        self.runtimes = runtimes
        self.runtimeAliases = runtimeAliases
        self.interpreters = interpreters
        self.imageFolders = imageFolders
        self.idleTimeout = idleTimeout
        self.concurrency = concurrency
        self.streamBandwidth = streamBandwidth
        self.functionURLAddress = functionURLAddress
        self.logLevel = logLevel
    }

    package var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }
}

/// A setting or a host that the server cannot start with: what is wrong, and what to do.
package struct StartError: Error, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}
