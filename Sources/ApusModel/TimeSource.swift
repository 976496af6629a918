import Glibc

/// The one clock of the platform. Everything that reads the time is given one; nothing else reads the system's.
package protocol TimeSource: Sendable {
    /// Wall time, which may step.
    var wall: Timestamp { get }

    /// Time since an arbitrary start, which never goes back.
    var monotonic: Duration { get }
}

/// The operating system's clocks.
package struct SystemTime: TimeSource {
    package init() {}

    package var wall: Timestamp { Timestamp(nanoseconds: read(CLOCK_REALTIME)) }
    package var monotonic: Duration { .nanoseconds(read(CLOCK_MONOTONIC)) }

    private func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }
}
