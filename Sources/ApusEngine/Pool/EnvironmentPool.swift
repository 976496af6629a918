import ApusMetrics
package import ApusModel
import ApusSandbox
import Logging
import NIOCore
import Synchronization

/// The environments of one revision: asks ``PoolState`` under a lock, acts outside it.
package final class EnvironmentPool: EnvironmentOwner {
    package let revision: Revision

    /// What a pool needs of the engine around it.
    struct Surroundings: Sendable {
        var services: EnvironmentServices
        var snapshots: Snapshots
        var machine: MachineShare
        var eventLoops: any EventLoopGroup
        var waitingLimit: Int

        /// The pool is retired, and empty.
        var onEmpty: @Sendable (EnvironmentPool) -> Void

        /// Other environments are ready in what is provisioned.
        var onProvisioned: @Sendable (EnvironmentPool) -> Void
    }

    /// So many templates may fail before each environment runs the init itself: a function can see to it that all do.
    private static let templateAttempts = 3

    private let concurrency: FunctionConcurrency
    private let metrics: EnvironmentMetrics
    private let surroundings: Surroundings
    private var services: EnvironmentServices { surroundings.services }
    private var ids: EnvironmentIDs { services.ids }
    private let state: Mutex<Guarded>

    private struct Guarded {
        var pool: PoolState<AdmittedInvocation>
        var environments: [EnvironmentID: Member] = [:]
        var footprint: MemoryFootprint
        /// What each of those was admitted with that have not ended their first call.
        var expected: [EnvironmentID: Int] = [:]
        /// The time from the start to the first event asked for, of the last environment.
        var startDuration = Duration.milliseconds(10)
        var provisionFailure: String?
        /// Forks of templates that came to nothing, since the last one that did not.
        var templateFailures = 0
        var isRetired = false
        var isClosed = false
    }

    /// An environment and the loop that alone may touch it.
    private struct Member: Sendable {
        let eventLoop: any EventLoop
        let environment: NIOLoopBound<Environment>

        func onLoop(_ body: @escaping @Sendable (Environment) -> Void) {
            if eventLoop.inEventLoop {
                body(environment.value)
            } else {
                eventLoop.execute { body(environment.value) }
            }
        }
    }

    init(
        revision: Revision, concurrency: FunctionConcurrency, metrics: EnvironmentMetrics, surroundings: Surroundings
    ) {
        self.revision = revision
        self.concurrency = concurrency
        self.metrics = metrics
        self.surroundings = surroundings
        state = Mutex(
            Guarded(
                pool: PoolState(waitingLimit: surroundings.waitingLimit),
                footprint: MemoryFootprint(limit: revision.memory.bytes)))
    }

    // MARK: From the engine

    func invoke(_ invocation: AdmittedInvocation) -> PoolState<AdmittedInvocation>.Refusal? {
        let now = services.time.monotonic
        let result = state.withLock { guarded in
            guarded.pool.acquire(invocation, now: now, nextID: ids.next).map { Planned($0, guarded.environments) }
        }
        switch result {
        case .success(let planned):
            carryOut(planned)
            return nil
        case .failure(let refusal):
            return refusal
        }
    }

    /// Takes no more work than it has.
    func retire() {
        decide { guarded, _ in
            guarded.isRetired = true
            return guarded.pool.retire()
        }
    }

    /// Keeps so many environments; also tries again what has failed before.
    func provision(_ target: Int) {
        decide { [ids] guarded, now in guarded.pool.provision(target, now: now, nextID: ids.next) }
    }

    func freeze(idleSince limit: Duration) { decide { guarded, _ in guarded.pool.freeze(idleSince: limit) } }

    func reclaim(idleSince limit: Duration) { decide { guarded, _ in guarded.pool.reclaim(idleSince: limit) } }

    /// Closes environments if they are idle still.
    func reclaim(_ chosen: Set<EnvironmentID>) { decide { guarded, _ in guarded.pool.reclaim(chosen) } }

    /// Closes every environment, whatever it does, and refuses what waits for one.
    func closeAll() {
        decide { guarded, _ in
            guarded.isClosed = true
            return guarded.pool.abandon()
        }
        for member in state.withLock({ Array($0.environments.values) }) {
            // Under way from now on, so that the server does not leave between an invocation's end and what closes its sandbox.
            track(member.eventLoop.submit { member.environment.value.close() })
        }
    }

    // MARK: Readings

    package var environmentCount: Int { state.withLock { $0.pool.environmentCount } }

    var counts: EnvironmentCounts {
        state.withLock {
            EnvironmentCounts(
                starting: $0.pool.startingCount, idle: $0.pool.idleCount,
                busy: $0.pool.environmentCount - $0.pool.startingCount - $0.pool.idleCount)
        }
    }

    /// Environments that are kept, those of them that are ready, and why the last one could not be made.
    var provisioned: (allocated: Int, ready: Int, failure: String?) {
        state.withLock { ($0.pool.provisionedCount, $0.pool.provisionedReadyCount, $0.provisionFailure) }
    }

    /// What the calls that run may still add to memory, in bytes.
    var growth: Int { state.withLock { ($0.pool.environmentCount - $0.pool.idleCount) * $0.footprint.growth } }

    /// What idle environments use that may be closed, in bytes.
    var reclaimableMemory: Int {
        state.withLock { max(0, $0.pool.idleCount - $0.pool.provisionedReadyCount) * $0.footprint.idle }
    }

    /// The idle environments, for the choice of what to close.
    var reclaimable: Reclaimer.Pool<EnvironmentID> {
        state.withLock {
            Reclaimer.Pool(
                footprint: $0.footprint, startDuration: $0.startDuration, idle: $0.pool.idleEnvironments,
                provisioned: $0.pool.provisionedIdleCount)
        }
    }

    // MARK: From the environments, on their loops

    func ready(_ environment: Environment) {
        let id = environment.id
        let (memory, started) = (environment.takeMemoryReading(), environment.takeStartDuration())
        settle(id)
        if let started {
            switch environment.origin {
            case .restored(let template):
                metrics.restoreDuration.record(started)
                state.withLock { $0.templateFailures = 0 }
                prepareNext(template)
            case .demand, .provisioned, .template: metrics.initDuration.record(started)
            }
        }
        decide { [ids] guarded, now in
            if let started { guarded.startDuration = started }
            if let memory { guarded.footprint.observe(peak: memory.peak, current: memory.current) }
            return guarded.pool.ready(id, now: now, nextID: ids.next)
        }
        if started != nil, case .provisioned = environment.origin {
            state.withLock { $0.provisionFailure = nil }
            surroundings.onProvisioned(self)
        }
    }

    func answered(_ environment: Environment) {
        let (id, now) = (environment.id, services.time.monotonic)
        state.withLock { $0.pool.answered(id, now: now) }
    }

    func startFailed(_ environment: Environment, _ failure: StartFailure) {
        if case .provisioned = environment.origin {
            let reason = failure.initError.map { "\($0.type): \($0.message)" } ?? failure.refusal.fault.message
            state.withLock { $0.provisionFailure = reason }
        }
        if case .restored(let template) = environment.origin, failure.initError == nil {
            surroundings.snapshots.drop(template, of: revision)
            return templateFailed(environment.id)
        }
        startFailed(environment.id, failure.refusal)
    }

    /// Another environment may follow.
    private func prepareNext(_ template: Template) {
        // Nobody waits for it. A template that could not be forked may still come to that request: it is not asked again.
        Task { [ids, surroundings, revision] in
            do throws(SandboxError) {
                try await template.prepare(as: ids.next().description)
            } catch {
                surroundings.services.logger.warning(
                    "template could not be forked ahead of demand", metadata: ["error": "\(error)"])
                surroundings.snapshots.drop(template, of: revision)
            }
        }
    }

    /// The template could not be forked. Another is made, and tried, before somebody else depends on it.
    private func templateFailed(_ id: EnvironmentID) {
        settle(id)
        decide { [ids] guarded, now in
            guarded.environments[id] = nil
            guarded.templateFailures += 1
            return guarded.pool.removed(id, now: now, nextID: ids.next)
        }
        reportIfEmpty()
    }

    func putBack(_ invocation: AdmittedInvocation, from environment: Environment) {
        let id = environment.id
        decide { [ids] guarded, now in guarded.pool.putBack(invocation, from: id, now: now, nextID: ids.next) }
    }

    func removed(_ environment: Environment) {
        let id = environment.id
        settle(id)
        decide { [ids] guarded, now in
            guarded.environments[id] = nil
            return guarded.pool.removed(id, now: now, nextID: ids.next)
        }
        if case .provisioned = environment.origin { surroundings.onProvisioned(self) }
        reportIfEmpty()
    }

    // Templates belong to the makers of snapshots.
    func templateReady(_ environment: Environment, _ template: Template) { environment.close() }

    func track(_ work: EventLoopFuture<Void>) { services.track(work) }

    private func reportIfEmpty() {
        if state.withLock({ $0.isRetired && $0.pool.isEmpty }) { surroundings.onEmpty(self) }
    }

    private func startFailed(_ id: EnvironmentID, _ refusal: InvocationRefusal) {
        settle(id)
        decide(refusal: refusal) { [ids] guarded, now in
            guarded.environments[id] = nil
            return guarded.pool.startFailed(id, now: now, nextID: ids.next)
        }
        reportIfEmpty()
    }

    /// Its memory shows in the host's own figures from now on.
    private func settle(_ id: EnvironmentID) {
        if let bytes = state.withLock({ $0.expected.isEmpty ? nil : $0.expected.removeValue(forKey: id) }) {
            surroundings.machine.settled(expecting: bytes)
        }
    }

    // MARK: Acting

    /// Actions with the environments they speak of, as they were under the lock.
    private struct Planned {
        var actions: [PoolState<AdmittedInvocation>.Action]
        var environments: [EnvironmentID: Member]

        init(_ actions: [PoolState<AdmittedInvocation>.Action], _ environments: [EnvironmentID: Member]) {
            self.actions = actions
            self.environments = actions.isEmpty ? [:] : environments
        }
    }

    private func decide(
        refusal: InvocationRefusal = .fault(EngineFaults.service),
        _ event: (inout Guarded, Duration) -> [PoolState<AdmittedInvocation>.Action]
    ) {
        let now = services.time.monotonic
        carryOut(state.withLock { Planned(event(&$0, now), $0.environments) }, refusal: refusal)
    }

    private func carryOut(_ planned: Planned, refusal: InvocationRefusal = .fault(EngineFaults.service)) {
        for action in planned.actions {
            switch action {
            case .run(let id, let invocation):
                planned.environments[id]?.onLoop { [metrics] environment in
                    metrics.starts(environment.takePath()).add()
                    environment.run(invocation)
                }
            case .start(let id, let isProvisioned): start(id, isProvisioned: isProvisioned)
            case .freeze(let id): planned.environments[id]?.onLoop { $0.freeze() }
            case .close(let id): planned.environments[id]?.onLoop { $0.close() }
            case .fail(let invocation): invocation.refuse(refusal)
            case .recheckLater: recheckLater()
            }
        }
    }

    private func recheckLater() {
        let grace = PoolState<AdmittedInvocation>.handOverGrace
        surroundings.eventLoops.next().scheduleTask(in: .nanoseconds(grace.wholeNanoseconds)) { [self] in
            decide { [ids] guarded, now in guarded.pool.recheck(now: now, nextID: ids.next) }
        }
    }

    private func start(_ id: EnvironmentID, isProvisioned: Bool) {
        if let throttle = admit(id) { return startFailed(id, .throttle(throttle)) }
        let eventLoop = surroundings.eventLoops.next()
        guard revision.startsFromSnapshot else {
            return begin(id, isProvisioned ? .provisioned : .demand, on: eventLoop)
        }
        let (isRetired, failures) = state.withLock { ($0.isRetired, $0.templateFailures) }
        if failures >= Self.templateAttempts { return begin(id, .demand, on: eventLoop) }
        // A template that was dropped with its version is not made again for those who still wait.
        if isRetired {
            let template = surroundings.snapshots.taken(revision)
            return begin(id, template.map { .restored($0) } ?? .demand, on: eventLoop)
        }
        if let template = surroundings.snapshots.template(for: revision) {
            return begin(id, .restored(template), on: eventLoop)
        }
        // The init runs once, for those who wait for it here too. Where it cannot be forked each environment runs it.
        eventLoop.makeFutureWithTask { [surroundings, revision] in
            _ = await surroundings.snapshots.take(revision)
            return surroundings.snapshots.taken(revision)
        }.whenSuccess { [self] template in begin(id, template.map { .restored($0) } ?? .demand, on: eventLoop) }
    }

    private func begin(_ id: EnvironmentID, _ origin: EnvironmentOrigin, on eventLoop: any EventLoop) {
        eventLoop.execute { [self] in
            let environment = Environment(
                id: id, revision: revision, origin: origin, services: services, owner: self, eventLoop: eventLoop)
            let member = Member(
                eventLoop: eventLoop, environment: NIOLoopBound(environment, eventLoop: eventLoop))
            let isClosed = state.withLock { guarded in
                guarded.environments[id] = member
                return guarded.isClosed
            }
            if isClosed { environment.close() } else { environment.start() }
        }
    }

    /// Whether the host has memory for one more, and the function may scale that fast.
    private func admit(_ id: EnvironmentID) -> Throttle? {
        let bytes = state.withLock { $0.footprint.expected }
        guard surroundings.machine.mayStart(expecting: bytes) else { return .machineMemory }
        guard concurrency.mayStart(now: services.time.monotonic) else {
            surroundings.machine.settled(expecting: bytes)
            return .scalingRate
        }
        state.withLock { $0.expected[id] = bytes }
        return nil
    }
}

/// Hands out the numbers of environments, unique within the server.
package final class EnvironmentIDs: Sendable {
    private let last = Atomic<UInt64>(0)

    package init() {}

    package func next() -> EnvironmentID {
        EnvironmentID(number: last.wrappingAdd(1, ordering: .relaxed).newValue)
    }
}
