/// A function's part of the account's executions.
struct FunctionShare: Sendable {
    var reserved: Int?
    var rate: TokenBucket?
    var starts: TokenBucket

    /// Calls that run beyond what is provisioned.
    var onDemand = 0

    /// What its provisions hold together.
    var provisioned = 0

    /// Calls that run in them.
    var provisionedInUse = 0

    /// Ends with its last call.
    var isRemoved = false

    init(starts: TokenBucket) { self.starts = starts }

    var running: Int { onDemand + provisionedInUse }
    var used: Int { onDemand + provisioned }
    var held: Int { max(reserved ?? 0, used) }
    var unreservedRunning: Int { reserved == nil ? onDemand : 0 }
}

/// What is provisioned for one version or alias.
struct Provision: Sendable {
    let function: Slot
    var allocated = 0

    /// Environments that are initialised, whether they run a call or not.
    var available = 0
    var inUse = 0

    /// Ends with its last call.
    var isWithdrawn = false

    init(function: Slot) { self.function = function }

    var isFree: Bool { inUse < min(available, allocated) }
    var held: Int { max(allocated, inUse) }
}
