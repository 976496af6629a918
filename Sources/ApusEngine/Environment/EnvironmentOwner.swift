import NIOCore

/// Whom an environment works for: a pool, or the maker of a snapshot. Called on the environment's event loop.
protocol EnvironmentOwner: AnyObject, Sendable {
    /// It can take an invocation.
    func ready(_ environment: Environment)

    /// It has answered its invocation, and will be ready in a moment.
    func answered(_ environment: Environment)

    /// Its process has run the init and can be forked; the sandbox is frozen.
    func templateReady(_ environment: Environment, _ template: Template)

    /// Nothing came of it. It is being taken down, if there was anything.
    func startFailed(_ environment: Environment, _ failure: StartFailure)

    /// It never delivered the invocation, and is being taken down.
    func putBack(_ invocation: AdmittedInvocation, from environment: Environment)

    /// It was taken down.
    func removed(_ environment: Environment)

    /// Work that has to be over before the server may leave.
    func track(_ work: EventLoopFuture<Void>)
}
