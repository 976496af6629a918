import ApusEngine
import Testing

struct TokenBucketTests {
    /// A bucket that fills in a second, and the moments, in milliseconds, at which it has a token and at which it has none.
    struct Case: Sendable {
        var capacity: Int
        var takes: [Int]
        var expected: [Bool]
    }

    @Test(arguments: [
        // A full bucket gives its capacity at once and no more.
        Case(capacity: 3, takes: [90_000, 90_000, 90_000, 90_000], expected: [true, true, true, false]),
        // It refills continuously.
        Case(capacity: 2, takes: [0, 0, 499, 500, 999, 1000], expected: [true, true, false, true, false, true]),
        // What is not used does not add up.
        Case(capacity: 2, takes: [0, 3_600_000, 3_600_000, 3_600_000], expected: [true, true, true, false]),
        // A refusal takes nothing.
        Case(capacity: 1, takes: [0, 300, 600, 900, 1000, 1001], expected: [true, false, false, false, true, false]),
    ])
    func tokens(_ each: Case) {
        var bucket = TokenBucket(capacity: each.capacity, per: .seconds(1))
        #expect(each.takes.map { bucket.take(now: .milliseconds($0)) } == each.expected)
    }

    @Test func aDebtIsWaitedFor() {
        // Ten tokens a second.
        var bucket = TokenBucket(capacity: 20, per: .seconds(2))
        #expect(bucket.charge(20, now: .zero) == .zero)
        #expect(bucket.charge(5, now: .zero) == .milliseconds(500))
        #expect(bucket.charge(0, now: .milliseconds(300)) == .milliseconds(200))
        #expect(bucket.charge(0, now: .milliseconds(500)) == .zero)
        #expect(bucket.charge(1, now: .milliseconds(500)) == .milliseconds(100))
        // However long nothing was taken, it is not more than full.
        #expect(bucket.charge(21, now: .seconds(3600)) == .milliseconds(100))
    }
}
