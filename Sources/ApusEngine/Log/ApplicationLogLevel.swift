/// How much a line of the function's matters, the least first. The values of `ApplicationLogLevel`, and what loggers call them.
package enum ApplicationLogLevel: Int, Comparable, Sendable {
    case trace, debug, info, warn, error, fatal

    /// - Parameter name: in any case; nil for an unknown one.
    package init?(_ name: some StringProtocol) {
        switch name.uppercased() {
        case "TRACE": self = .trace
        case "DEBUG": self = .debug
        case "INFO": self = .info
        case "WARN", "WARNING": self = .warn
        case "ERROR": self = .error
        case "FATAL", "CRITICAL": self = .fatal
        default: return nil
        }
    }

    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}
