import Glibc
import Synchronization

/// The system's random numbers, fetched 32 at a time: one system call for each would be dear on the way of every request.
package struct PooledRandom: RandomNumberGenerator, Sendable {
    private struct Pool {
        var words = [UInt64](repeating: 0, count: 32)
        var used = 32
    }

    private static let pool = Mutex(Pool())

    package init() {}

    package mutating func next() -> UInt64 {
        Self.pool.withLock { pool in
            if pool.used == pool.words.count {
                // 256 bytes is what one call gives at the most; it cannot fail with so few.
                let failure = pool.words.withUnsafeMutableBytes { getentropy($0.baseAddress!, $0.count) }
                precondition(failure == 0, "the system has no random numbers")
                pool.used = 0
            }
            defer {
                // A number that was given out is nowhere else.
                pool.words[pool.used] = 0
                pool.used += 1
            }
            return pool.words[pool.used]
        }
    }
}
