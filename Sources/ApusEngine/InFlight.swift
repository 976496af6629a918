import ApusModel
import NIOCore
import Synchronization

/// Counts what is under way, for the end of the server.
final class InFlight: Sendable {
    private struct State {
        var count = 0
        var waiting: [EventLoopPromise<Void>] = []
    }

    private let state = Mutex(State())

    func begin() { state.withLock { $0.count += 1 } }

    func end() {
        let waiting: [EventLoopPromise<Void>] = state.withLock { state in
            state.count -= 1
            guard state.count == 0, !state.waiting.isEmpty else { return [] }
            defer { state.waiting = [] }
            return state.waiting
        }
        for promise in waiting { promise.succeed() }
    }

    /// Returns when nothing is under way, or when the time is over.
    func drained(within limit: Duration, on eventLoop: any EventLoop) async {
        let promise = eventLoop.makePromise(of: Void.self)
        let isDone = state.withLock { state in
            if state.count > 0 { state.waiting.append(promise) }
            return state.count == 0
        }
        if isDone { promise.succeed() }
        let timer = eventLoop.scheduleTask(in: .nanoseconds(limit.wholeNanoseconds)) { [self] in
            let late = state.withLock { state in
                defer { state.waiting = [] }
                return state.waiting
            }
            for promise in late { promise.succeed() }
        }
        _ = try? await promise.futureResult.get()
        timer.cancel()
    }
}
