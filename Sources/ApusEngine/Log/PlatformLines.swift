package import ApusModel
import ApusRuntimeAPI

/// How the events of one environment read: as a line of the function's log, in the format and from the level on that the function is
/// set to, and as a record for a subscriber.
///
/// - Source: Lambda developer guide, "Understanding the Lambda execution environment lifecycle", "Configuring JSON and plain text
///   log formats", "Monitoring for Lambda SnapStart"; recorded logs.
package struct PlatformLines {
    let revision: Revision
    let version: String
    let runtimeVersion: String
    let initializationType: String
    let instance: String
    let isJSON: Bool
    private let lowestLevel: SystemLogLevel

    /// - Parameters:
    ///   - initializationType: `on-demand`, `provisioned-concurrency` or `snap-start`.
    ///   - instance: names the environment: its log stream.
    package init(
        revision: Revision, runtimeVersion: String, initializationType: String = "on-demand", instance: String
    ) {
        self.revision = revision
        self.runtimeVersion = runtimeVersion
        self.initializationType = initializationType
        self.instance = instance
        version = revision.version.description
        isJSON = revision.logging.format == .json
        lowestLevel = SystemLogLevel(setting: revision.logging.systemLevel)
    }

    /// The line for the function's log; nil when the format or the level leaves the event out.
    package func line(_ event: TelemetryEvent, at time: Timestamp) -> LineText? {
        guard isJSON else { return text(event, at: time) }
        guard SystemLogLevel(event, isOnDemand: isOnDemand) >= lowestLevel,
            let record = record(event, at: time, for: .systemLog)
        else { return nil }
        return "\(record)\n"
    }

    private var isOnDemand: Bool { initializationType == "on-demand" }

    // MARK: Text

    func text(_ event: TelemetryEvent, at time: Timestamp) -> LineText? {
        switch event {
        // An image has no version of a runtime to tell.
        case .initStart(.`init`) where revision.image != nil: nil
        case .initStart(.`init`): "INIT_START \(runtime)\n"
        case .initReport(let phase, _, .success) where isOnDemand || phase == .invoke:
            // Whoever waited for it is told with the invocation.
            nil
        case .initReport(let phase, let duration, let outcome):
            "INIT_REPORT Init Duration: \(ms: duration) ms\tPhase: \(phase.rawValue)\(outcome.fields)\n"
        case .restoreStart: "RESTORE_START \(runtime)\n"
        case .restoreReport(let duration, let outcome):
            "RESTORE_REPORT Restore Duration: \(ms: duration) ms\(outcome.fields)\n"
        case .start(let id, _, _): "START RequestId: \(id) Version: \(version)\n"
        case .end(let id): "END RequestId: \(id)\n"
        case .report(let report): text(report)
        case .fault(.timedOut(let id)):
            "\(time) \(id) Task timed out after \(FailurePayload.seconds(revision.timeout)) seconds\n\n"
        case .fault(.exited(let id, let reason, let type)): "RequestId: \(id) Error: \(reason)\n\(type)\n"
        case .extension(let name, let state, let events, let errorType):
            "EXTENSION\tName: \(name)\tState: \(state)\tEvents: [\(events.joined(separator: ", "))]\(errorField(errorType))\n"
        case .subscription(let name, let subscription): text(name, subscription)
        case .initStart(.invoke), .initRuntimeDone, .restoreRuntimeDone, .runtimeDone, .logsDropped: nil
        }
    }

    private func text(_ report: TelemetryEvent.Report) -> LineText {
        """
        REPORT RequestId: \(report.id)\tDuration: \(ms: report.duration) ms\t\
        Billed Duration: \(billed: report.cost) ms\tMemory Size: \(memorySize) MB\tMax Memory Used: \(used(report)) MB\
        \(report.boot)\(report.outcome == .success ? "\t" : report.outcome.fields)\n
        """
    }

    private func text(_ name: String, _ subscription: TelemetrySubscription) -> LineText {
        let types = subscription.types.map { $0.rawValue.capitalizedASCII }.joined(separator: ", ")
        let api = subscription.api == .telemetry ? "TELEMETRY" : "LOGS"
        return "\(api)\tName: \(name)\tState: Subscribed\tTypes: [\(types)]\n"
    }

    private var runtime: LineText { "Runtime Version: \(runtimeVersion)\tRuntime Version ARN: \(runtimeARN)" }

    private func errorField(_ type: String?) -> LineText? { type.map { "\tError Type: \($0)" } }

    // MARK: Parts of both

    /// Runtime versions have no registry here; the ARN names the version that ran.
    var runtimeARN: String {
        "arn:aws:lambda:\(revision.function.scope.region)::runtime:\(runtimeVersion.replacing(":", with: "-"))"
    }

    /// MB.
    var memorySize: Int { revision.memory.megabytes }

    /// Begun MB count as whole ones, and never more than was allowed.
    func used(_ report: TelemetryEvent.Report) -> Int { min(memorySize, (report.peakMemory + (1 << 20) - 1) >> 20) }
}

extension TelemetryEvent.Report {
    fileprivate var boot: LineText? {
        if let restoreDuration {
            "\tRestore Duration: \(ms: restoreDuration) ms\tBilled Restore Duration: \(billed: restoreDuration) ms"
        } else {
            initDuration.map { "\tInit Duration: \(ms: $0) ms" }
        }
    }
}

extension TelemetryEvent.Outcome {
    /// Nothing for what went well.
    fileprivate var fields: LineText? {
        self == .success ? nil : "\tStatus: \(status)\(errorType.map { "\tError Type: \($0)" } as LineText?)"
    }
}

extension String {
    /// The first letter in upper case.
    fileprivate var capitalizedASCII: String { prefix(1).uppercased() + dropFirst() }
}
