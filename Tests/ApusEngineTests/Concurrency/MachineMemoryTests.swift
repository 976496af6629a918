import ApusEngine
import Testing

private let mib = 1 << 20

struct MachineMemoryTests {
    /// 10 GiB in all, so that 1 GiB is the reserve.
    private static func memory(available: Int) -> MachineMemory {
        MachineMemory(MemoryReading(total: 10_240 * mib, available: available * mib), now: .zero)
    }

    @Test(arguments: [(24, 2.4), (10, 1), (5, 0.5), (2, 0.5)])
    func aTenthIsKeptAndHalfAGibibyteAtTheLeast(total: Int, reserve: Double) {
        #expect(MachineMemory.reserve(of: total << 30) == Int(reserve * 1024) * mib || total == 24)
        #expect(abs(Double(MachineMemory.reserve(of: total << 30)) / Double(1 << 30) - reserve) < 0.001)
    }

    /// Available, expected and reclaimable MiB.
    @Test(arguments: [
        (2000, 100, 0, MachineMemory.Decision.yes),
        (1124, 100, 0, .yes),
        (1123, 100, 0, .no),
        (1123, 100, 1, .reclaim(bytes: 1 * mib)),
        (1000, 100, 123, .no),
        (1000, 100, 124, .reclaim(bytes: 124 * mib)),
        // Half of the reserve stays free, whatever could be closed.
        (612, 100, 5000, .reclaim(bytes: 512 * mib)),
        (611, 100, 5000, .no),
    ])
    func anEnvironmentStartsWhileTheReserveIsLeft(
        available: Int, expected: Int, reclaimable: Int, decision: MachineMemory.Decision
    ) {
        var memory = Self.memory(available: available)
        let made = memory.mayStart(expecting: expected * mib, reclaimable: reclaimable * mib)
        #expect(made == decision)
    }

    @Test func environmentsThatStartCountUntilTheReadingShowsThem() {
        var memory = Self.memory(available: 1424)
        var decisions: [MachineMemory.Decision] = []
        func ask() { decisions.append(memory.mayStart(expecting: 200 * mib, reclaimable: 0)) }
        ask()
        memory.started(expecting: 200 * mib)
        ask()
        memory.started(expecting: 200 * mib)
        ask()
        memory.settled(expecting: 200 * mib)
        memory.settled(expecting: 200 * mib)
        ask()
        // They use less than was expected.
        memory.update(MemoryReading(total: 10_240 * mib, available: 1400 * mib), growth: 0, now: .seconds(1))
        ask()
        #expect(decisions == [.yes, .yes, .no, .no, .yes])
    }

    @Test func runningEnvironmentsMayGrow() {
        var memory = Self.memory(available: 1424)
        memory.update(MemoryReading(total: 10_240 * mib, available: 1424 * mib), growth: 350 * mib, now: .zero)
        let decisions = [50, 51].map { memory.mayStart(expecting: $0 * mib, reclaimable: 0) }
        #expect(decisions == [.yes, .no])
    }

    @Test func whatIsBeingClosedIsNotAskedForTwice() {
        var memory = Self.memory(available: 1000)
        var decisions: [MachineMemory.Decision] = []
        for _ in 0..<2 {
            decisions.append(memory.mayStart(expecting: 100 * mib, reclaimable: 1000 * mib))
            memory.started(expecting: 100 * mib)
        }
        #expect(decisions == [.reclaim(bytes: 124 * mib), .reclaim(bytes: 100 * mib)])
    }

    @Test(arguments: [
        (1024, MachineMemory.Pressure.none, 0), (1023, .some, 1), (512, .some, 512), (511, .critical, 513),
    ])
    func pressureIsWhatTheReserveHasLost(available: Int, pressure: MachineMemory.Pressure, shortage: Int) {
        let memory = Self.memory(available: available)
        #expect(memory.pressure == pressure)
        #expect(memory.shortage == shortage * mib)
    }

    @Test func aReadingIsUsedForATenthOfASecond() {
        var memory = Self.memory(available: 5000)
        #expect(!memory.isStale(now: .milliseconds(99)))
        #expect(memory.isStale(now: .milliseconds(100)))
        memory.update(MemoryReading(total: 1, available: 1), growth: 0, now: .milliseconds(100))
        #expect(!memory.isStale(now: .milliseconds(199)))
    }

    /// What density rests on: 24 GiB hold a thousand idle environments of any memory size.
    @Test(arguments: [128, 1769])
    func aThousandIdleEnvironmentsFit(limit: Int) {
        let (total, each) = (24_576 * mib, 12 * mib)
        var memory = MachineMemory(MemoryReading(total: total, available: 23_000 * mib), now: .zero)
        var footprint = MemoryFootprint(limit: limit * mib)
        for started in 0..<1000 {
            let decision = memory.mayStart(expecting: footprint.expected, reclaimable: 0)
            #expect(decision == .yes)
            memory.started(expecting: footprint.expected)
            memory.settled(expecting: footprint.expected)
            footprint.observe(peak: 2 * each, current: each)
            let reading = MemoryReading(total: total, available: 23_000 * mib - (started + 1) * each)
            memory.update(reading, growth: 0, now: .milliseconds(started))
        }
        #expect(memory.pressure == .none)
    }
}

struct MemoryFootprintTests {
    @Test func anUnknownRevisionIsExpectedToBeSmall() {
        #expect(MemoryFootprint(limit: 1769 * mib).expected == 128 * mib)
        #expect(MemoryFootprint(limit: 64 * mib).expected == 64 * mib)
        #expect(MemoryFootprint(limit: 1769 * mib).growth == 0)
    }

    @Test func expectationsFollowWhatWasSeen() {
        var footprint = MemoryFootprint(limit: 512 * mib)
        footprint.observe(peak: 50 * mib, current: 20 * mib)
        #expect((footprint.expected, footprint.idle, footprint.growth) == (50 * mib, 20 * mib, 30 * mib))
        footprint.observe(peak: 300 * mib, current: 25 * mib)
        #expect((footprint.expected, footprint.idle, footprint.growth) == (300 * mib, 25 * mib, 275 * mib))
    }

    @Test func nothingIsExpectedBeyondTheLimit() {
        var footprint = MemoryFootprint(limit: 128 * mib)
        footprint.observe(peak: 140 * mib, current: 130 * mib)
        #expect((footprint.expected, footprint.idle, footprint.growth) == (128 * mib, 128 * mib, 0))
    }

    @Test func anOutlierIsForgottenSlowly() {
        var footprint = MemoryFootprint(limit: 512 * mib)
        footprint.observe(peak: 400 * mib, current: 0)
        footprint.observe(peak: 80 * mib, current: 0)
        #expect(footprint.expected == 380 * mib)
        for _ in 0..<100 { footprint.observe(peak: 80 * mib, current: 0) }
        #expect(footprint.expected / mib == 80)
    }
}

struct MemoryReadingTests {
    @Test func theKernelsLinesAreRead() {
        let text =
            "MemTotal:       24684084 kB\nMemFree:        20657780 kB\nMemAvailable:   23973228 kB\nBuffers:  31 kB\n"
        #expect(MemoryReading(meminfo: text) == MemoryReading(total: 24_684_084 << 10, available: 23_973_228 << 10))
    }

    @Test(arguments: ["", "MemTotal: 1 kB\n", "MemTotal: x kB\nMemFree: 1 kB\nMemAvailable: 1 kB", "\n\n: :"])
    func otherTextsAreNone(text: String) { #expect(MemoryReading(meminfo: text) == nil) }

    @Test func thisHostHasMemory() throws {
        let reading = try #require(MemoryReading.current())
        #expect(reading.available > 0 && reading.available <= reading.total)
    }
}
