/// Decides whether the host has memory for another environment. Pure: readings and times are passed in.
///
/// Environments count by what they use and not by their limits: a thousand that are idle use a few MB each, whatever they may
/// use. The rule: an environment may start while what the host says is available, less what environments that are there may
/// still come to use, stays above a reserve after it has got its expected size. They may still come to use
///
/// - from their start to the end of their first call, the whole of the size that is expected of their revision;
/// - while they run, what calls of their revision have been seen to add (``MemoryFootprint/growth``), each within its limit.
///
/// The reserve is for what goes beyond expectations. When it is used up by half, nothing starts, and idle environments go.
package struct MachineMemory: Sendable {
    package enum Decision: Equatable, Sendable {
        case yes
        /// It may start at once, and idle environments of so many bytes are to be closed for it.
        case reclaim(bytes: Int)
        /// Refuse the call with ``Throttle/machineMemory``, or let it wait.
        case no
    }

    package enum Pressure: Int, Comparable, Sendable {
        case none
        /// The reserve is being used.
        case some
        /// More than half of the reserve is gone.
        case critical

        package static func < (a: Pressure, b: Pressure) -> Bool { a.rawValue < b.rawValue }
    }

    /// A reading is used for so long. Many starts at once need one reading.
    package static let readingLifetime = Duration.milliseconds(100)

    /// Bytes that are kept free: a tenth of the machine, 512 MiB at the least.
    package static func reserve(of total: Int) -> Int { max(total / 10, 512 << 20) }

    package let reserve: Int
    private var available: Int
    private var readAt: Duration

    /// What environments that have started may come to use until their first call is over.
    private var starting = 0

    /// Of those that are through, what the reading may not show yet.
    private var settledSinceReading = 0

    /// What environments that run calls may add.
    private var growth = 0

    /// What is being closed, and the reading does not show yet.
    private var reclaimed = 0

    package init(_ reading: MemoryReading, now: Duration) {
        reserve = Self.reserve(of: reading.total)
        available = reading.available
        readAt = now
    }

    // MARK: What is known

    /// Whether ``update(_:growth:now:)`` is due before the next decision.
    package func isStale(now: Duration) -> Bool { now - readAt >= Self.readingLifetime }

    /// - Parameter growth: the sum of ``MemoryFootprint/growth`` over the environments that run a call now.
    package mutating func update(_ reading: MemoryReading, growth: Int, now: Duration) {
        available = reading.available
        self.growth = growth
        settledSinceReading = 0
        reclaimed = 0
        readAt = now
    }

    /// An environment of that expected size starts.
    package mutating func started(expecting bytes: Int) { starting += bytes }

    /// It has ended its first call, or waits for it after its init, or is gone.
    ///
    /// - Parameter bytes: what it was started with.
    package mutating func settled(expecting bytes: Int) {
        starting -= bytes
        settledSinceReading += bytes
    }

    // MARK: Decisions

    /// Whether an environment may start.
    ///
    /// - Parameters:
    ///   - bytes: its ``MemoryFootprint/expected`` size.
    ///   - reclaimable: bytes that idle environments use which may be closed.
    package mutating func mayStart(expecting bytes: Int, reclaimable: Int) -> Decision {
        let missing = shortage(starting: bytes)
        if missing == 0 { return .yes }
        guard missing <= reserve / 2, missing <= reclaimable else { return .no }
        reclaimed += missing
        return .reclaim(bytes: missing)
    }

    package var pressure: Pressure {
        free >= reserve ? .none : free >= reserve / 2 ? .some : .critical
    }

    /// Bytes that are wanted back from idle environments, until the pressure is none.
    package var shortage: Int { shortage(starting: 0) }

    /// Bytes that the reserve lacks when an environment of that expected size has started.
    package func shortage(starting bytes: Int) -> Int { max(0, reserve + bytes - free) }

    private var free: Int { available + reclaimed - starting - settledSinceReading - growth }
}
