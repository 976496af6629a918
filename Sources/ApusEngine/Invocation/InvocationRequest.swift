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

    /// Takes the answer as it comes, if the runtime streams it; nil has it collected.
    package let receiver: (any ResponseReceiver)?

    /// Called exactly once, on some event loop; after the last part of an answer that was taken as it came.
    package let completion: @Sendable (InvocationResult) -> Void

    package init(
        id: RequestID, invokedFunctionARN: String, payload: ByteBuffer, clientContext: String? = nil,
        cognitoIdentity: String? = nil, traceID: String? = nil, wantsLogTail: Bool = false,
        isSynchronous: Bool = true, receiver: (any ResponseReceiver)? = nil,
        completion: @escaping @Sendable (InvocationResult) -> Void
    ) {
        self.id = id
        self.invokedFunctionARN = invokedFunctionARN
        self.payload = payload
        self.clientContext = clientContext
        self.cognitoIdentity = cognitoIdentity
        self.traceID = traceID
        self.wantsLogTail = wantsLogTail
        self.isSynchronous = isSynchronous
        self.receiver = receiver
        self.completion = completion
    }
}

/// How a call ended.
package struct InvocationResult: Sendable {
    package enum Outcome: Sendable {
        /// What the handler returned; empty if the receiver has it.
        case success(ByteBuffer)
        /// The function failed, perhaps in the middle of its answer; the body says how, in the runtime's or the platform's words.
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

    /// The type of the answer, as the runtime names it; nil where nobody asks for it.
    package var contentType: String?

    /// What went wrong around the function or in the middle of its answer, such as `Sandbox.Timedout`; nil for an error that is its
    /// whole answer.
    package var errorType: String?

    package init(
        outcome: Outcome, executedVersion: String, logTail: [UInt8]? = nil, contentType: String? = nil,
        errorType: String? = nil
    ) {
        self.outcome = outcome
        self.executedVersion = executedVersion
        self.logTail = logTail
        self.contentType = contentType
        self.errorType = errorType
    }

    package static func fault(_ fault: Fault) -> Self { Self(outcome: .fault(fault), executedVersion: "") }
}
