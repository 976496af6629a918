import Synchronization

/// A bound on how much is done at the same time.
final class Slots: Sendable {
    private let free: Mutex<Int>

    init(_ count: Int) { free = Mutex(count) }

    /// - Returns: how many were taken, nil when none is free.
    func take(upTo count: Int) -> Int? {
        free.withLock { free in
            let taken = min(free, count)
            free -= taken
            return taken > 0 ? taken : nil
        }
    }

    func giveBack(_ count: Int) { free.withLock { $0 += count } }
}
