/// Why a call was refused with `TooManyRequestsException`, in AWS's words.
///
/// - Source: Lambda API model, `ThrottleReason`.
package enum ThrottleReason: String, CaseIterable, Sendable {
    case concurrentInvocationLimit = "ConcurrentInvocationLimitExceeded"
    case functionInvocationRateLimit = "FunctionInvocationRateLimitExceeded"
    case reservedFunctionConcurrentInvocationLimit = "ReservedFunctionConcurrentInvocationLimitExceeded"
    case reservedFunctionInvocationRateLimit = "ReservedFunctionInvocationRateLimitExceeded"
    case callerRateLimit = "CallerRateLimitExceeded"
    case concurrentSnapshotCreateLimit = "ConcurrentSnapshotCreateLimitExceeded"
}
