import Dispatch
import Synchronization

/// A value that one part of a test changes and another waits for.
package final class Watched<Value: Sendable>: Sendable {
    private struct Waiter {
        var isMet: @Sendable (Value) -> Bool
        var continuation: CheckedContinuation<Value?, Never>
    }

    private struct State {
        var value: Value
        var waiters: [Int: Waiter] = [:]
        var lastWaiter = 0
    }

    private let state: Mutex<State>

    package init(_ value: Value) { state = Mutex(State(value: value)) }

    package var value: Value { state.withLock { $0.value } }

    /// Changes the value, and wakes those whose condition it meets then.
    package func change<Result: Sendable>(_ body: @Sendable (inout Value) -> Result) -> Result {
        let (result, value, met) = state.withLock { state in
            let result = body(&state.value)
            let met = state.waiters.filter { $0.value.isMet(state.value) }
            for id in met.keys { state.waiters[id] = nil }
            return (result, state.value, met.values.map(\.continuation))
        }
        for continuation in met { continuation.resume(returning: value) }
        return result
    }

    /// Returns once the value meets a condition.
    ///
    /// - Throws: ``DeadlineMissed`` when it has not by then.
    @discardableResult
    package func wait(
        for what: String, within seconds: Double = 10, until isMet: @escaping @Sendable (Value) -> Bool
    ) async throws -> Value {
        let value: Value? = await withCheckedContinuation { continuation in
            let (now, id): (Value?, Int) = state.withLock { state in
                if isMet(state.value) { return (state.value, 0) }
                state.lastWaiter += 1
                state.waiters[state.lastWaiter] = Waiter(isMet: isMet, continuation: continuation)
                return (nil, state.lastWaiter)
            }
            if let now { return continuation.resume(returning: now) }
            DispatchQueue.global().asyncAfter(deadline: .now() + seconds) { [self] in
                state.withLock { $0.waiters.removeValue(forKey: id) }?.continuation.resume(returning: nil)
            }
        }
        guard let value else { throw DeadlineMissed(what: what, found: "\(self.value)") }
        return value
    }
}

/// What a test waited for did not come.
package struct DeadlineMissed: Error, CustomStringConvertible {
    let what: String
    let found: String

    package init(what: String, found: String) {
        self.what = what
        self.found = found
    }

    package var description: String { "waited in vain for \(what); found \(found.prefix(2000))" }
}
