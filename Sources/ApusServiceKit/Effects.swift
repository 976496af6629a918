package import ApusModel

/// Takes the log lines of functions; the Logs service keeps them.
package protocol LogIngest: Sendable {
    /// Puts lines aside to be stored soon. Does not wait.
    ///
    /// - Returns: false when so much is waiting that the caller should slow down; the lines were taken all the same,
    ///   unless far more waits than a caller that does so can have written.
    func append(_ block: LogBlock, to destination: LogDestination) -> Bool

    /// Returns when every line that was taken before the call is on disk, or is lost with an error in the server's log.
    func stored() async
}

/// Takes what the control plane has made ready to run.
package protocol RevisionSink: Sendable {
    /// Calls of the qualifier run this revision from now on.
    func publish(_ revision: Revision, qualifier: String)

    /// The function exists, but calls of the qualifier are refused with its state.
    func suspend(_ function: FunctionKey, qualifier: String, state: String)

    /// Calls of an alias run one of these versions, each by its weight; the weights add up to 1.
    func route(_ alias: String, of function: FunctionKey, to versions: [(version: String, weight: Double)])

    /// - Parameter qualifier: a version or an alias; nil removes the function with all that belongs to it.
    func remove(_ function: FunctionKey, qualifier: String?)

    /// Sets the function's reserved concurrency; nil lets it share what is unreserved.
    func reserve(_ executions: Int?, for function: FunctionKey)

    /// Keeps so many environments initialised for a version or an alias; nil ends it. Where an alias points may change later.
    func provision(_ executions: Int?, for function: FunctionKey, qualifier: String)

    /// How far that is; nil when nothing is provisioned there.
    func provisioned(_ function: FunctionKey, qualifier: String) -> ProvisionedExecutions?

    /// Runs the init of a revision with ``Revision/startsFromSnapshot`` and keeps the result for its environments.
    func snapshot(_ revision: Revision) async -> SnapshotOutcome
}

/// Answers whether functions of a runtime can run on this host.
package protocol RuntimeRegistry: Sendable {
    /// - Returns: nil when they can; else what is missing and what the operator can do about it.
    func obstacle(to runtime: String) async -> String?
}
