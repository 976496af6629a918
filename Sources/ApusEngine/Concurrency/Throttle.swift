package import ApusModel

/// Which limit refused a call.
package enum Throttle: Error, Equatable, Sendable, CaseIterable {
    /// The account runs as many calls as it may, apart from what is reserved for others.
    case accountConcurrency

    /// The function runs as many calls as are reserved for it, or none are.
    case reservedConcurrency

    /// Functions without reserved concurrency are called more than ten times a second for each execution of the account.
    case accountRate

    /// A function is called more than ten times a second for each execution that is reserved for it.
    case reservedRate

    /// The function has started as many environments within ten seconds as it may.
    case scalingRate

    /// The host has no memory for another environment.
    case machineMemory

    /// What the client is told.
    ///
    /// AWS documents the names only. Recorded are the two concurrency limits, and `CallerRateLimitExceeded` for calls of accounts
    /// with a small limit. That a function's scaling rate is `FunctionInvocationRateLimitExceeded` is our reading of the name.
    /// For memory see docs/decisions/0008-metrics.md.
    package var reason: ThrottleReason {
        switch self {
        case .accountConcurrency, .machineMemory: .concurrentInvocationLimit
        case .reservedConcurrency: .reservedFunctionConcurrentInvocationLimit
        case .accountRate: .callerRateLimit
        case .reservedRate: .reservedFunctionInvocationRateLimit
        case .scalingRate: .functionInvocationRateLimit
        }
    }

    /// - Source: recorded responses: `{"Reason":"CallerRateLimitExceeded","Type":"User","message":"Rate exceeded"}`, and the same
    ///   with `Rate Exceeded.` for the limits of concurrency.
    package var fault: Fault {
        Fault(
            "TooManyRequestsException", status: 429, self == .accountRate ? "Rate exceeded" : "Rate Exceeded.",
            fields: [(name: "Reason", value: reason.rawValue)], headers: [(name: "Retry-After", value: "1")])
    }
}
