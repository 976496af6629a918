package import ApusMetrics
package import ApusModel
package import ApusSandbox
package import Logging
package import NIOCore
import Synchronization

/// Runs functions: keeps the catalog, and for each revision a pool of environments.
package final class Engine: Sendable {
    package struct Limits: Sendable {
        /// Of each account in each region. AWS limits the rate of an account's calls too, for the sake of its own capacity; here the
        /// operator's machine is the limit.
        package var concurrency = {
            var limits = ConcurrencyState.Limits()
            limits.accountRate = nil
            return limits
        }()

        /// An environment that nobody has called for so long is closed.
        package var idleTimeout = Duration.seconds(600)

        /// An idle environment keeps the processor for so long, for what its runtime does after an answer.
        package var freezeDelay = Duration.milliseconds(100)

        /// Runtimes that wait booted for a function, of each kind in use, when nobody calls.
        package var waitingCells = CellDemand.least(onHostWith: MemoryReading.current()?.total ?? 0)

        /// The longest that a runtime may take to ask for its first event, or to be restored.
        ///
        /// - Source: Lambda developer guide, "Init phase", "Restore phase".
        package var initTimeout = Duration.seconds(10)

        package var shutdown = ShutdownTime()

        package var streams = StreamLimits()

        package init() {}
    }

    package let catalog = FunctionCatalog()
    package let limits: Limits
    let services: EnvironmentServices
    let snapshots: Snapshots
    let metrics: FunctionMetrics
    let accounts = Mutex<[Scope: ConcurrencyAccount]>([:])
    let book = Mutex<[FunctionKey: FunctionBook]>([:])

    /// One change of the catalog at a time: what follows from one must not overtake what follows from the next.
    let turn = Mutex(())

    /// The same for readings of what is provisioned.
    let countingTurn = Mutex(())
    private let eventLoops: any EventLoopGroup
    private let inFlight: InFlight
    private let machine: Machine
    private let pools = Mutex<[ObjectIdentifier: EnvironmentPool]>([:])
    private let isStopping = Atomic<Bool>(false)

    package init(
        driver: any SandboxDriver, runtimes: any RuntimeDirectory, code: any CodeSource,
        images: any ImageSource = NoImages(),
        credentials: any ExecutionCredentialIssuer, log: any LogWriter, metrics: FunctionMetrics, time: any TimeSource,
        logger: Logger, eventLoops: any EventLoopGroup, limits: Limits,
        servePlatformAPI: @escaping @Sendable (Int32, any EventLoop) -> EventLoopFuture<any Channel>
    ) {
        let inFlight = InFlight()
        let ids = EnvironmentIDs()
        self.inFlight = inFlight
        self.limits = limits
        self.metrics = metrics
        self.eventLoops = eventLoops
        machine = Machine(time: time)
        services = EnvironmentServices(
            driver: driver,
            cells: CellSupply(driver: driver, ids: ids, least: limits.waitingCells, time: time, logger: logger),

            runtimes: runtimes, code: code, images: images, credentials: credentials, log: log, time: time,
            logger: logger, ids: ids,
            initTimeout: limits.initTimeout, shutdown: limits.shutdown, streams: limits.streams,
            servePlatformAPI: servePlatformAPI,
            track: { work in
                inFlight.begin()
                work.whenComplete { _ in inFlight.end() }
            })
        snapshots = Snapshots(services: services, eventLoops: eventLoops)
    }

    // MARK: Invocations

    /// Runs one call. The completion is called exactly once, with a fault when the function could not run.
    package func invoke(_ request: InvocationRequest, on callee: Callee) {
        if isStopping.load(ordering: .relaxed) { return request.completion(.fault(EngineFaults.service)) }
        switch callee.enter(isSynchronous: request.isSynchronous, now: services.time.monotonic) {
        case .failure(let throttle): request.completion(.fault(throttle.fault))
        case .success(let ticket):
            inFlight.begin()
            run(AdmittedInvocation(request: request, callee: callee, ticket: ticket, onEnd: inFlight.end))
        }
    }

    private func run(_ invocation: AdmittedInvocation) {
        // A pool may be retired between the look-up and this call; the callee then has the next one.
        for _ in 0..<8 {
            guard let pool = invocation.callee.pool() else { break }
            switch pool.invoke(invocation) {
            case nil: return
            case .saturated: return invocation.refuse(.throttle(.accountConcurrency))
            case .retired: continue
            }
        }
        invocation.refuse(.fault(EngineFaults.service))
    }

    // MARK: Pools

    func makePool(_ revision: Revision) -> EnvironmentPool {
        let pool = EnvironmentPool(
            revision: revision, concurrency: concurrency(of: revision.function),
            metrics: metrics.environments(of: revision.function, version: revision.version),
            surroundings: EnvironmentPool.Surroundings(
                services: services, snapshots: snapshots,
                machine: MachineShare(
                    mayStart: { [weak self] in self?.mayStart(expecting: $0) ?? false },
                    settled: { [machine] in machine.settled(expecting: $0) }),
                eventLoops: eventLoops, waitingLimit: limits.concurrency.executions,
                onEmpty: { [weak self] pool in self?.forget(pool) },
                onProvisioned: { [weak self] pool in self?.countProvisioned(pool.revision.function) }))
        pools.withLock { $0[ObjectIdentifier(pool)] = pool }
        return pool
    }

    func retire(_ pool: EnvironmentPool) {
        pool.retire()
        if pool.environmentCount == 0 { forget(pool) }
    }

    func account(_ scope: Scope) -> ConcurrencyAccount {
        accounts.withLock { accounts in
            if let account = accounts[scope] { return account }
            let account = ConcurrencyAccount(limits: limits.concurrency)
            accounts[scope] = account
            return account
        }
    }

    func concurrency(of function: FunctionKey) -> FunctionConcurrency {
        FunctionConcurrency(account(function.scope), functionNamed: function.name)
    }

    private var allPools: [EnvironmentPool] { pools.withLock { Array($0.values) } }

    private func forget(_ pool: EnvironmentPool) {
        pools.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(pool)) }
    }

    // MARK: Memory

    private func mayStart(expecting bytes: Int) -> Bool {
        let pools = allPools
        let decision = machine.start(
            expecting: bytes, growth: { pools.reduce(0) { $0 + $1.growth } },
            reclaimable: { pools.reduce(0) { $0 + $1.reclaimableMemory } })
        switch decision {
        case .yes: return true
        case .no: return false
        case .reclaim(let bytes):
            reclaim(bytes, pressure: .some, of: pools)
            return true
        }
    }

    private func reclaim(_ bytes: Int, pressure: MachineMemory.Pressure, of pools: [EnvironmentPool]) {
        let chosen = Set(
            Reclaimer.choose(
                from: pools.map(\.reclaimable), bytes: bytes, pressure: pressure, now: services.time.monotonic))
        guard !chosen.isEmpty else { return }
        for pool in pools { pool.reclaim(chosen) }
    }

    // MARK: Life

    /// Freezes what is idle, and makes cells that are missing. To be called several times a second.
    package func settle() {
        let limit = services.time.monotonic - limits.freezeDelay
        for pool in allPools { pool.freeze(idleSince: limit) }
        services.cells.topUp()
    }

    /// Closes what has been idle for long or takes memory that is short, and keeps up what is provisioned and what waits ahead of
    /// demand. To be called once a second.
    package func tidy() {
        let limit = services.time.monotonic - limits.idleTimeout
        let pools = allPools
        for pool in pools { pool.reclaim(idleSince: limit) }
        let (pressure, shortage) = machine.pressure(growth: pools.reduce(0) { $0 + $1.growth })
        reclaim(shortage, pressure: pressure, of: pools)
        services.cells.squeeze(pressure == .critical)
        services.cells.tick()
        retryProvisioning()
    }

    /// Takes no more calls and closes the environments, once what runs has ended or `grace` is over.
    package func shutdown(grace: Duration) async {
        isStopping.store(true, ordering: .relaxed)
        await inFlight.drained(within: grace, on: eventLoops.next())
        snapshots.dropAll()
        for pool in allPools {
            pool.retire()
            pool.closeAll()
        }
        await services.cells.close()
        await inFlight.drained(within: limits.shutdown.external + .seconds(1), on: eventLoops.next())
        await services.driver.shutdown()
    }

    // MARK: Readings

    /// How many environments of each version there are, and what they do.
    package func environmentCounts() -> [(EnvironmentGauges.Version, EnvironmentCounts)] {
        allPools.map { (EnvironmentGauges.Version($0.revision.function, $0.revision.version), $0.counts) }
    }

    /// What the calls of each account use of its concurrency.
    package func concurrencyReadings() -> [(Scope, ConcurrencyState.Reading)] {
        accounts.withLock { $0 }.map { scope, account in (scope, account.withState { $0.reading }) }
    }
}
