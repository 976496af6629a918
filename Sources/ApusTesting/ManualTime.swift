package import ApusModel
import Synchronization

/// A clock that stands still until a test moves it.
package final class ManualTime: TimeSource {
    private struct State {
        var wall: Timestamp
        var monotonic: Duration
    }

    private let state: Mutex<State>

    /// Begins at 2026-11-24T08:00:00Z unless told otherwise.
    package init(wall: Timestamp = Timestamp(seconds: 1_795_507_200)) {
        state = Mutex(State(wall: wall, monotonic: .zero))
    }

    package var wall: Timestamp { state.withLock { $0.wall } }
    package var monotonic: Duration { state.withLock { $0.monotonic } }

    /// Lets time pass on both clocks.
    package func advance(by span: Duration) {
        precondition(span >= .zero, "time was moved by \(span)")
        state.withLock {
            $0.wall = $0.wall + span
            $0.monotonic += span
        }
    }

    /// Sets the wall clock, as an administrator does; no time passes.
    package func setWall(_ wall: Timestamp) { state.withLock { $0.wall = wall } }
}
