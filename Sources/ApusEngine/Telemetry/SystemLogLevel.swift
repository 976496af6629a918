/// How much a record of the platform matters, the least first. The values of `SystemLogLevel`.
enum SystemLogLevel: Int, Comparable {
    case debug, info, warn

    /// What a function is set to; `INFO` unless it says otherwise.
    init(setting: String?) {
        self =
            switch setting {
            case "DEBUG": .debug
            case "WARN": .warn
            default: .info
            }
    }

    static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

    /// - Parameter isOnDemand: the environment was started for an invocation.
    /// - Source: Lambda developer guide, "Log-level filtering", the table of system events.
    init(_ event: TelemetryEvent, isOnDemand: Bool) {
        self =
            switch event {
            case .initStart, .restoreStart, .start, .end: .info
            case .initRuntimeDone(_, let outcome), .restoreRuntimeDone(let outcome):
                outcome == .success ? .debug : .warn
            case .runtimeDone(let done): done.outcome == .success ? .debug : .warn
            case .initReport(_, _, let outcome): outcome != .success ? .warn : isOnDemand ? .debug : .info
            case .restoreReport(_, let outcome): outcome == .success ? .info : .warn
            case .report(let report): report.outcome == .success ? .info : .warn
            case .extension(_, _, _, let errorType): errorType == nil ? .info : .warn
            case .subscription: .info
            case .fault, .logsDropped: .warn
            }
    }
}
