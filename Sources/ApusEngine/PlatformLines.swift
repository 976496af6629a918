import ApusModel

/// The lines that the platform adds to a function's log.
///
/// - Source: Lambda developer guide, "Understanding the Lambda execution environment lifecycle"; recorded logs.
struct PlatformLines {
    let revision: Revision
    let runtimeVersion: String

    /// What one invocation used.
    struct Report {
        enum Status {
            case success
            case timeout
            case error(type: String)
        }

        var id: RequestID
        var duration: Duration
        /// Of the invocation that had to wait for the environment's init, and only of that.
        var initDuration: Duration?
        var peakMemory: Int
        var status: Status
    }

    func initStart(runtimeARN: String) -> String {
        "INIT_START Runtime Version: \(runtimeVersion)\tRuntime Version ARN: \(runtimeARN)\n"
    }

    func initReport(_ duration: Duration, phase: String, status: String, errorType: String?) -> String {
        var line = "INIT_REPORT Init Duration: \(FailurePayload.milliseconds(duration)) ms\tPhase: \(phase)\tStatus: \(status)"
        if let errorType { line += "\tError Type: \(errorType)" }
        return line + "\n"
    }

    func start(_ id: RequestID) -> String { "START RequestId: \(id) Version: \(revision.version)\n" }

    func end(_ id: RequestID) -> String { "END RequestId: \(id)\n" }

    func report(_ report: Report) -> String {
        let billed = report.duration + (report.initDuration ?? .zero)
        let billedMilliseconds = max(1, (billed.wholeNanoseconds + 999_999) / 1_000_000)
        // Memory counts in whole MB, begun ones included, and never above what was allowed.
        let used = min(revision.memory.megabytes, (report.peakMemory + (1 << 20) - 1) >> 20)
        var line = "REPORT RequestId: \(report.id)\tDuration: \(FailurePayload.milliseconds(report.duration)) ms\t"
        line += "Billed Duration: \(billedMilliseconds) ms\tMemory Size: \(revision.memory.megabytes) MB\t"
        line += "Max Memory Used: \(used) MB\t"
        if let initDuration = report.initDuration {
            line += "Init Duration: \(FailurePayload.milliseconds(initDuration)) ms\t"
        }
        switch report.status {
        case .success: break
        case .timeout: line += "Status: timeout"
        case .error(let type): line += "Status: error\tError Type: \(type)"
        }
        return line + "\n"
    }

    func timedOut(_ id: RequestID, at time: Timestamp) -> String {
        "\(time.civil.iso8601) \(id) Task timed out after \(FailurePayload.seconds(revision.timeout)) seconds\n\n"
    }
}
