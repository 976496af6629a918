package import ApusModel

/// What the platform adds to a function's log, as text or as JSON. A line is nil when the format or the level leaves it out.
///
/// - Source: Lambda developer guide, "Understanding the Lambda execution environment lifecycle", "Configuring JSON and plain text
///   log formats", "Monitoring for Lambda SnapStart", "Lambda Telemetry API Event schema reference"; recorded logs.
package struct PlatformLines {
    private let revision: Revision
    private let version: String
    private let runtimeVersion: String
    private let initializationType: String
    private let isJSON: Bool
    private let lowestLevel: Level

    /// - Parameter initializationType: `on-demand`, `provisioned-concurrency` or `snap-start`.
    package init(revision: Revision, runtimeVersion: String, initializationType: String = "on-demand") {
        self.revision = revision
        self.runtimeVersion = runtimeVersion
        self.initializationType = initializationType
        version = revision.version.description
        isJSON = revision.logging.format == .json
        lowestLevel = Level(revision.logging.systemLevel)
    }

    // MARK: An environment

    package func initStart(at time: Timestamp) -> LineText? {
        guard isJSON else { return "INIT_START \(runtime)\n" }
        return record(
            "initStart", time, .info, #""initializationType":"\#(initializationType)","phase":"init",\#(runtimeRecord)"#
        )
    }

    /// An init that failed, or that no invocation waited for.
    ///
    /// - Parameters:
    ///   - phase: `init`, or `invoke` when it ran within an invocation's time.
    ///   - status: nil when it went well.
    package func initReport(
        _ duration: Duration, phase: String, status: String?, errorType: String?, at time: Timestamp
    ) -> LineText? {
        let end = End(status: status, errorType: errorType)
        guard isJSON else { return "INIT_REPORT Init Duration: \(ms: duration) ms\tPhase: \(phase)\(end.fields)\n" }
        return record(
            "initReport", time, end.level,
            #"""
            "initializationType":"\#(initializationType)","phase":"\#(phase)",\#(end.statusMember),\#
            "metrics":{"durationMs":\#(ms: duration)}\#(end.errorMember)
            """#)
    }

    package func restoreStart(at time: Timestamp) -> LineText? {
        guard isJSON else { return "RESTORE_START \(runtime)\n" }
        return record("restoreStart", time, .info, runtimeRecord)
    }

    /// - Parameter status: nil when it went well.
    package func restoreReport(
        _ duration: Duration, status: String?, errorType: String?, at time: Timestamp
    ) -> LineText? {
        let end = End(status: status, errorType: errorType)
        guard isJSON else { return "RESTORE_REPORT Restore Duration: \(ms: duration) ms\(end.fields)\n" }
        return record(
            "restoreReport", time, end.level,
            #"\#(end.statusMember),"metrics":{"durationMs":\#(ms: duration)}\#(end.errorMember)"#)
    }

    // MARK: An invocation

    package func start(_ id: RequestID, at time: Timestamp) -> LineText? {
        guard isJSON else { return "START RequestId: \(id) Version: \(version)\n" }
        return record("start", time, .info, #""requestId":\#(json: id.text),"version":"\#(version)""#)
    }

    package func end(_ id: RequestID) -> LineText? { isJSON ? nil : "END RequestId: \(id)\n" }

    package func report(_ report: Report, at time: Timestamp) -> LineText? {
        let allowed = revision.memory.megabytes
        // Begun MB count as whole ones, and never more than was allowed.
        let used = min(allowed, (report.peakMemory + (1 << 20) - 1) >> 20)
        let end = report.status.end
        guard isJSON else {
            return """
                REPORT RequestId: \(report.id)\tDuration: \(ms: report.duration) ms\t\
                Billed Duration: \(billed: report.cost) ms\tMemory Size: \(allowed) MB\tMax Memory Used: \(used) MB\
                \(report.boot)\(end.status == nil ? "\t" : end.fields)\n
                """
        }
        return record(
            "report", time, end.level,
            #"""
            "requestId":\#(json: report.id.text),"metrics":{"durationMs":\#(ms: report.duration),\#
            "billedDurationMs":\#(billed: report.cost),"memorySizeMB":\#(allowed),"maxMemoryUsedMB":\#(used)\#
            \#(report.bootMembers)},\#(end.statusMember)\#(end.errorMember)
            """#)
    }

    package func timedOut(_ id: RequestID, at time: Timestamp) -> LineText? {
        if isJSON { return nil }
        return "\(time) \(id) Task timed out after \(FailurePayload.seconds(revision.timeout)) seconds\n\n"
    }

    package func exited(_ id: RequestID, reason: String, type: String) -> LineText? {
        isJSON ? nil : "RequestId: \(id) Error: \(reason)\n\(type)\n"
    }

    // MARK: Parts

    private func record(_ type: String, _ time: Timestamp, _ level: Level, _ members: LineText) -> LineText? {
        guard level.rawValue >= lowestLevel.rawValue else { return nil }
        return #"{"time":"\#(time)","type":"platform.\#(type)","record":{\#(members)}}\#n"#
    }

    private var runtime: LineText { "Runtime Version: \(runtimeVersion)\tRuntime Version ARN: \(runtimeARN)" }

    private var runtimeRecord: LineText {
        #"""
        "runtimeVersion":"\#(runtimeVersion)","runtimeVersionArn":"\#(runtimeARN)",\#
        "functionName":"\#(revision.function.name)","functionVersion":"\#(version)"
        """#
    }

    /// Runtime versions have no registry here; the ARN names the version that ran.
    private var runtimeARN: String {
        "arn:aws:lambda:\(revision.function.scope.region)::runtime:\(runtimeVersion.replacing(":", with: "-"))"
    }

    /// The levels of system records, the least important first.
    fileprivate enum Level: Int {
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

    /// How something ended, in the words of its report.
    fileprivate struct End {
        /// Nil when it went well.
        var status: String?
        var errorType: String?

        var level: Level { status == nil ? .info : .warn }

        var fields: LineText? {
            status.map { "\tStatus: \($0)\(errorType.map { "\tError Type: \($0)" } as LineText?)" }
        }

        var statusMember: LineText { #""status":"\#(status ?? "success")""# }
        var errorMember: LineText? { errorType.map { #","errorType":\#(json: $0)"# } }
    }
}

extension PlatformLines {
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

        /// Of the first invocation of an environment that came from a snapshot. All of it is paid for: what is free on AWS,
        /// fetching the snapshot, does not exist here.
        var restoreDuration: Duration?

        /// Bytes.
        var peakMemory: Int
        var status: Status

        package init(
            id: RequestID, duration: Duration, initDuration: Duration?, restoreDuration: Duration? = nil,
            peakMemory: Int, status: Status
        ) {
            self.id = id
            self.duration = duration
            self.initDuration = initDuration
            self.restoreDuration = restoreDuration
            self.peakMemory = peakMemory
            self.status = status
        }
    }
}

extension PlatformLines.Report {
    /// The time that is paid for.
    fileprivate var cost: Duration { duration + (restoreDuration ?? initDuration ?? .zero) }

    fileprivate var boot: LineText? {
        if let restoreDuration {
            "\tRestore Duration: \(ms: restoreDuration) ms\tBilled Restore Duration: \(billed: restoreDuration) ms"
        } else {
            initDuration.map { "\tInit Duration: \(ms: $0) ms" }
        }
    }

    fileprivate var bootMembers: LineText? {
        if let restoreDuration {
            #","restoreDurationMs":\#(ms: restoreDuration),"billedRestoreDurationMs":\#(billed: restoreDuration)"#
        } else {
            initDuration.map { #","initDurationMs":\#(ms: $0)"# }
        }
    }
}

extension PlatformLines.Report.Status {
    fileprivate var end: PlatformLines.End {
        switch self {
        case .success: .init()
        case .timeout: .init(status: "timeout")
        case .error(let type): .init(status: "error", errorType: type)
        }
    }
}
