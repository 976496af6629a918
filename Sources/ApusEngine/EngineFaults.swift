package import ApusModel

/// What the engine answers when a function cannot run.
package enum EngineFaults {
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

    /// An environment could not be made from its snapshot: a hook of the function's failed or took too long.
    ///
    /// - Source: Lambda API reference, Invoke, `SnapStartException` and `SnapStartTimeoutException`.
    package static func restoreFailed(timedOut: Bool) -> Fault {
        timedOut
            ? Fault(
                "SnapStartTimeoutException", status: 408,
                "Lambda couldn't restore the snapshot within the timeout limit.")
            : Fault(
                "SnapStartException", status: 400,
                "The afterRestore() runtime hook encountered an error. For more information, check the Amazon CloudWatch logs."
            )
    }
}
