/// What environments of one revision have been seen to use, in bytes.
package struct MemoryFootprint: Equatable, Sendable {
    /// What is expected of a revision that nobody has seen yet: an interpreter with a few libraries.
    private static let unknown = 128 << 20

    private let limit: Int
    private var peak: Int?
    private var resting: Int?

    /// - Parameter limit: what the control group allows an environment.
    package init(limit: Int) { self.limit = limit }

    /// The size of an environment that has run a call: what the largest ones used lately.
    package var expected: Int { min(limit, peak ?? Self.unknown) }

    /// The size of an idle environment.
    package var idle: Int { min(limit, resting ?? expected) }

    /// What a call may add to an idle environment; nothing is known before one has ended.
    package var growth: Int { max(0, expected - idle) }

    /// To be called when an environment has ended a call.
    ///
    /// - Parameters:
    ///   - peak: the most that it has used so far.
    ///   - current: what it uses now.
    package mutating func observe(peak: Int, current: Int) {
        self.peak = Self.fading(self.peak, peak)
        resting = Self.fading(resting, current)
    }

    /// Follows a larger value at once and forgets it slowly.
    private static func fading(_ known: Int?, _ value: Int) -> Int {
        guard let known, known > value else { return value }
        return known - (known - value) / 16
    }
}
