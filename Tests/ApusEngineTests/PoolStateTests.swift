import ApusEngine
import ApusTesting
import Testing

struct PoolStateTests {
    @Test func anEnvironmentIsStartedForEachWaitingInvocation() {
        var pool = Pool()
        #expect(pool.acquire(1) == ["start 1"])
        #expect(pool.acquire(2) == ["start 2"])
        #expect(pool.state.environmentCount == 2)
        #expect(pool.state.waitingCount == 2)
    }

    @Test func theFirstReadyEnvironmentServesTheOneThatWaitedLongest() {
        var pool = Pool()
        _ = pool.acquire(1)
        _ = pool.acquire(2)
        #expect(pool.ready(2) == ["run 2 for 1"])
        #expect(pool.ready(1) == ["run 1 for 2"])
        #expect(pool.state.waitingCount == 0)
    }

    @Test func aFreedEnvironmentServesWhoWaitsForAColdOne() {
        var pool = Pool()
        _ = pool.acquire(1)
        _ = pool.ready(1)
        #expect(pool.acquire(2) == ["start 2"])
        #expect(pool.ready(1) == ["run 1 for 2"])
        // The cold one comes too late and is kept.
        #expect(pool.ready(2) == [])
        #expect(pool.acquire(3) == ["run 2 for 3"])
    }

    @Test func theEnvironmentThatWasUsedLastIsUsedFirst() {
        var pool = Pool(idle: [1, 2, 3])
        #expect(pool.acquire(10) == ["run 3 for 10"])
        #expect(pool.acquire(11) == ["run 2 for 11"])
        _ = pool.ready(3)
        #expect(pool.acquire(12) == ["run 3 for 12"])
        #expect(pool.acquire(13) == ["run 1 for 13"])
        #expect(pool.acquire(14) == ["start 4"])
    }

    @Test func noMoreThanSixteenBootAtATime() {
        var pool = Pool()
        let started = (1...40).flatMap { pool.acquire($0) }
        #expect(started == (1...16).map { "start \($0)" })
        #expect(pool.state.waitingCount == 40)
        // One that is up serves, and the next may boot.
        #expect(pool.ready(1) == ["run 1 for 1", "start 17"])
    }

    @Test func asManyWaitAsMay() {
        var pool = Pool(waitingLimit: 2)
        _ = pool.acquire(1)
        _ = pool.acquire(2)
        #expect(pool.acquire(3) == ["saturated"])
        _ = pool.ready(1)
        #expect(pool.acquire(4) == ["start 3"])
        #expect(pool.acquire(5) == ["saturated"])
    }

    @Test func whoWaitedLongestHearsOfAFailedStart() {
        var pool = Pool()
        _ = pool.acquire(1)
        _ = pool.acquire(2)
        #expect(pool.startFailed(2) == ["fail 1"])
        #expect(pool.startFailed(1) == ["fail 2"])
        #expect(pool.state.isEmpty)
    }

    @Test func nobodyHearsOfAFailedStartThatOthersMakeUpFor() {
        var pool = Pool()
        _ = pool.acquire(1)
        _ = pool.ready(1)
        _ = pool.acquire(2)
        _ = pool.ready(1)
        #expect(pool.startFailed(2) == [])
        #expect(pool.state.environmentCount == 1)
    }

    @Test func aFailedStartMakesRoomForThoseThatCouldNotBootYet() {
        var pool = Pool()
        for invocation in 1...18 { _ = pool.acquire(invocation) }
        #expect(pool.startFailed(16) == ["fail 1", "start 17"])
    }

    @Test func anEnvironmentThatIsGoneIsReplacedIfSomebodyWaits() {
        var pool = Pool()
        _ = pool.acquire(1)
        #expect(pool.removed(1) == ["start 2"])
        _ = pool.ready(2)
        _ = pool.ready(2)
        #expect(pool.removed(2) == [])
        #expect(pool.state.isEmpty)
    }

    @Test func anIdleEnvironmentThatIsGoneIsNotUsed() {
        var pool = Pool(idle: [1, 2])
        _ = pool.removed(2)
        #expect(pool.acquire(1) == ["run 1 for 1"])
    }

    // MARK: Retirement

    @Test func aRetiredPoolClosesWhatIsIdleAndTakesNothingMore() {
        var pool = Pool(idle: [1, 2])
        _ = pool.acquire(1)
        #expect(pool.retire() == ["close 1"])
        #expect(pool.acquire(2) == ["retired"])
        #expect(pool.ready(2) == ["close 2"])
    }

    @Test func whoAlreadyWaitsIsServedByARetiredPool() {
        var pool = Pool()
        _ = pool.acquire(1)
        _ = pool.acquire(2)
        #expect(pool.retire() == [])
        #expect(pool.ready(1) == ["run 1 for 1"])
        #expect(pool.removed(2) == ["start 3"])
        #expect(pool.ready(1) == ["run 1 for 2"])
        #expect(pool.ready(1) == ["close 1"])
        #expect(pool.ready(3) == ["close 3"])
    }

    @Test func anAbandonedPoolRefusesAllThatWait() {
        var pool = Pool()
        for invocation in 1...3 { _ = pool.acquire(invocation) }
        #expect(pool.abandon() == ["fail 1", "fail 2", "fail 3"])
        #expect(pool.removed(1) == [])
    }

    // MARK: Reclaiming

    @Test func environmentsThatWereIdleLongAreClosedTheOldestFirst() {
        var pool = Pool(idle: [])
        for id in 1...3 { _ = pool.acquire(id) }
        for id in 1...3 { _ = pool.ready(id) }
        for id in 1...3 { _ = pool.ready(id, at: .seconds(id)) }
        #expect(pool.reclaim(idleSince: .seconds(1)) == [])
        #expect(pool.reclaim(idleSince: .seconds(3)) == ["close 1", "close 2"])
        #expect(pool.acquire(9) == ["run 3 for 9"])
    }

    @Test func onlyIdleEnvironmentsThatWereChosenAreClosed() {
        var pool = Pool(idle: [1, 2, 3])
        #expect(pool.acquire(9) == ["run 3 for 9"])
        #expect(pool.reclaim([2, 3, 7]) == ["close 2"])
        #expect(pool.state.idleCount == 1)
    }

    // MARK: Hand-over

    @Test func whoComesJustAfterAnAnswerWaitsForThatEnvironment() {
        var pool = Pool(idle: [1])
        _ = pool.acquire(1)
        pool.answered(1, at: .seconds(1))
        #expect(pool.acquire(2, at: .seconds(1)) == ["recheck later"])
        #expect(pool.ready(1, at: .seconds(1)) == ["run 1 for 2"])
        #expect(pool.recheck(at: .seconds(2)) == [])
    }

    @Test func anEnvironmentThatDoesNotComeBackInTimeIsNotCountedOn() {
        var pool = Pool(idle: [1])
        _ = pool.acquire(1)
        pool.answered(1, at: .seconds(1))
        _ = pool.acquire(2, at: .seconds(1))
        #expect(pool.recheck(at: .milliseconds(1021)) == ["start 2"])
        #expect(pool.acquire(3, at: .milliseconds(1021)) == ["start 3"])
    }

    @Test func aFreedEnvironmentIsCountedOnOnce() {
        var pool = Pool(idle: [1])
        _ = pool.acquire(1)
        pool.answered(1, at: .seconds(1))
        _ = pool.acquire(2, at: .seconds(1))
        #expect(pool.acquire(3, at: .seconds(1)) == ["start 2"])
    }

    @Test func anInvocationThatIsPutBackGoesFirst() {
        var pool = Pool(idle: [1])
        _ = pool.acquire(1)
        _ = pool.acquire(2)
        #expect(pool.putBack(1, from: 1) == ["start 3"])
        #expect(pool.ready(2) == ["run 2 for 1"])
        #expect(pool.ready(3) == ["run 3 for 2"])
        #expect(pool.state.environmentCount == 2)
    }

    @Test func nothingIsPutBackIntoAnAbandonedPool() {
        var pool = Pool(idle: [1])
        _ = pool.acquire(1)
        _ = pool.abandon()
        #expect(pool.putBack(1, from: 1) == ["fail 1"])
        #expect(pool.state.isEmpty)
    }

    // MARK: Freezing

    @Test func environmentsThatHaveBeenIdleAreFrozenOnce() {
        var pool = Pool(idle: [1, 2, 3])
        #expect(pool.freeze(idleSince: .zero) == [])
        #expect(pool.freeze(idleSince: .seconds(1)) == ["freeze 1", "freeze 2", "freeze 3"])
        #expect(pool.freeze(idleSince: .seconds(1)) == [])
        // The one that is used again is frozen again.
        _ = pool.acquire(1)
        _ = pool.ready(3, at: .seconds(2))
        #expect(pool.freeze(idleSince: .seconds(3)) == ["freeze 3"])
        _ = pool.reclaim([1])
        _ = pool.acquire(2)
        _ = pool.ready(3, at: .seconds(4))
        #expect(pool.freeze(idleSince: .seconds(5)) == ["freeze 3"])
    }

    // MARK: Provisioning

    @Test func provisionedEnvironmentsAreStartedAheadAndReplaced() {
        var pool = Pool()
        #expect(pool.provision(2) == ["start 1 provisioned", "start 2 provisioned"])
        #expect(pool.state.provisionedReadyCount == 0)
        _ = pool.ready(1)
        _ = pool.ready(2)
        #expect(pool.state.provisionedReadyCount == 2)
        #expect(pool.reclaim(idleSince: .seconds(9)) == [])
        #expect(pool.acquire(1) == ["run 2 for 1"])
        #expect(pool.removed(2) == ["start 3 provisioned"])
        // A failed start is not tried again at once.
        #expect(pool.startFailed(3) == [])
        #expect(pool.provision(2) == ["start 4 provisioned"])
    }

    @Test func whatIsNoLongerProvisionedEnds() {
        var pool = Pool()
        _ = pool.provision(3)
        for id in 1...3 { _ = pool.ready(id) }
        #expect(pool.acquire(1) == ["run 3 for 1"])
        #expect(pool.provision(2) == ["close 1"])
        // One of the two may go now, the other when it is done.
        #expect(pool.provision(0) == ["close 2"])
        #expect(pool.acquire(2) == ["start 4"])
        #expect(pool.ready(3) == ["close 3"])
        #expect(pool.ready(4) == ["run 4 for 2"])
        #expect(pool.state.provisionedCount == 0)
    }

    @Test func nothingIsProvisionedInARetiredPool() {
        var pool = Pool()
        _ = pool.retire()
        #expect(pool.provision(2) == [])
        #expect(pool.state.isEmpty)
    }

    @Test func whoWaitsIsServedByAProvisionedStart() {
        var pool = Pool()
        _ = pool.provision(1)
        #expect(pool.acquire(1) == [])
        #expect(pool.ready(1) == ["run 1 for 1"])
    }

    // MARK: All together

    @Test(arguments: 1...20)
    func aRandomWalkNeverRunsTwoAtOnceAndLosesNobody(_ seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        var walk = Walk(waitingLimit: Int.random(in: 1...60, using: &generator))
        for _ in 0..<4000 {
            walk.step(&generator)
            guard walk.check() else { return }
        }
        walk.finish()
        #expect(walk.accepted == walk.ended)
        #expect(walk.ended.count > 100)
    }
}

/// A pool with actions as text, and environments numbered from 1.
private struct Pool {
    var state: PoolState<Int>
    private let ids = EnvironmentIDs()

    init(waitingLimit: Int = 1000) { state = PoolState(waitingLimit: waitingLimit) }

    init(idle: [Int]) {
        self.init()
        for id in idle { _ = acquire(-id) }
        for id in idle { _ = ready(id) }
        for id in idle { _ = ready(id) }
    }

    mutating func acquire(_ invocation: Int, at now: Duration = .zero) -> [String] {
        switch state.acquire(invocation, now: now, nextID: ids.next) {
        case .success(let actions): actions.map(describe)
        case .failure(let refusal): ["\(refusal)"]
        }
    }

    mutating func ready(_ id: Int, at now: Duration = .zero) -> [String] {
        state.ready(Self.id(id), now: now, nextID: ids.next).map(describe)
    }

    mutating func answered(_ id: Int, at now: Duration) { state.answered(Self.id(id), now: now) }

    mutating func recheck(at now: Duration) -> [String] { state.recheck(now: now, nextID: ids.next).map(describe) }

    mutating func putBack(_ invocation: Int, from id: Int) -> [String] {
        state.putBack(invocation, from: Self.id(id), now: .zero, nextID: ids.next).map(describe)
    }

    mutating func startFailed(_ id: Int) -> [String] {
        state.startFailed(Self.id(id), now: .zero, nextID: ids.next).map(describe)
    }

    mutating func removed(_ id: Int) -> [String] {
        state.removed(Self.id(id), now: .zero, nextID: ids.next).map(describe)
    }

    mutating func provision(_ target: Int) -> [String] {
        state.provision(target, now: .zero, nextID: ids.next).map(describe)
    }

    mutating func retire() -> [String] { state.retire().map(describe) }
    mutating func abandon() -> [String] { state.abandon().map(describe) }
    mutating func freeze(idleSince limit: Duration) -> [String] { state.freeze(idleSince: limit).map(describe) }
    mutating func reclaim(idleSince limit: Duration) -> [String] { state.reclaim(idleSince: limit).map(describe) }
    mutating func reclaim(_ ids: Set<Int>) -> [String] { state.reclaim(Set(ids.map(Self.id))).map(describe) }

    private static func id(_ number: Int) -> EnvironmentID { EnvironmentID(number: UInt64(number)) }

    private func describe(_ action: PoolState<Int>.Action) -> String {
        switch action {
        case .run(let id, let invocation): "run \(id.number) for \(invocation)"
        case .start(let id, let isProvisioned): "start \(id.number)" + (isProvisioned ? " provisioned" : "")
        case .freeze(let id): "freeze \(id.number)"
        case .close(let id): "close \(id.number)"
        case .fail(let invocation): "fail \(invocation)"
        case .recheckLater: "recheck later"
        }
    }
}

/// Plays environments and callers against a pool at random, and keeps its own account of both.
private struct Walk {
    private enum Life { case starting, idle, running(Int), finishing, closing }

    private var pool: PoolState<Int>
    private var environments: [EnvironmentID: Life] = [:]
    private var waiting: Set<Int> = []
    private let ids = EnvironmentIDs()
    private var lastInvocation = 0
    private var now = Duration.zero
    private var isRetired = false
    private var isRecheckDue = false
    private var target = 0
    private var flaw: String?
    private(set) var accepted: Set<Int> = []
    private(set) var ended: Set<Int> = []

    init(waitingLimit: Int) { pool = PoolState(waitingLimit: waitingLimit) }

    mutating func step(_ generator: inout SeededGenerator) {
        now += .milliseconds(Int.random(in: 0...10, using: &generator))
        switch Int.random(in: 0..<100, using: &generator) {
        case 0..<45: acquire()
        case 45..<85:
            guard let id = pick(&generator, where: { if case .idle = $0 { false } else { true } }) else { return }
            advance(id, fails: Int.random(in: 0..<5, using: &generator) == 0)
        case 85..<90:
            guard let id = pick(&generator, where: { _ in true }) else { return }
            remove(id)
        case 90..<93:
            act(pool.reclaim(idleSince: now - .milliseconds(Int.random(in: 0...250, using: &generator))))
        case 93..<95:
            act(pool.freeze(idleSince: now - .milliseconds(Int.random(in: 0...250, using: &generator))))
        case 95..<97:
            target = isRetired ? 0 : Int.random(in: 0...5, using: &generator)
            act(pool.provision(target, now: now, nextID: ids.next))
        case 97..<99:
            recheck()
        default:
            // Near the end of the walk only, or nothing else would be seen.
            if lastInvocation > 1500 {
                isRetired = true
                target = 0
                act(pool.retire())
            }
        }
    }

    private func pick(_ generator: inout SeededGenerator, where isFit: (Life) -> Bool) -> EnvironmentID? {
        environments.filter { isFit($0.value) }.keys.sorted { $0.number < $1.number }.randomElement(using: &generator)
    }

    private mutating func acquire() {
        lastInvocation += 1
        let id = lastInvocation
        waiting.insert(id)
        switch pool.acquire(id, now: now, nextID: ids.next) {
        case .success(let actions):
            accepted.insert(id)
            act(actions)
        case .failure(let refusal):
            waiting.remove(id)
            if refusal == .retired, !isRetired { flaw = "refused as retired" }
            if refusal == .saturated, waiting.count < pool.waitingLimit { flaw = "refused with room left" }
        }
    }

    /// What an environment does next.
    private mutating func advance(_ id: EnvironmentID, fails: Bool) {
        switch environments[id] {
        case .starting where fails:
            environments[id] = nil
            act(pool.startFailed(id, now: now, nextID: ids.next))
        case .running(let invocation) where fails:
            // It never got it.
            environments[id] = nil
            waiting.insert(invocation)
            act(pool.putBack(invocation, from: id, now: now, nextID: ids.next))
        case .running(let invocation):
            ended.insert(invocation)
            environments[id] = .finishing
            pool.answered(id, now: now)
        case .starting, .finishing:
            environments[id] = .idle
            act(pool.ready(id, now: now, nextID: ids.next))
        case .closing: remove(id)
        case .idle, nil: break
        }
    }

    private mutating func remove(_ id: EnvironmentID) {
        if case .running(let invocation) = environments[id] { ended.insert(invocation) }
        environments[id] = nil
        act(pool.removed(id, now: now, nextID: ids.next))
    }

    private mutating func recheck() {
        guard isRecheckDue else { return }
        isRecheckDue = false
        act(pool.recheck(now: now, nextID: ids.next))
    }

    private mutating func act(_ actions: [PoolState<Int>.Action]) {
        for action in actions {
            switch action {
            case .run(let id, let invocation):
                guard case .idle = environments[id] else {
                    flaw = "\(id) was given \(invocation) in \(environments[id].map { "\($0)" } ?? "no state")"
                    return
                }
                if waiting.remove(invocation) == nil { flaw = "\(invocation) was run twice" }
                environments[id] = .running(invocation)
            case .start(let id, _):
                environments[id] = .starting
            case .recheckLater:
                if isRecheckDue { flaw = "asked twice for a recheck" }
                isRecheckDue = true
            case .freeze(let id):
                guard case .idle = environments[id] else {
                    flaw = "\(id) was frozen at work"
                    return
                }
            case .close(let id):
                guard case .idle = environments[id] else {
                    flaw = "\(id) was closed at work"
                    return
                }
                environments[id] = .closing
            case .fail(let invocation):
                if waiting.remove(invocation) == nil { flaw = "\(invocation) was failed twice" }
                ended.insert(invocation)
            }
        }
    }

    /// - Returns: false when something is wrong, which is recorded.
    func check() -> Bool {
        var (starting, idle, running, finishing) = (0, 0, 0, 0)
        for life in environments.values {
            switch life {
            case .starting: starting += 1
            case .idle: idle += 1
            case .running: running += 1
            case .finishing: finishing += 1
            case .closing: break
            }
        }
        let found =
            flaw
            ?? (pool.waitingCount != waiting.count ? "waiting: \(pool.waitingCount), not \(waiting.count)" : nil)
            ?? (starting > PoolState<Int>.startingLimit ? "\(starting) boot" : nil)
            ?? (!waiting.isEmpty && idle > 0 ? "somebody waits beside an idle environment" : nil)
            ?? (!waiting.isEmpty && starting + running + finishing == 0 ? "somebody waits for nothing" : nil)
        if let found { Issue.record("after \(lastInvocation) invocations: \(found)") }
        return found == nil
    }

    /// Lets everything that was begun come to its end.
    mutating func finish() {
        for _ in 0..<10_000 {
            guard let id = environments.keys.sorted(by: { $0.number < $1.number }).first(where: { isAtWork($0) }) else {
                return
            }
            advance(id, fails: false)
            guard check() else { return }
        }
    }

    private func isAtWork(_ id: EnvironmentID) -> Bool {
        if case .idle = environments[id] { false } else { true }
    }
}
