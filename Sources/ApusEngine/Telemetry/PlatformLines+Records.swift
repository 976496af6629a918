package import ApusModel
package import ApusRuntimeAPI

/// Events as JSON objects: `{"time":…,"type":…,"record":…}`.
///
/// - Source: Lambda developer guide, "Lambda Telemetry API Event schema reference", "Lambda Logs API"; recorded logs.
extension PlatformLines {
    /// Who is told.
    package enum Audience: Equatable, Sendable {
        /// The log of a function that is set to JSON.
        case systemLog
        case subscriber(TelemetrySubscription.API, TelemetrySubscription.SchemaVersion)
    }

    /// - Returns: nil when that audience is not told of the event.
    package func record(_ event: TelemetryEvent, at time: Timestamp, for audience: Audience) -> LineText? {
        switch audience {
        case .subscriber(.logs, let version):
            return logsRecord(event, at: time, version).map { Self.envelope(event.name, time, $0) }
        case .systemLog, .subscriber(.telemetry, _):
            return telemetryRecord(event, audience).map { Self.envelope(event.name, time, "{\($0)}") }
        }
    }

    /// What every subscriber is told alike.
    static func dropped(records: Int, bytes: Int, at time: Timestamp) -> LineText {
        let event = TelemetryEvent.logsDropped(records: records, bytes: bytes)
        return envelope(event.name, time, "{\(droppedMembers(records, bytes))}")
    }

    private static func envelope(_ name: String, _ time: Timestamp, _ record: LineText) -> LineText {
        #"{"time":"\#(time)","type":"platform.\#(name)","record":\#(record)}"#
    }

    // MARK: Telemetry API and system log

    private func telemetryRecord(_ event: TelemetryEvent, _ audience: Audience) -> LineText? {
        switch event {
        case .initStart(let phase): "\(initialization(phase)),\(runtimeMembers)"
        case .initRuntimeDone(let phase, let outcome): "\(initialization(phase)),\(outcome.members)"
        case .initReport(let phase, let duration, let outcome):
            "\(initialization(phase)),\(outcome.statusMember),\(metrics(duration))\(outcome.errorMember)"
        case .restoreStart: runtimeMembers
        case .restoreRuntimeDone(let outcome): outcome.members
        case .restoreReport(let duration, let outcome):
            "\(outcome.statusMember),\(metrics(duration))\(outcome.errorMember)"
        case .start(let id, let arn, let tracing):
            #"\#(request(id)),"functionArn":\#(json: arn),"version":\#(json: version)\#(tracingMember(tracing))"#
        case .runtimeDone(let done): members(done)
        case .report(let report):
            "\(request(report.id)),\(metrics(report)),\(report.outcome.members)\(tracingMember(report.tracing))"
        case .extension(let name, let state, let events, let errorType):
            #""name":\#(json: name),"state":"\#(state)","events":\#(list(events))\#(errorMember(errorType))"#
        case .subscription(let name, let subscription):
            subscription.api == .telemetry || audience == .systemLog ? members(name, subscription) : nil
        case .logsDropped(let records, let bytes): Self.droppedMembers(records, bytes)
        case .end, .fault: nil
        }
    }

    private func initialization(_ phase: TelemetryEvent.Phase) -> LineText {
        #""initializationType":"\#(initializationType)","phase":"\#(phase.rawValue)""#
    }

    private var runtimeMembers: LineText {
        #"""
        \#(runtimeVersion.isEmpty ? "" : versionMembers)\#
        "functionName":\#(json: revision.function.name),"functionVersion":\#(json: version),\#
        "instanceId":\#(json: instance),"instanceMaxMemory":\#(revision.memory.bytes)
        """#
    }

    /// Images have none.
    private var versionMembers: LineText {
        #""runtimeVersion":\#(json: runtimeVersion),"runtimeVersionArn":\#(json: runtimeARN),"#
    }

    private func members(_ done: TelemetryEvent.RuntimeDone) -> LineText {
        let spans = spans([
            ("responseLatency", done.responseLatency), ("responseDuration", done.responseDuration),
        ])
        return #"""
            \#(request(done.id)),\#(done.outcome.members)\#(spans)\#(tracingMember(done.tracing)),\#
            "metrics":{"durationMs":\#(number: done.duration),"producedBytes":\#(done.producedBytes)}
            """#
    }

    private func metrics(_ duration: Duration) -> LineText { #""metrics":{"durationMs":\#(number: duration)}"# }

    /// Every invocation has a trace's header; told is only of traces that are recorded.
    private func tracingMember(_ value: String?) -> LineText? {
        value.flatMap { $0.contains("Sampled=1") ? $0 : nil }.map {
            #","tracing":{"type":"X-Amzn-Trace-Id","value":\#(json: $0)}"#
        }
    }

    /// Nothing when none of them is known.
    private func spans(_ spans: [(name: String, span: TelemetryEvent.Span?)]) -> LineText? {
        var list: LineText?
        for case (let name, let span?) in spans {
            let one: LineText =
                #"{"name":"\#(name)","start":"\#(span.start)","durationMs":\#(number: span.duration)}"#
            list = list.map { "\($0),\(one)" } ?? one
        }
        return list.map { #","spans":[\#($0)]"# }
    }

    // MARK: Logs API

    private func logsRecord(
        _ event: TelemetryEvent, at time: Timestamp, _ version: TelemetrySubscription.SchemaVersion
    ) -> LineText? {
        switch event {
        case .start(let id, _, _): #"{\#(request(id)),"version":\#(json: self.version)}"#
        case .end(let id): "{\(request(id))}"
        case .report(let report): "{\(request(report.id)),\(metrics(report))}"
        case .runtimeDone(let done):
            version < .logs2021 ? nil : "{\(request(done.id)),\(done.outcome.logsStatusMember)}"
        case .fault: text(event, at: time).map { #"\#(json: String($0.text.trimmingLineFeeds))"# }
        case .extension(let name, let state, let events, _):
            #"{"name":\#(json: name),"state":"\#(state)","events":\#(list(events))}"#
        case .subscription(let name, let subscription):
            subscription.api == .logs ? "{\(members(name, subscription))}" : nil
        case .logsDropped(let records, let bytes): "{\(Self.droppedMembers(records, bytes))}"
        case .initStart, .initRuntimeDone, .initReport, .restoreStart, .restoreRuntimeDone, .restoreReport: nil
        }
    }

    // MARK: Parts of both

    private func request(_ id: RequestID) -> LineText { #""requestId":\#(json: id.text)"# }

    private func metrics(_ report: TelemetryEvent.Report) -> LineText {
        #"""
        "metrics":{"durationMs":\#(number: report.duration),"billedDurationMs":\#(billed: report.cost),\#
        "memorySizeMB":\#(memorySize),"maxMemoryUsedMB":\#(used(report))\#(report.bootMembers)}
        """#
    }

    private func members(_ name: String, _ subscription: TelemetrySubscription) -> LineText {
        #""name":\#(json: name),"state":"Subscribed","types":\#(list(subscription.types.map(\.rawValue)))"#
    }

    private static func droppedMembers(_ records: Int, _ bytes: Int) -> LineText {
        #"""
        "droppedBytes":\#(bytes),"droppedRecords":\#(records),\#
        "reason":"Consumer seems to have fallen behind as it has not acknowledged receipt of logs."
        """#
    }

    private func errorMember(_ type: String?) -> LineText? { type.map { #","errorType":\#(json: $0)"# } }

    private func list(_ texts: [String]) -> LineText {
        var list: LineText?
        for text in texts { list = list.map { "\($0),\(json: text)" } ?? "\(json: text)" }
        return "[\(list)]"
    }
}

extension TelemetryEvent {
    /// The type of its records, behind `platform.`.
    fileprivate var name: String {
        switch self {
        case .initStart: "initStart"
        case .initRuntimeDone: "initRuntimeDone"
        case .initReport: "initReport"
        case .restoreStart: "restoreStart"
        case .restoreRuntimeDone: "restoreRuntimeDone"
        case .restoreReport: "restoreReport"
        case .start: "start"
        case .runtimeDone: "runtimeDone"
        case .end: "end"
        case .report: "report"
        case .fault: "fault"
        case .extension: "extension"
        case .subscription(_, let subscription):
            subscription.api == .telemetry ? "telemetrySubscription" : "logsSubscription"
        case .logsDropped: "logsDropped"
        }
    }
}

extension TelemetryEvent.Outcome {
    fileprivate var statusMember: LineText { #""status":"\#(status)""# }
    fileprivate var errorMember: LineText? { errorType.map { #","errorType":\#(json: $0)"# } }
    fileprivate var members: LineText { "\(statusMember)\(errorMember)" }

    /// The Logs API has a word of its own for what the Telemetry API calls an error.
    fileprivate var logsStatusMember: LineText {
        if case .error = self { #""status":"failure""# } else { statusMember }
    }
}

extension TelemetryEvent.Report {
    fileprivate var bootMembers: LineText? {
        if let restoreDuration {
            #","restoreDurationMs":\#(number: restoreDuration),"billedRestoreDurationMs":\#(billed: restoreDuration)"#
        } else {
            initDuration.map { #","initDurationMs":\#(number: $0)"# }
        }
    }
}

extension String {
    fileprivate var trimmingLineFeeds: Substring {
        var text = self[...]
        while text.last == "\n" { text.removeLast() }
        return text
    }
}
