import ApusModel

/// Names an environment within the server.
package struct EnvironmentID: Hashable, Sendable, CustomStringConvertible {
    package let number: UInt64

    package init(number: UInt64) { self.number = number }

    package var description: String { "env-\(number)" }
}

/// Decides, for one revision, which environment serves which invocation. Pure: each event returns what the shell must do.
///
/// An idle environment is used again, the latest one first; else one is started and the invocation waits for whichever
/// environment is free first, that one or another.
package struct PoolState<Waiting: Sendable>: Sendable {
    package enum Action: Sendable {
        case run(EnvironmentID, Waiting)
        case start(EnvironmentID)
        case close(EnvironmentID)
        /// No environment could be started for it.
        case fail(Waiting)
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

    package let waitingLimit: Int

    private var idle: [(id: EnvironmentID, since: Duration)] = []
    private var starting: Set<EnvironmentID> = []
    private var busy: Set<EnvironmentID> = []
    private var waiting: [Waiting] = []
    private var firstWaiting = 0
    private var isRetired = false

    package init(waitingLimit: Int) { self.waitingLimit = waitingLimit }

    package var isEmpty: Bool { idle.isEmpty && starting.isEmpty && busy.isEmpty && waitingCount == 0 }
    package var environmentCount: Int { idle.count + starting.count + busy.count }
    package var idleCount: Int { idle.count }
    package var waitingCount: Int { waiting.count - firstWaiting }

    /// An invocation wants an environment. `nextID` names the one that may be started for it.
    package mutating func acquire(
        _ invocation: Waiting, nextID: () -> EnvironmentID
    ) -> Result<[Action], Refusal> {
        if let environment = idle.popLast() {
            busy.insert(environment.id)
            return .success([.run(environment.id, invocation)])
        }
        if isRetired { return .failure(.retired) }
        guard waitingCount < waitingLimit else { return .failure(.saturated) }
        waiting.append(invocation)
        return .success(startMissing(nextID: nextID))
    }

    /// An environment can take an invocation: its init is over, or it is done with the one before.
    package mutating func ready(
        _ id: EnvironmentID, now: Duration, nextID: () -> EnvironmentID
    ) -> [Action] {
        starting.remove(id)
        busy.remove(id)
        if let next = takeWaiting() {
            busy.insert(id)
            return [.run(id, next)] + startMissing(nextID: nextID)
        }
        if isRetired { return [.close(id)] }
        idle.append((id, now))
        return []
    }

    /// An environment could not be made. The invocation that has waited longest hears of it, unless others can still serve it.
    package mutating func startFailed(_ id: EnvironmentID, nextID: () -> EnvironmentID) -> [Action] {
        starting.remove(id)
        if waitingCount > starting.count, let invocation = takeWaiting() {
            return [.fail(invocation)] + startMissing(nextID: nextID)
        }
        return []
    }

    /// An environment is gone for good.
    package mutating func removed(_ id: EnvironmentID, nextID: () -> EnvironmentID) -> [Action] {
        starting.remove(id)
        busy.remove(id)
        idle.removeAll { $0.id == id }
        return startMissing(nextID: nextID)
    }

    /// The revision was replaced. Idle environments go at once, the others when they are done.
    package mutating func retire() -> [Action] {
        isRetired = true
        defer { idle = [] }
        return idle.map { .close($0.id) }
    }

    /// Nothing is started any more, so nothing may wait.
    package mutating func abandon() -> [Action] {
        var actions: [Action] = []
        while let invocation = takeWaiting() { actions.append(.fail(invocation)) }
        return actions
    }

    /// Closes environments that have been idle since before a moment.
    package mutating func reclaim(idleSince limit: Duration) -> [Action] {
        let lapsed = idle.prefix { $0.since < limit }
        idle.removeFirst(lapsed.count)
        return lapsed.map { .close($0.id) }
    }

    private mutating func startMissing(nextID: () -> EnvironmentID) -> [Action] {
        var actions: [Action] = []
        while starting.count < waitingCount, starting.count < Self.startingLimit {
            let id = nextID()
            starting.insert(id)
            actions.append(.start(id))
        }
        return actions
    }

    private mutating func takeWaiting() -> Waiting? {
        guard firstWaiting < waiting.count else { return nil }
        let next = waiting[firstWaiting]
        firstWaiting += 1
        if firstWaiting > 64, firstWaiting * 2 > waiting.count {
            waiting.removeFirst(firstWaiting)
            firstWaiting = 0
        }
        return next
    }
}
