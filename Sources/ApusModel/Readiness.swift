/// How far the provisioned concurrency of a version or an alias is.
package struct ProvisionedExecutions: Equatable, Sendable {
    package var requested: Int

    /// Environments that were given to it, initialised or not.
    package var allocated: Int

    /// Environments that are initialised, whether they run a call or not.
    package var available: Int

    /// Why the last attempt to initialise one failed; nil when it did not.
    package var failure: String?

    package init(requested: Int, allocated: Int, available: Int, failure: String?) {
        self.requested = requested
        self.allocated = allocated
        self.available = available
        self.failure = failure
    }
}

/// What became of the init that a snapshot is taken after.
package enum SnapshotOutcome: Equatable, Sendable {
    case taken
    /// The init went well, but its process cannot be forked: environments run the init themselves. The log says why.
    case unforkable(reason: String)
    /// The init failed, with the error that the runtime reported or the platform found.
    case failed(type: String, message: String)
}
