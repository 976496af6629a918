/// A rate limit: so many at once, refilled continuously, never more than so many.
///
/// What is kept is the moment at which the bucket will be full again; each token moves it on by one interval.
package struct TokenBucket: Equatable, Sendable {
    private let interval: Duration
    private let timeToFill: Duration
    private var fullAt = Duration.zero

    /// - Parameters:
    ///   - capacity: tokens that a full bucket holds, at least 1.
    ///   - time: in which an empty bucket fills.
    package init(capacity: Int, per time: Duration) {
        interval = time / capacity
        timeToFill = time
    }

    /// - Returns: false when there is no token; nothing is taken then.
    package mutating func take(now: Duration) -> Bool {
        let after = max(fullAt, now) + interval
        guard after - now <= timeToFill else { return false }
        fullAt = after
        return true
    }

    /// Takes tokens whether there are any or not.
    ///
    /// - Returns: how long it takes until the debt is paid off.
    package mutating func charge(_ count: Int, now: Duration) -> Duration {
        fullAt = max(fullAt, now) + interval * count
        return max(.zero, fullAt - now - timeToFill)
    }
}
