package import ApusModel
package import ApusSandbox
package import Logging
package import NIOCore
import Synchronization

/// Runs functions: keeps the catalog, and for each revision a pool of environments.
package final class Engine: Sendable {
    package struct Limits: Sendable {
        /// Invocations of one account in flight at the same time.
        ///
        /// - Source: Lambda quotas.
        package var concurrency = 1000

        /// An environment that nobody has called for so long is closed.
        package var idleTimeout = Duration.seconds(600)

        /// The longest that a runtime may take to ask for its first event.
        ///
        /// - Source: Lambda developer guide, "Init phase".
        package var initTimeout = Duration.seconds(10)

        package init() {}
    }

    package let catalog = FunctionCatalog()
    package let limits: Limits
    private let services: EnvironmentServices
    private let eventLoops: any EventLoopGroup
    private let ids = EnvironmentIDs()
    private let inFlight: InFlight
    private let pools = Mutex<[ObjectIdentifier: EnvironmentPool]>([:])
    private let isStopping = Atomic<Bool>(false)

    package init(
        driver: any SandboxDriver, runtimes: any RuntimeDirectory, code: any CodeSource,
        credentials: any ExecutionCredentialIssuer, log: any LogWriter, time: any TimeSource, logger: Logger,
        eventLoops: any EventLoopGroup, limits: Limits,
        servePlatformAPI: @escaping @Sendable (Int32, any EventLoop) -> EventLoopFuture<any Channel>
    ) {
        let inFlight = InFlight()
        self.inFlight = inFlight
        self.limits = limits
        self.eventLoops = eventLoops
        services = EnvironmentServices(
            driver: driver, runtimes: runtimes, code: code, credentials: credentials, log: log, time: time,
            logger: logger, initTimeout: limits.initTimeout, servePlatformAPI: servePlatformAPI,
            onInvocationEnd: { inFlight.leave() },
            track: { work in
                inFlight.begin()
                work.whenComplete { _ in inFlight.end() }
            })
    }

    // MARK: Catalog

    /// From now on calls of the qualifier run this revision. Environments of the one before end when they are done.
    package func publish(_ revision: Revision, qualifier: String) {
        let pool = EnvironmentPool(
            revision: revision, services: services, eventLoops: eventLoops, ids: ids, waitingLimit: limits.concurrency
        ) { [weak self] pool in
            self?.pools.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(pool)) }
        }
        pools.withLock { $0[ObjectIdentifier(pool)] = pool }
        retire(catalog.set(.ready(pool), function: revision.function, qualifier: qualifier))
    }

    /// The function exists and cannot be called now.
    package func suspend(_ function: FunctionKey, qualifier: String, state: String) {
        retire(catalog.set(.notReady(state: state), function: function, qualifier: qualifier))
    }

    /// - Parameter qualifier: nil removes the function with all its versions.
    package func remove(_ function: FunctionKey, qualifier: String? = nil) {
        for entry in catalog.remove(function, qualifier: qualifier) { retire(entry) }
    }

    private func retire(_ entry: FunctionCatalog.Entry?) {
        if case .ready(let pool) = entry {
            pool.retire()
            if pool.environmentCount == 0 { pools.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(pool)) } }
        }
    }

    // MARK: Invocations

    /// Runs one call. The completion is called exactly once, with a fault when the function could not run.
    package func invoke(_ request: InvocationRequest, function: FunctionKey, pool: EnvironmentPool, qualifier: String) {
        if isStopping.load(ordering: .relaxed) { return request.completion(.fault(EngineFaults.service)) }
        guard inFlight.enter(limit: limits.concurrency) else {
            return request.completion(.fault(EngineFaults.concurrencyExceeded))
        }
        var pool = pool
        // A pool may be retired between the look-up and this call; the catalog then has the next one.
        for _ in 0..<8 {
            switch pool.invoke(request) {
            case nil: return
            case .saturated:
                inFlight.leave()
                return request.completion(.fault(EngineFaults.concurrencyExceeded))
            case .retired:
                guard case .found(.ready(let next)) = catalog.look(function, qualifier: qualifier) else { break }
                pool = next
                continue
            }
            break
        }
        inFlight.leave()
        request.completion(.fault(EngineFaults.service))
    }

    // MARK: Life

    /// Closes environments that have been idle for long. To be called now and then.
    package func reclaimIdle() {
        let limit = services.time.monotonic - limits.idleTimeout
        for pool in pools.withLock({ Array($0.values) }) { pool.reclaim(idleSince: limit) }
    }

    /// Takes no more calls and closes the environments, once what runs has ended or `grace` is over.
    package func shutdown(grace: Duration) async {
        isStopping.store(true, ordering: .relaxed)
        await inFlight.drained(within: grace, on: eventLoops.next())
        for pool in pools.withLock({ Array($0.values) }) {
            pool.retire()
            pool.closeAll()
        }
        await inFlight.drained(within: .seconds(2), on: eventLoops.next())
        await services.driver.shutdown()
    }
}

/// Counts what is under way: invocations, which have a limit, and other work, which has none.
private final class InFlight: Sendable {
    private struct State {
        var invocations = 0
        var others = 0
        var waiting: [EventLoopPromise<Void>] = []

        var isIdle: Bool { invocations == 0 && others == 0 }
    }

    private let state = Mutex(State())

    func enter(limit: Int) -> Bool {
        state.withLock { state in
            guard state.invocations < limit else { return false }
            state.invocations += 1
            return true
        }
    }

    func leave() { change { $0.invocations -= 1 } }
    func begin() { change { $0.others += 1 } }
    func end() { change { $0.others -= 1 } }

    private func change(_ body: (inout State) -> Void) {
        let waiting: [EventLoopPromise<Void>] = state.withLock { state in
            body(&state)
            guard state.isIdle else { return [] }
            defer { state.waiting = [] }
            return state.waiting
        }
        for promise in waiting { promise.succeed() }
    }

    /// Returns when nothing is under way, or when the time is over.
    func drained(within limit: Duration, on eventLoop: any EventLoop) async {
        let promise = eventLoop.makePromise(of: Void.self)
        let isDone = state.withLock { state in
            if !state.isIdle { state.waiting.append(promise) }
            return state.isIdle
        }
        if isDone { promise.succeed() }
        let timer = eventLoop.scheduleTask(in: .nanoseconds(limit.wholeNanoseconds)) { [self] in
            let late = state.withLock { state in
                defer { state.waiting = [] }
                return state.waiting
            }
            for promise in late { promise.succeed() }
        }
        _ = try? await promise.futureResult.get()
        timer.cancel()
    }
}
