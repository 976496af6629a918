/// What can be set by flag, environment or file. The names are those of the file and, after two dashes, of the flags; the
/// environment spells `idle-timeout` as `APUS_IDLE_TIMEOUT`.
package enum SettingKey: String, CaseIterable, Sendable {
    case data
    case listen
    case dev
    case driver
    case account
    case region
    case eventLoops = "event-loops"
    case runtimes
    case runtimeMap = "runtime-map"
    case imageFolder = "image-folder"
    case interpreters
    case idleTimeout = "idle-timeout"
    case concurrency
    case streamBandwidth = "stream-bandwidth"
    case functionURLDomain = "function-url-domain"
    case logLevel = "log-level"

    package var variable: String {
        "APUS_" + rawValue.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
    }
}

/// Where a value came from.
package enum SettingOrigin: Equatable, Sendable, CustomStringConvertible {
    case flag
    case environment(String)
    case file(String)
    case standard

    package var description: String {
        switch self {
        case .flag: "flag"
        case .environment(let name): "environment \(name)"
        case .file(let path): path
        case .standard: "default"
        }
    }
}
