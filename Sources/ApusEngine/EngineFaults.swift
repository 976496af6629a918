package import ApusModel

/// What the engine answers when a function cannot run.
package enum EngineFaults {
    /// - Source: recorded response; Lambda API reference, Invoke.
    package static func throttled(reason: String) -> Fault {
        Fault(
            "TooManyRequestsException", status: 429, "Rate Exceeded.", fields: [(name: "Reason", value: reason)],
            headers: [(name: "Retry-After", value: "1")])
    }

    package static let concurrencyExceeded = throttled(reason: "ConcurrentInvocationLimitExceeded")

    /// The environment could not be started, or the server is going down. The log says more; a client cannot act on it.
    package static let service = Fault(
        "ServiceException", status: 500, "An error occurred and the request cannot be processed.")

    /// The code on disk is not what was uploaded; it has not been run.
    package static let corruptCode = Fault(
        "InvalidZipFileException", status: 502,
        "Lambda could not unzip the deployment package: its stored bytes failed the integrity check.")

    package static func runtimeUnavailable(_ detail: String) -> Fault {
        Fault("InvalidRuntimeException", status: 502, detail)
    }
}
