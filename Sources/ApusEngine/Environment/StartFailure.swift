/// Why an environment could not be started.
struct StartFailure: Error, Sendable {
    /// What a caller is told who waited for it.
    var refusal: InvocationRefusal

    /// The error type and message of an init that failed, as the runtime reported or the platform found them; nil when it did not
    /// come to an init.
    var initError: (type: String, message: String)?
}
