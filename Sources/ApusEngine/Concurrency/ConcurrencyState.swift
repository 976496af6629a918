/// Decides which calls of one account in one region may run at the same time. Pure: the time is passed in.
///
/// Every function holds a part of the account's executions: its reservation, or, without one, what its calls use and what is
/// provisioned for it. The parts together are what is claimed. A call within what its function holds is always let in; a call
/// beyond needs a function without a reservation, and an execution that nobody claims. So the calls never exceed the limit,
/// and what is reserved or provisioned can always be had.
///
/// A limit that is lowered ends no call: what runs beyond it goes on, and counts as claimed, until it has ended.
///
/// - Source: Lambda developer guide, "Understanding Lambda function scaling", "Configuring reserved concurrency",
///   "Configuring provisioned concurrency".
package struct ConcurrencyState: Sendable {
    package struct Limits: Equatable, Sendable {
        /// Calls of the account at the same time.
        package var executions = 1000

        /// Synchronous calls a second for each execution; nil sets no limit to the rate of functions without a reservation.
        package var accountRate: Int? = 10

        /// The same for functions with reserved concurrency.
        package var reservedRate: Int? = 10

        /// Environments that a function may start within ``startPeriod``.
        package var starts = 1000
        package var startPeriod = Duration.seconds(10)

        package init() {}
    }

    /// Names a function within this state; valid until the function is removed.
    package struct FunctionHandle: Hashable, Sendable {
        let slot: Slot
    }

    /// Names what is provisioned for a version or an alias; valid until it is withdrawn or its function is removed.
    package struct ProvisionHandle: Hashable, Sendable {
        let slot: Slot
    }

    /// The permission to run one call, to be given back by ``leave(_:)`` exactly once.
    package struct Ticket: Equatable, Sendable {
        package enum Execution: Equatable, Sendable {
            case onDemand
            /// Runs in an environment that was initialised ahead of demand.
            case provisioned
            /// On demand, because every provisioned execution of its qualifier is in use.
            case spillover
        }

        package let execution: Execution
        fileprivate let function: Slot
        fileprivate let provision: Slot?
    }

    package let limits: Limits

    private var functions = Slots<FunctionShare>()
    private(set) var provisions = Slots<Provision>()
    private(set) var names: [String: FunctionHandle] = [:]
    private(set) var qualifiers: [ProvisionHandle: String] = [:]
    private var accountRate: TokenBucket?

    // The sums over all functions.
    private(set) var claimed = 0
    private(set) var running = 0
    private(set) var unreservedRunning = 0
    private(set) var provisionedRunning = 0

    package init(limits: Limits = Limits()) {
        self.limits = limits
        accountRate = limits.accountRate.map { TokenBucket(capacity: $0 * max(1, limits.executions), per: .seconds(1)) }
    }

    // MARK: Functions

    /// The function of that name, made known if it was not.
    package mutating func function(named name: String) -> FunctionHandle {
        if let known = names[name] { return known }
        let starts = TokenBucket(capacity: limits.starts, per: limits.startPeriod)
        let handle = FunctionHandle(slot: functions.insert(FunctionShare(starts: starts)))
        names[name] = handle
        return handle
    }

    /// Ends the function's reservation and what is provisioned for it. Its calls that run count until they have ended;
    /// one that arrives late, with the old handle, is refused as if the function had no concurrency.
    package mutating func remove(functionNamed name: String) {
        guard let handle = names.removeValue(forKey: name) else { return }
        for slot in provisions.slots(where: { $0.function == handle.slot }) { withdraw(ProvisionHandle(slot: slot)) }
        change(handle.slot) {
            $0.reserved = nil
            $0.isRemoved = true
        }
    }

    /// Keeps executions for a function, and lets it have no more; 0 refuses all of its calls, nil lets it share what is unreserved.
    ///
    /// The caller has checked that enough stays unreserved.
    package mutating func reserve(_ executions: Int?, for function: FunctionHandle) {
        let rate = limits.reservedRate
        change(function.slot) {
            guard !$0.isRemoved else { return }
            $0.reserved = executions
            $0.rate = nil
            if let executions, let rate, executions > 0 {
                $0.rate = TokenBucket(capacity: rate * executions, per: .seconds(1))
            }
        }
    }

    // MARK: Provisioned concurrency

    /// Takes executions for a version or an alias out of what is reserved for its function, or out of what is unreserved.
    /// They serve calls as soon as ``setAvailable(_:of:)`` says so.
    ///
    /// The caller has checked that there are so many.
    package mutating func provision(
        _ executions: Int, for function: FunctionHandle, qualifier: String
    ) -> ProvisionHandle {
        let handle = ProvisionHandle(slot: provisions.insert(Provision(function: function.slot)))
        qualifiers[handle] = qualifier
        if functions[function.slot]?.isRemoved ?? true { withdraw(handle) } else { resize(handle, to: executions) }
        return handle
    }

    /// Provisions more or fewer. Calls that run go on.
    package mutating func resize(_ provision: ProvisionHandle, to executions: Int) {
        changeProvision(provision.slot) { if !$0.isWithdrawn { $0.allocated = executions } }
    }

    /// Says how many environments are initialised, whether they run a call or not. Only these take provisioned calls.
    package mutating func setAvailable(_ environments: Int, of provision: ProvisionHandle) {
        changeProvision(provision.slot) { $0.available = environments }
    }

    /// Gives the executions back. Calls that run in them count until they have ended.
    package mutating func withdraw(_ provision: ProvisionHandle) {
        qualifiers[provision] = nil
        changeProvision(provision.slot) {
            $0.allocated = 0
            $0.isWithdrawn = true
        }
    }

    // MARK: Calls

    /// A call wants to run. Nothing is counted when it is refused.
    ///
    /// - Parameters:
    ///   - provision: what is provisioned for the qualifier that is called, if anything is.
    ///   - isSynchronous: the rate of asynchronous calls has no limit.
    package mutating func enter(
        _ function: FunctionHandle, provision: ProvisionHandle? = nil, isSynchronous: Bool = true, now: Duration
    ) -> Result<Ticket, Throttle> {
        guard let share = functions[function.slot], !share.isRemoved else { return .failure(.reservedConcurrency) }
        let provisioned = provision.flatMap { provisions[$0.slot] }
        let isProvisioned = provisioned?.isFree ?? false
        if let throttle = refusal(of: share, isProvisioned: isProvisioned) { return .failure(throttle) }
        if isSynchronous, let throttle = rateRefusal(function.slot, isReserved: share.reserved != nil, now: now) {
            return .failure(throttle)
        }
        let ticket = Ticket(
            execution: isProvisioned ? .provisioned : provisioned == nil ? .onDemand : .spillover,
            function: function.slot, provision: isProvisioned ? provision?.slot : nil)
        count(ticket, by: 1)
        return .success(ticket)
    }

    /// The call has ended.
    package mutating func leave(_ ticket: Ticket) { count(ticket, by: -1) }

    /// Whether the function may start an environment now. Takes one of its starts, so ask last.
    package mutating func mayStart(_ function: FunctionHandle, now: Duration) -> Bool {
        functions[function.slot]?.starts.take(now: now) ?? false
    }

    /// Why there is no execution for a call of the function.
    private func refusal(of share: FunctionShare, isProvisioned: Bool) -> Throttle? {
        guard let reserved = share.reserved else {
            return isProvisioned || claimed < limits.executions ? nil : .accountConcurrency
        }
        let isBeyond = isProvisioned ? share.running >= reserved : share.used >= reserved
        return isBeyond ? .reservedConcurrency : nil
    }

    /// Takes one from the rate that the call counts in.
    private mutating func rateRefusal(_ function: Slot, isReserved: Bool, now: Duration) -> Throttle? {
        if isReserved { return functions[function]?.rate?.take(now: now) ?? true ? nil : .reservedRate }
        return accountRate?.take(now: now) ?? true ? nil : .accountRate
    }

    // MARK: Counting

    private mutating func count(_ ticket: Ticket, by step: Int) {
        running += step
        if let provision = ticket.provision {
            provisionedRunning += step
            changeProvision(provision) { $0.inUse += step }
        } else {
            change(ticket.function) { $0.onDemand += step }
        }
    }

    private mutating func changeProvision(_ slot: Slot, _ body: (inout Provision) -> Void) {
        guard var provision = provisions[slot] else { return }
        let before = provision
        body(&provision)
        provisions[slot] = provision.isWithdrawn && provision.inUse == 0 ? nil : provision
        change(provision.function) {
            $0.provisioned += provision.held - before.held
            $0.provisionedInUse += provision.inUse - before.inUse
        }
    }

    /// Everything that a function's part depends on changes here, so that the sums follow.
    private mutating func change(_ slot: Slot, _ body: (inout FunctionShare) -> Void) {
        guard var function = functions[slot] else { return }
        let before = function
        body(&function)
        precondition(function.onDemand >= 0 && function.provisionedInUse >= 0, "a ticket was given back twice")
        claimed += function.held - before.held
        unreservedRunning += function.unreservedRunning - before.unreservedRunning
        functions[slot] = function.isRemoved && function.used == 0 ? nil : function
    }
}
