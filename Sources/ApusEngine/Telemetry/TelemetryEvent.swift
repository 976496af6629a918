package import ApusModel
package import ApusRuntimeAPI

/// Something that the platform has to tell of an environment or an invocation. Lines of the log, records of the Telemetry API and of
/// the Logs API are encodings of it (``PlatformLines``).
///
/// - Source: Lambda developer guide, "Lambda Telemetry API Event schema reference", "Lambda Logs API".
package enum TelemetryEvent: Equatable, Sendable {
    case initStart(Phase)
    /// The runtime has asked for its first event, or will not.
    case initRuntimeDone(Phase, Outcome)
    /// Extensions are ready as well, or something has failed.
    case initReport(Phase, Duration, Outcome)
    case restoreStart
    case restoreRuntimeDone(Outcome)
    case restoreReport(Duration, Outcome)
    case start(RequestID, invokedFunctionARN: String, tracing: String?)
    case runtimeDone(RuntimeDone)
    /// Text and Logs API only, like ``fault(_:)``.
    case end(RequestID)
    case report(Report)
    case fault(Fault)
    case `extension`(name: String, state: String, events: [String], errorType: String?)
    case subscription(name: String, TelemetrySubscription)
    case logsDropped(records: Int, bytes: Int)

    /// When a runtime boots: before any invocation, or within the time of one.
    package enum Phase: String, Sendable {
        case `init`, invoke
    }

    /// How something ended. An error of the function's own is an answer, and a success.
    package enum Outcome: Equatable, Sendable {
        case success
        case timeout
        case error(type: String)
    }

    package struct Span: Equatable, Sendable {
        package var start: Timestamp
        package var duration: Duration

        package init(start: Timestamp, duration: Duration) {
            self.start = start
            self.duration = duration
        }
    }

    /// What the runtime has done for an invocation.
    package struct RuntimeDone: Equatable, Sendable {
        package var id: RequestID
        package var outcome: Outcome

        /// From the moment when the event was handed out.
        package var duration: Duration

        /// Bytes of the answer.
        package var producedBytes: Int

        /// Until the answer; nil when there was none.
        package var responseLatency: Span?
        /// While the answer arrived; nil when it came at once.
        package var responseDuration: Span?

        /// The value of the trace header.
        package var tracing: String?

        package init(
            id: RequestID, outcome: Outcome, duration: Duration, producedBytes: Int, responseLatency: Span? = nil,
            responseDuration: Span? = nil, tracing: String? = nil
        ) {
            self.id = id
            self.outcome = outcome
            self.duration = duration
            self.producedBytes = producedBytes
            self.responseLatency = responseLatency
            self.responseDuration = responseDuration
            self.tracing = tracing
        }
    }

    /// What an invocation used.
    package struct Report: Equatable, Sendable {
        package var id: RequestID
        package var duration: Duration

        /// Of the invocation that had to wait for the environment's init, and only of that.
        package var initDuration: Duration?

        /// Of the first invocation of an environment that came from a snapshot. All of it is paid for: what is free on AWS,
        /// fetching the snapshot, does not exist here.
        package var restoreDuration: Duration?

        /// Bytes.
        package var peakMemory: Int
        package var outcome: Outcome

        /// The value of the trace header.
        package var tracing: String?

        package init(
            id: RequestID, duration: Duration, initDuration: Duration? = nil, restoreDuration: Duration? = nil,
            peakMemory: Int, outcome: Outcome, tracing: String? = nil
        ) {
            self.id = id
            self.duration = duration
            self.initDuration = initDuration
            self.restoreDuration = restoreDuration
            self.peakMemory = peakMemory
            self.outcome = outcome
            self.tracing = tracing
        }

        /// The time that is paid for.
        var cost: Duration { duration + (restoreDuration ?? initDuration ?? .zero) }
    }

    /// Why an invocation has no answer of the function's.
    package enum Fault: Equatable, Sendable {
        case timedOut(RequestID)
        case exited(RequestID, reason: String, type: String)
    }
}

extension TelemetryEvent.Outcome {
    package var status: String {
        switch self {
        case .success: "success"
        case .timeout: "timeout"
        case .error: "error"
        }
    }

    package var errorType: String? {
        if case .error(let type) = self { type } else { nil }
    }
}
