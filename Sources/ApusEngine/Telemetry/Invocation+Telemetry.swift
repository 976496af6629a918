import NIOCore

extension InvocationRequest {
    /// The function is given it.
    var started: TelemetryEvent { .start(id, invokedFunctionARN: invokedFunctionARN, tracing: traceID) }
}

extension InvocationResult.Outcome {
    /// Bytes that the function answered with.
    var producedBytes: Int {
        switch self {
        case .success(let body), .functionError(let body): body.readableBytes
        case .fault: 0
        }
    }
}
