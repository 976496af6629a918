package import ApusModel
package import NIOCore

/// One call of a function, as the engine takes it.
package final class InvocationRequest: Sendable {
    package let id: RequestID
    package let invokedFunctionARN: String
    package let payload: ByteBuffer
    package let clientContext: String?
    package let cognitoIdentity: String?
    package let traceID: String?

    /// The caller wants the end of the log with the answer.
    package let wantsLogTail: Bool

    /// Somebody waits for the answer.
    package let isSynchronous: Bool

    /// Called exactly once, on some event loop.
    package let completion: @Sendable (InvocationResult) -> Void

    package init(
        id: RequestID, invokedFunctionARN: String, payload: ByteBuffer, clientContext: String? = nil,
        cognitoIdentity: String? = nil, traceID: String? = nil, wantsLogTail: Bool = false,
        isSynchronous: Bool = true, completion: @escaping @Sendable (InvocationResult) -> Void
    ) {
        self.id = id
        self.invokedFunctionARN = invokedFunctionARN
        self.payload = payload
        self.clientContext = clientContext
        self.cognitoIdentity = cognitoIdentity
        self.traceID = traceID
        self.wantsLogTail = wantsLogTail
        self.isSynchronous = isSynchronous
        self.completion = completion
    }
}

/// How a call ended.
package struct InvocationResult: Sendable {
    package enum Outcome: Sendable {
        /// What the handler returned.
        case success(ByteBuffer)
        /// The function failed; the body says how, in the runtime's or the platform's words.
        case functionError(ByteBuffer)
        /// The function did not run.
        case fault(Fault)

        var isFunctionError: Bool {
            if case .functionError = self { true } else { false }
        }
    }

    package var outcome: Outcome

    /// The version that ran, such as `$LATEST`; empty when none did.
    package var executedVersion: String

    /// The last 4 KB of the invocation's log, if the caller wanted it.
    package var logTail: [UInt8]?

    package init(outcome: Outcome, executedVersion: String, logTail: [UInt8]? = nil) {
        self.outcome = outcome
        self.executedVersion = executedVersion
        self.logTail = logTail
    }

    package static func fault(_ fault: Fault) -> Self { Self(outcome: .fault(fault), executedVersion: "") }
}
