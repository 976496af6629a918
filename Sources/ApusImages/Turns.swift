import Synchronization

/// Work of which only so many pieces may be done at a time for each key: whoever comes meanwhile waits for a turn.
package final class Turns<Key: Hashable & Sendable>: Sendable {
    private struct Line {
        var working = 1
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let width: Int

    /// By the keys that are being worked on.
    private let lines = Mutex<[Key: Line]>([:])

    /// - Parameter width: pieces of work at a time, at least 1.
    package init(width: Int = 1) { self.width = width }

    package func take<Value, Failure: Error>(
        _ key: Key, _ work: () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        await begin(key)
        defer { end(key) }
        return try await work()
    }

    private func begin(_ key: Key) async {
        await withCheckedContinuation { continuation in
            let isFree = lines.withLock { lines in
                guard var line = lines[key] else {
                    lines[key] = Line()
                    return true
                }
                let isFree = line.working < width
                if isFree { line.working += 1 } else { line.waiting.append(continuation) }
                lines[key] = line
                return isFree
            }
            if isFree { continuation.resume() }
        }
    }

    private func end(_ key: Key) {
        let next = lines.withLock { lines -> CheckedContinuation<Void, Never>? in
            guard var line = lines[key] else { return nil }
            let next = line.waiting.isEmpty ? nil : line.waiting.removeFirst()
            // Whoever is next takes over the place.
            if next == nil { line.working -= 1 }
            lines[key] = line.working == 0 ? nil : line
            return next
        }
        next?.resume()
    }
}
