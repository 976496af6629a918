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
}
