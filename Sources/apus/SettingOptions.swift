import ApusCommand
import ArgumentParser
import Glibc

/// A flag for each setting. Without a value here, so that the environment and the file are asked next.
struct SettingOptions: ParsableArguments, Sendable {
    @Option(help: ArgumentHelp("Read this configuration file instead of the usual apus.yaml.", valueName: "file"))
    var config: String?

    @Option(help: ArgumentHelp("The folder of everything durable.", valueName: "dir"))
    var data: String?

    @Option(
        help: ArgumentHelp("Where to listen (default 127.0.0.1:4566; port 0 takes a free one).", valueName: "host:port")
    )
    var listen: String?

    @Flag(help: "Take everybody for an administrator; listens on loopback only.")
    var dev = false

    @Option(
        help:
            "What isolates functions: linux (needs root), userns (default without root), or process, which isolates nothing."
    )
    var driver: String?

    @Option(help: ArgumentHelp("The account of functions (default 000000000000).", valueName: "digits"))
    var account: String?

    @Option(help: "The region of functions (default us-east-1).")
    var region: String?

    @Option(
        help: ArgumentHelp("Threads for connections and environments (default half of the processors).", valueName: "n")
    )
    var eventLoops: Int?

    @Option(help: ArgumentHelp("The folder of runtimes (default: beside the executable).", valueName: "dir"))
    var runtimes: String?

    @Option(help: ArgumentHelp("Let one runtime serve for another; may be repeated.", valueName: "runtime=runtime"))
    var runtimeMap: [String] = []

    @Option(help: ArgumentHelp("Run a runtime with this program; may be repeated.", valueName: "runtime=path"))
    var interpreters: [String] = []

    @Option(
        help: ArgumentHelp(
            "Let container images be taken from below this folder, beside images in the data folder; may be repeated.",
            valueName: "dir"))
    var imageFolder: [String] = []

    @Option(
        help: ArgumentHelp("Close environments that nobody called for so long (default 10m).", valueName: "duration"))
    var idleTimeout: String?

    @Option(help: ArgumentHelp("Calls of an account that run at the same time (default 1000).", valueName: "n"))
    var concurrency: Int?

    @Option(
        help: ArgumentHelp(
            "Bytes a second of a streamed answer behind its first 6 MiB (default 2097152; 0 for no limit).",
            valueName: "n"))
    var streamBandwidth: Int?

    @Option(
        help: ArgumentHelp(
            "The domain of function URLs, with https:// before it if a proxy in front speaks TLS (default localhost).",
            valueName: "domain"))
    var functionURLDomain: String?

    @Option(help: ArgumentHelp("trace, debug, info, notice (default), warning, error or critical.", valueName: "level"))
    var logLevel: String?

    var flags: [SettingKey: String] {
        var flags: [SettingKey: String] = [:]
        flags[.data] = data
        flags[.listen] = listen
        flags[.dev] = dev ? "true" : nil
        flags[.driver] = driver
        flags[.account] = account
        flags[.region] = region
        flags[.eventLoops] = eventLoops.map(String.init)
        flags[.runtimes] = runtimes
        flags[.runtimeMap] = runtimeMap.isEmpty ? nil : runtimeMap.joined(separator: ",")
        flags[.interpreters] = interpreters.isEmpty ? nil : interpreters.joined(separator: ",")
        flags[.imageFolder] = imageFolder.isEmpty ? nil : imageFolder.joined(separator: ":")
        flags[.idleTimeout] = idleTimeout
        flags[.concurrency] = concurrency.map(String.init)
        flags[.streamBandwidth] = streamBandwidth.map(String.init)
        flags[.functionURLDomain] = functionURLDomain
        flags[.logLevel] = logLevel
        return flags
    }

    func resolve() throws(CommandFailure) -> Settings { try Settings(flags: flags, file: config) }
}

extension Settings {
    /// What is in force in this process.
    init(flags: [SettingKey: String], file: String?) throws(CommandFailure) {
        let environment = ProcessVariables.all
        try self.init(
            SettingSources(
                flags: flags, environment: environment,
                file: try ConfigurationFile.find(named: file, environment: environment), isRoot: geteuid() == 0,
                processors: max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))))
    }
}

enum ProcessVariables {
    static var all: [String: String] {
        var variables: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            if let equals = text.firstIndex(of: "=") {
                variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            next += 1
        }
        return variables
    }
}
