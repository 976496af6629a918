import Foundation
import Synchronization

struct DeadlineMissed: Error, CustomStringConvertible {
    var description: String
}

/// Runs what may hang, such as a wait for an exit that never comes. A missed deadline abandons the work.
func within<Value: Sendable>(
    _ what: String, _ duration: Duration = .seconds(30), _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Value, any Error>) in
        let once = Mutex<CheckedContinuation<Value, any Error>?>(continuation)
        let shared = Shared(once)
        Task {
            let result: Result<Value, any Error>
            do { result = .success(try await body()) } catch { result = .failure(error) }
            shared.take()?.resume(with: result)
        }
        DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(Int(duration / .milliseconds(1)))) {
            shared.take()?.resume(throwing: DeadlineMissed(description: "\(what): not within \(duration)"))
        }
    }
}

/// Runs blocking work apart from the cooperative pool.
func offload<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(with: Result { try body() }) }
    }
}

private final class Shared<Value: Sendable>: Sendable {
    private let once: Mutex<CheckedContinuation<Value, any Error>?>

    init(_ once: consuming Mutex<CheckedContinuation<Value, any Error>?>) { self.once = once }

    func take() -> CheckedContinuation<Value, any Error>? {
        once.withLock { once in
            defer { once = nil }
            return once
        }
    }
}
