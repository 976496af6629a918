package import ApusModel
import Logging
import NIOCore
import Synchronization

/// The environments of one revision: asks ``PoolState`` under a lock, acts outside it.
package final class EnvironmentPool: Sendable {
    package let revision: Revision
    private let services: EnvironmentServices
    private let eventLoops: any EventLoopGroup
    private let ids: EnvironmentIDs
    private let state: Mutex<Guarded>
    private let onEmpty: @Sendable (EnvironmentPool) -> Void

    private struct Guarded {
        var pool: PoolState<InvocationRequest>
        var environments: [EnvironmentID: Member] = [:]
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
        revision: Revision, services: EnvironmentServices, eventLoops: any EventLoopGroup, ids: EnvironmentIDs,
        waitingLimit: Int, onEmpty: @escaping @Sendable (EnvironmentPool) -> Void
    ) {
        self.revision = revision
        self.services = services
        self.eventLoops = eventLoops
        self.ids = ids
        self.onEmpty = onEmpty
        state = Mutex(Guarded(pool: PoolState(waitingLimit: waitingLimit)))
    }

    // MARK: From the engine

    func invoke(_ request: InvocationRequest) -> PoolState<InvocationRequest>.Refusal? {
        let result = state.withLock { guarded in
            guarded.pool.acquire(request, nextID: ids.next).map { Planned($0, guarded.environments) }
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
        decide {
            $0.isRetired = true
            return $0.pool.retire()
        }
    }

    func reclaim(idleSince limit: Duration) { decide { $0.pool.reclaim(idleSince: limit) } }

    package var environmentCount: Int { state.withLock { $0.pool.environmentCount } }

    /// Environments that wait for an invocation.
    package var idleCount: Int { state.withLock { $0.pool.idleCount } }

    /// Closes every environment, whatever it does, and refuses what waits for one.
    func closeAll() {
        decide {
            $0.isClosed = true
            return $0.pool.abandon()
        }
        for member in state.withLock({ Array($0.environments.values) }) {
            // Under way from now on, so that the server does not leave between an invocation's end and what closes its sandbox.
            track(member.eventLoop.submit { member.environment.value.close() })
        }
    }

    // MARK: From the environments, on their loops

    func ready(_ environment: Environment) {
        let now = services.time.monotonic
        decide { [ids] in $0.pool.ready(environment.id, now: now, nextID: ids.next) }
    }

    func startFailed(_ environment: Environment, _ fault: Fault) {
        decide(failure: fault) { [ids] in
            $0.environments[environment.id] = nil
            return $0.pool.startFailed(environment.id, nextID: ids.next)
        }
        reportIfEmpty()
    }

    func removed(_ environment: Environment) {
        decide { [ids] in
            $0.environments[environment.id] = nil
            return $0.pool.removed(environment.id, nextID: ids.next)
        }
        reportIfEmpty()
    }

    func invocationEnded() { services.onInvocationEnd() }

    /// Work that has to be over before the server may leave.
    func track(_ work: EventLoopFuture<Void>) { services.track(work) }

    private func reportIfEmpty() {
        if state.withLock({ $0.isRetired && $0.pool.isEmpty }) { onEmpty(self) }
    }

    // MARK: Acting

    /// Actions with the environments they speak of, as they were under the lock.
    private struct Planned {
        var actions: [PoolState<InvocationRequest>.Action]
        var environments: [EnvironmentID: Member]

        init(_ actions: [PoolState<InvocationRequest>.Action], _ environments: [EnvironmentID: Member]) {
            self.actions = actions
            self.environments = environments
        }
    }

    private func decide(
        failure: Fault = EngineFaults.service, _ event: (inout Guarded) -> [PoolState<InvocationRequest>.Action]
    ) {
        carryOut(state.withLock { Planned(event(&$0), $0.environments) }, failure: failure)
    }

    private func carryOut(_ planned: Planned, failure: Fault = EngineFaults.service) {
        for action in planned.actions {
            switch action {
            case .run(let id, let request):
                guard let member = planned.environments[id] else { continue }
                member.onLoop { $0.run(request) }
            case .start(let id):
                start(id)
            case .close(let id):
                guard let member = planned.environments[id] else { continue }
                member.onLoop { $0.close() }
            case .fail(let request):
                services.onInvocationEnd()
                request.completion(.fault(failure))
            }
        }
    }

    private func start(_ id: EnvironmentID) {
        let eventLoop = eventLoops.next()
        eventLoop.execute { [self] in
            let environment = Environment(
                id: id, revision: revision, services: services, pool: self, eventLoop: eventLoop)
            let member = Member(
                eventLoop: eventLoop, environment: NIOLoopBound(environment, eventLoop: eventLoop))
            let isClosed = state.withLock { guarded in
                guarded.environments[id] = member
                return guarded.isClosed
            }
            if isClosed { environment.close() } else { environment.start() }
        }
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
