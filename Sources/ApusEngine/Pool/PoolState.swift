import ApusModel

/// Names an environment within the server.
package struct EnvironmentID: Hashable, Sendable, CustomStringConvertible {
    package let number: UInt64

    package init(number: UInt64) { self.number = number }

    package var description: String { "env-\(number)" }
}

/// Decides, for one revision, which environment serves which invocation. Pure: each event returns what the shell must do.
///
/// An idle environment is used again, the latest one first. Else the invocation waits for whichever environment can take it
/// first: one that is about to be free, or one that is started for it.
package struct PoolState<Waiting: Sendable>: Sendable {
    package enum Action: Sendable {
        case run(EnvironmentID, Waiting)
        case start(EnvironmentID, provisioned: Bool)
        case freeze(EnvironmentID)
        case close(EnvironmentID)
        /// No environment could be started for it.
        case fail(Waiting)
        /// Call ``recheck(now:nextID:)`` when ``PoolState/handOverGrace`` is over.
        case recheckLater
    }

    package enum Refusal: Error, Equatable, Sendable {
        /// The revision was replaced; look the function up again.
        case retired
        /// As many invocations wait as may.
        case saturated
    }

    /// Environments of this pool that boot at the same time. More would only slow each other down, and some of the waiting
    /// invocations will be served by those that get free meanwhile.
    package static var startingLimit: Int { 16 }

    /// How long an environment that has answered is expected to ask for the next event. Runtimes do at once, unless an
    /// extension is still at work.
    package static var handOverGrace: Duration { .milliseconds(20) }

    package let waitingLimit: Int

    /// The longest idle first. The first `frozenCount` of them are frozen.
    private var idle: [(id: EnvironmentID, since: Duration)] = []
    private var frozenCount = 0
    private var starting: Set<EnvironmentID> = []
    private var busy: Set<EnvironmentID> = []
    /// Have answered, and not asked for the next event yet; since when.
    private var finishing: [EnvironmentID: Duration] = [:]
    private var waiting: [Waiting] = []
    private var firstWaiting = 0
    private var isRecheckDue = false
    private var isRetired = false
    private var isAbandoned = false

    /// Environments that are kept whether they are used or not.
    private var provisioned: Set<EnvironmentID> = []
    private var provisionedTarget = 0
    /// Were kept once, and are closed when they are done: they began as something else than those that are started on demand.
    private var dismissed: Set<EnvironmentID> = []

    package init(waitingLimit: Int) { self.waitingLimit = waitingLimit }

    package var isEmpty: Bool { environmentCount == 0 && waitingCount == 0 }
    package var environmentCount: Int { idle.count + starting.count + busy.count + finishing.count }
    package var startingCount: Int { starting.count }
    package var idleCount: Int { idle.count }

    /// Since when each of them has been idle, the longest first; provisioned ones last.
    package var idleEnvironments: [(id: EnvironmentID, since: Duration)] {
        idle.filter { !provisioned.contains($0.id) } + idle.filter { provisioned.contains($0.id) }
    }
    package var provisionedIdleCount: Int { provisioned.isEmpty ? 0 : idle.count { provisioned.contains($0.id) } }
    package var waitingCount: Int { waiting.count - firstWaiting }
    package var provisionedCount: Int { provisioned.count }
    package var provisionedReadyCount: Int { provisioned.subtracting(starting).count }

    // MARK: Invocations

    /// An invocation wants an environment. `nextID` names the one that may be started for it.
    package mutating func acquire(
        _ invocation: Waiting, now: Duration, nextID: () -> EnvironmentID
    ) -> Result<[Action], Refusal> {
        if let environment = takeIdle() { return .success([.run(environment, invocation)]) }
        if isRetired { return .failure(.retired) }
        guard waitingCount < waitingLimit else { return .failure(.saturated) }
        waiting.append(invocation)
        return .success(startMissing(now: now, nextID: nextID))
    }

    /// The environment had to give an invocation back that it never delivered, and is gone.
    package mutating func putBack(
        _ invocation: Waiting, from id: EnvironmentID, now: Duration, nextID: () -> EnvironmentID
    ) -> [Action] {
        forget(id)
        if isAbandoned { return [.fail(invocation)] }
        if let environment = takeIdle() { return [.run(environment, invocation)] }
        if firstWaiting > 0 {
            firstWaiting -= 1
            waiting[firstWaiting] = invocation
        } else {
            waiting.insert(invocation, at: 0)
        }
        return startMissing(now: now, nextID: nextID)
    }

    /// An environment has answered its invocation; it will be ready in a moment.
    package mutating func answered(_ id: EnvironmentID, now: Duration) {
        if busy.remove(id) != nil { finishing[id] = now }
    }

    /// An environment can take an invocation: its init is over, or it is done with the one before.
    package mutating func ready(
        _ id: EnvironmentID, now: Duration, nextID: () -> EnvironmentID
    ) -> [Action] {
        starting.remove(id)
        busy.remove(id)
        finishing[id] = nil
        if dismissed.remove(id) != nil { return [.close(id)] + startMissing(now: now, nextID: nextID) }
        if let next = takeWaiting() {
            busy.insert(id)
            return [.run(id, next)] + startMissing(now: now, nextID: nextID)
        }
        if isRetired { return [.close(id)] }
        idle.append((id, now))
        return []
    }

    package mutating func recheck(now: Duration, nextID: () -> EnvironmentID) -> [Action] {
        isRecheckDue = false
        return startMissing(now: now, nextID: nextID)
    }

    // MARK: Environments

    /// An environment could not be made. The invocation that has waited longest hears of it, unless others can still serve it.
    package mutating func startFailed(
        _ id: EnvironmentID, now: Duration, nextID: () -> EnvironmentID
    ) -> [Action] {
        forget(id)
        if waitingCount > starting.count, let invocation = takeWaiting() {
            return [.fail(invocation)] + startWaitedFor(now: now, nextID: nextID)
        }
        return []
    }

    /// An environment is gone for good.
    package mutating func removed(_ id: EnvironmentID, now: Duration, nextID: () -> EnvironmentID) -> [Action] {
        forget(id)
        return startMissing(now: now, nextID: nextID)
    }

    /// Keeps so many environments, from now on. What is more than that ends, as soon as it is idle.
    package mutating func provision(_ target: Int, now: Duration, nextID: () -> EnvironmentID) -> [Action] {
        guard !isRetired else { return [] }
        provisionedTarget = target
        // Idle ones go first.
        var surplus = provisioned.count - target
        let idle = surplus > 0 ? Set(idle.map(\.id).filter(provisioned.contains).prefix(surplus)) : []
        provisioned.subtract(idle)
        surplus -= idle.count
        for _ in 0..<max(0, surplus) { dismissed.insert(provisioned.removeFirst()) }
        return reclaim(idle) + startMissing(now: now, nextID: nextID)
    }

    /// The revision was replaced. Idle environments go at once, the others when they are done.
    package mutating func retire() -> [Action] {
        isRetired = true
        provisionedTarget = 0
        provisioned = []
        dismissed = []
        defer { (idle, frozenCount) = ([], 0) }
        return idle.map { .close($0.id) }
    }

    /// Nothing is started any more, so nothing may wait.
    package mutating func abandon() -> [Action] {
        isAbandoned = true
        var actions: [Action] = []
        while let invocation = takeWaiting() { actions.append(.fail(invocation)) }
        return actions
    }

    // MARK: Idle environments

    /// Freezes environments that have been idle since before a moment.
    package mutating func freeze(idleSince limit: Duration) -> [Action] {
        let lapsed = idle[frozenCount...].prefix { $0.since < limit }
        frozenCount += lapsed.count
        return lapsed.map { .freeze($0.id) }
    }

    /// Closes environments that have been idle since before a moment; provisioned ones stay.
    package mutating func reclaim(idleSince limit: Duration) -> [Action] {
        reclaim(Set(idle.prefix { $0.since < limit }.lazy.map(\.id)).subtracting(provisioned))
    }

    /// Closes environments that were chosen, if they are idle.
    package mutating func reclaim(_ chosen: Set<EnvironmentID>) -> [Action] {
        let ids = idle.map(\.id).filter(chosen.contains)
        guard !ids.isEmpty else { return [] }
        frozenCount -= idle[..<frozenCount].count { chosen.contains($0.id) }
        idle.removeAll { chosen.contains($0.id) }
        return ids.map { .close($0) }
    }

    // MARK: Within

    private mutating func takeIdle() -> EnvironmentID? {
        guard let environment = idle.popLast() else { return nil }
        frozenCount = min(frozenCount, idle.count)
        busy.insert(environment.id)
        return environment.id
    }

    private mutating func forget(_ id: EnvironmentID) {
        starting.remove(id)
        busy.remove(id)
        finishing[id] = nil
        provisioned.remove(id)
        dismissed.remove(id)
        if let index = idle.firstIndex(where: { $0.id == id }) {
            idle.remove(at: index)
            if index < frozenCount { frozenCount -= 1 }
        }
    }

    private mutating func startMissing(now: Duration, nextID: () -> EnvironmentID) -> [Action] {
        guard !isAbandoned else { return [] }
        var actions: [Action] = []
        while provisioned.count < provisionedTarget, starting.count < Self.startingLimit {
            let id = nextID()
            starting.insert(id)
            provisioned.insert(id)
            actions.append(.start(id, provisioned: true))
        }
        return actions + startWaitedFor(now: now, nextID: nextID)
    }

    private mutating func startWaitedFor(now: Duration, nextID: () -> EnvironmentID) -> [Action] {
        guard waitingCount > starting.count else { return [] }
        var actions: [Action] = []
        let soonFree = finishing.values.count { $0 > now - Self.handOverGrace }
        while starting.count + soonFree < waitingCount, starting.count < Self.startingLimit {
            let id = nextID()
            starting.insert(id)
            actions.append(.start(id, provisioned: false))
        }
        if soonFree > 0, !isRecheckDue {
            isRecheckDue = true
            actions.append(.recheckLater)
        }
        return actions
    }

    private mutating func takeWaiting() -> Waiting? {
        guard firstWaiting < waiting.count else { return nil }
        let next = waiting[firstWaiting]
        firstWaiting += 1
        // Nothing of an invocation is kept longer than it takes; a long queue is moved up now and then.
        if firstWaiting == waiting.count {
            waiting.removeAll(keepingCapacity: true)
            firstWaiting = 0
        } else if firstWaiting > 64, firstWaiting * 2 > waiting.count {
            waiting.removeFirst(firstWaiting)
            firstWaiting = 0
        }
        return next
    }
}
