import ApusEngine
import Testing

private let mib = 1 << 20

struct ReclaimerTests {
    /// Idle since so many seconds before the hundredth, the longest first.
    private static func pool(
        _ name: String, idle: [Int], size: Int = 10, start: Duration = .milliseconds(10), provisioned: Int = 0
    ) -> Reclaimer.Pool<String> {
        var footprint = MemoryFootprint(limit: 1024 * mib)
        footprint.observe(peak: size * mib, current: size * mib)
        return Reclaimer.Pool(
            footprint: footprint, startDuration: start,
            idle: idle.enumerated().map { ("\(name)\($0.offset)", .seconds(100 - $0.element)) },
            provisioned: provisioned)
    }

    private static func choose(
        _ pools: [Reclaimer.Pool<String>], bytes: Int = .max, pressure: MachineMemory.Pressure = .some
    ) -> [String] {
        Reclaimer.choose(from: pools, bytes: bytes, pressure: pressure, now: .seconds(100))
    }

    @Test func theLongestIdleGoesFirst() {
        #expect(Self.choose([Self.pool("a", idle: [10]), Self.pool("b", idle: [20])]) == ["b0", "a0"])
    }

    @Test func whereManyAreIdleOneIsMissedLeast() {
        #expect(Self.choose([Self.pool("a", idle: [12]), Self.pool("b", idle: [10, 10])]).first == "b0")
    }

    @Test func theLastOfARevisionIsKeptLongest() {
        #expect(
            Self.choose([Self.pool("a", idle: [10, 10, 10]), Self.pool("b", idle: [15])]) == ["a0", "a1", "b0", "a2"])
    }

    @Test func theLargeOneGoesFirst() {
        #expect(Self.choose([Self.pool("a", idle: [10]), Self.pool("b", idle: [10], size: 50)]) == ["b0", "a0"])
    }

    @Test func whatIsQuicklyThereAgainGoesFirst() {
        let slow = Self.pool("slow", idle: [10], start: .seconds(2))
        #expect(Self.choose([slow, Self.pool("quick", idle: [10])]) == ["quick0", "slow0"])
    }

    @Test(arguments: [(0, 0), (1, 1), (10, 1), (11, 2), (1000, 4)])
    func noMoreGoThanAreNeeded(mebibytes: Int, count: Int) {
        #expect(Self.choose([Self.pool("a", idle: [4, 3, 2, 1])], bytes: mebibytes * mib).count == count)
    }

    @Test func provisionedOnesStayUnlessItIsCritical() {
        let pools = [Self.pool("p", idle: [50, 40], provisioned: 1), Self.pool("a", idle: [1])]
        #expect(Self.choose(pools) == ["p0", "a0"])
        #expect(Self.choose(pools, pressure: .critical) == ["p0", "a0", "p1"])
    }

    @Test func moreProvisionedThanIdleOnesIsFine() {
        #expect(Self.choose([Self.pool("p", idle: [50], provisioned: 3)]) == [])
        #expect(Self.choose([Self.pool("p", idle: [50], provisioned: 3)], pressure: .critical) == ["p0"])
    }

    @Test func withoutPressureNothingGoes() {
        #expect(Self.choose([Self.pool("a", idle: [10])], pressure: .none) == [])
    }
}
