package import ApusModel

/// What the platform adds to a function's log, as text or as JSON. A line is nil when the format or the level leaves it out.
///
/// - Source: Lambda developer guide, "Understanding the Lambda execution environment lifecycle", "Configuring JSON and plain text
///   log formats", "Lambda Telemetry API Event schema reference"; recorded logs.
package struct PlatformLines {
    let revision: Revision
    let runtimeVersion: String

    package init(revision: Revision, runtimeVersion: String) {
        self.revision = revision
        self.runtimeVersion = runtimeVersion
    }

    /// What one invocation used.
    package struct Report {
        package enum Status {
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

        package init(
            id: RequestID, duration: Duration, initDuration: Duration?, peakMemory: Int, status: Status
        ) {
            self.id = id
            self.duration = duration
            self.initDuration = initDuration
            self.peakMemory = peakMemory
            self.status = status
        }
    }

    package func initStart(at time: Timestamp) -> String? {
        guard isJSON else {
            return "INIT_START Runtime Version: \(runtimeVersion)\tRuntime Version ARN: \(runtimeARN)\n"
        }
        return record(
            "initStart", time, .info,
            #""initializationType":"on-demand","phase":"init","runtimeVersion":"\#(runtimeVersion)","#
                + #""runtimeVersionArn":"\#(runtimeARN)","functionName":"\#(revision.function.name)","#
                + #""functionVersion":"\#(revision.version)""#)
    }

    /// An init that failed.
    ///
    /// - Parameter phase: `init`, or `invoke` when it ran within an invocation's time.
    package func initReport(
        _ duration: Duration, phase: String, status: String, errorType: String?, at time: Timestamp
    ) -> String? {
        let milliseconds = FailurePayload.milliseconds(duration)
        guard isJSON else {
            let type = errorType.map { "\tError Type: \($0)" } ?? ""
            return "INIT_REPORT Init Duration: \(milliseconds) ms\tPhase: \(phase)\tStatus: \(status)\(type)\n"
        }
        let type = errorType.map { #","errorType":"\#($0)""# } ?? ""
        return record(
            "initReport", time, .warn,
            #""initializationType":"on-demand","phase":"\#(phase)","status":"\#(status)""#
                + #","metrics":{"durationMs":\#(milliseconds)}\#(type)"#)
    }

    package func start(_ id: RequestID, at time: Timestamp) -> String? {
        guard isJSON else { return "START RequestId: \(id) Version: \(revision.version)\n" }
        return record("start", time, .info, #""requestId":"\#(id)","version":"\#(revision.version)""#)
    }

    package func end(_ id: RequestID) -> String? { isJSON ? nil : "END RequestId: \(id)\n" }

    package func report(_ report: Report, at time: Timestamp) -> String? {
        let billed = report.duration + (report.initDuration ?? .zero)
        let billedMilliseconds = max(1, (billed.wholeNanoseconds + 999_999) / 1_000_000)
        // Memory counts in whole MB, begun ones included, and never above what was allowed.
        let used = min(revision.memory.megabytes, (report.peakMemory + (1 << 20) - 1) >> 20)
        let duration = FailurePayload.milliseconds(report.duration)
        let initDuration = report.initDuration.map(FailurePayload.milliseconds)
        guard isJSON else {
            let begin = "REPORT RequestId: \(report.id)\tDuration: \(duration) ms\t"
            let cost = "Billed Duration: \(billedMilliseconds) ms\tMemory Size: \(revision.memory.megabytes) MB\t"
            let boot = initDuration.map { "Init Duration: \($0) ms\t" } ?? ""
            return begin + cost + "Max Memory Used: \(used) MB\t" + boot + report.status.text + "\n"
        }
        let boot = initDuration.map { #","initDurationMs":\#($0)"# } ?? ""
        let metrics =
            #""metrics":{"durationMs":\#(duration),"billedDurationMs":\#(billedMilliseconds),"#
            + #""memorySizeMB":\#(revision.memory.megabytes),"maxMemoryUsedMB":\#(used)\#(boot)}"#
        return record(
            "report", time, report.status.level, #""requestId":"\#(report.id)",\#(metrics),\#(report.status.json)"#)
    }

    package func timedOut(_ id: RequestID, at time: Timestamp) -> String? {
        if isJSON { return nil }
        let seconds = FailurePayload.seconds(revision.timeout)
        return "\(time.civil.iso8601) \(id) Task timed out after \(seconds) seconds\n\n"
    }

    package func exited(_ id: RequestID, reason: String, type: String) -> String? {
        isJSON ? nil : "RequestId: \(id) Error: \(reason)\n\(type)\n"
    }

    // MARK: JSON

    /// The levels of system records, the least important first.
    enum Level: Int {
        case debug, info, warn

        init(_ name: String?) {
            self =
                switch name {
                case "DEBUG": .debug
                case "WARN": .warn
                default: .info
                }
        }
    }

    private var isJSON: Bool { revision.logging.format == .json }

    private func record(_ type: String, _ time: Timestamp, _ level: Level, _ members: String) -> String? {
        guard level.rawValue >= Level(revision.logging.systemLevel).rawValue else { return nil }
        return #"{"time":"\#(time.civil.iso8601)","type":"platform.\#(type)","record":{\#(members)}}"# + "\n"
    }

    /// Runtime versions have no registry here; the ARN names the version that ran.
    private var runtimeARN: String {
        "arn:aws:lambda:\(revision.function.scope.region)::runtime:\(runtimeVersion.replacing(":", with: "-"))"
    }
}

extension PlatformLines.Report.Status {
    fileprivate var text: String {
        switch self {
        case .success: ""
        case .timeout: "Status: timeout"
        case .error(let type): "Status: error\tError Type: \(type)"
        }
    }

    fileprivate var json: String {
        switch self {
        case .success: #""status":"success""#
        case .timeout: #""status":"timeout""#
        case .error(let type): #""status":"error","errorType":"\#(type)""#
        }
    }

    fileprivate var level: PlatformLines.Level {
        if case .success = self { .info } else { .warn }
    }
}
