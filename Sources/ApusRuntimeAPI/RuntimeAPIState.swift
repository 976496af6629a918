package import ApusModel

/// Which calls of the Runtime API are allowed when, for one runtime process.
///
/// - Source: Lambda developer guide, "AWS Lambda runtime API"; the public runtime interface emulator for refusals.
package struct RuntimeAPIState: Equatable, Sendable {
    package enum Phase: Equatable, Sendable {
        /// Booting; the first `/next` ends it.
        case initializing
        /// Waits in `/next`.
        case idle
        /// Works on an event.
        case running(RequestID)
        /// Has begun to answer, and the answer is handed on as it comes.
        case streaming(RequestID)
        /// Has answered, and has not asked for more yet.
        case responded(RequestID)
        /// Has run the init and waits to be forked; its forks begin anew, each with its own server.
        case awaitingRestore
        /// Broke the rules or reported that its init failed. Nothing but its end follows.
        case failed
    }

    /// What the server must do about a call.
    package enum Verdict: Equatable, Sendable {
        /// Keep the connection waiting. `true` when this was the end of init.
        case park(initialized: Bool)
        case accept
        case refuse(Refusal)
    }

    package struct Refusal: Error, Equatable, Sendable {
        package var status: Int
        package var type: String
        package var message: String

        /// The runtime can no longer be trusted with an event.
        package var isFatal: Bool
    }

    package private(set) var phase = Phase.initializing

    package init() {}

    /// The runtime asks for an event.
    package mutating func next() -> Verdict {
        switch phase {
        case .initializing:
            phase = .idle
            return .park(initialized: true)
        case .responded:
            phase = .idle
            return .park(initialized: false)
        case .running, .streaming:
            phase = .failed
            return .refuse(.invalidTransition(fatal: true))
        case .idle, .awaitingRestore, .failed:
            return .refuse(.invalidTransition(fatal: false))
        }
    }

    /// The runtime asks to be told of its restore, which it is to be called before its first `/next`. No answer ever comes: forks find
    /// out by themselves.
    package mutating func awaitRestore() -> Refusal? {
        guard phase == .initializing else { return .invalidTransition(fatal: false) }
        phase = .awaitingRestore
        return nil
    }

    /// An event is handed to the waiting runtime.
    ///
    /// - Precondition: the phase is `idle`.
    package mutating func deliver(_ id: RequestID) {
        precondition(phase == .idle, "an event was delivered to a runtime in \(phase)")
        phase = .running(id)
    }

    /// The runtime begins to answer an event, with a result or an error. Changes nothing: the body is still to come.
    package func mayRespond(to id: some StringProtocol) -> Refusal? {
        switch phase {
        case .running(let current):
            return current.text == id ? nil : .invalidRequestID
        case .streaming(let current), .responded(let current):
            return current.text == id ? .invalidTransition(fatal: false) : .invalidRequestID
        case .idle:
            return .invalidRequestID
        case .initializing, .awaitingRestore, .failed:
            return .invalidTransition(fatal: false)
        }
    }

    /// The answer to an event is handed on from now on: no other may begin.
    ///
    /// - Precondition: ``mayRespond(to:)`` allows it.
    package mutating func beginStream() -> RequestID? {
        guard case .running(let current) = phase else { return nil }
        phase = .streaming(current)
        return current
    }

    /// The answer to an event has arrived whole, or will never be.
    ///
    /// - Returns: nil when the event is no longer the runtime's: it was answered on another connection or reset in between.
    package mutating func respond(to id: some StringProtocol) -> RequestID? {
        switch phase {
        case .running(let current) where current.text == id, .streaming(let current) where current.text == id:
            phase = .responded(current)
            return current
        default:
            return nil
        }
    }

    /// The runtime reports that it could not start, or could not be restored.
    package mutating func failInit() -> Refusal? {
        guard phase == .initializing else { return .invalidTransition(fatal: false) }
        phase = .failed
        return nil
    }

    /// The runtime is to end.
    package mutating func abandon() { phase = .failed }

    /// The connection that waited in `/next` went away; the runtime has to ask again.
    package mutating func unpark(after id: RequestID) {
        if phase == .idle { phase = .responded(id) }
    }
}

extension RuntimeAPIState.Refusal {
    package static func invalidTransition(fatal: Bool) -> Self {
        Self(status: 403, type: "InvalidStateTransition", message: "State transition is not allowed", isFatal: fatal)
    }

    package static let invalidRequestID = Self(
        status: 400, type: "InvalidRequestID", message: "Invalid request ID", isFatal: false)
}
