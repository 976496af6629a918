package import ApusModel
import ApusServiceKit
import ApusStore
import Logging
import ServiceLifecycle
import Synchronization

/// Takes log lines as functions write them and stores them in batches.
package final class LogBuffer: LogIngest, Service {
    /// Bytes that may wait to be stored before writers are told to slow down.
    static let limit = 16 << 20

    /// How long lines are gathered before they are stored.
    private static let gathering = Duration.milliseconds(20)

    private struct Line: Sendable {
        var scope: Scope
        var group: String
        var stream: String
        var time: Timestamp
        var bytes: [UInt8]
    }

    private struct Pending {
        var lines: [Line] = []
        var bytes = 0

        /// Lines have been taken out and are not on disk yet.
        var isFlushing = false

        /// Those who wait for the lines to be on disk.
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let groups: LogGroups
    private let time: any TimeSource
    private let logger: Logger
    private let pending = Mutex(Pending())
    private let signal: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    init(groups: LogGroups, time: any TimeSource, logger: Logger) {
        self.groups = groups
        self.time = time
        self.logger = logger
        (signal, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    package func append(_ bytes: [UInt8], time: Timestamp, scope: Scope, group: String, stream: String) -> Bool {
        let (isFirst, fits) = pending.withLock { pending in
            pending.lines.append(Line(scope: scope, group: group, stream: stream, time: time, bytes: bytes))
            pending.bytes += bytes.count
            return (pending.lines.count == 1, pending.bytes < Self.limit)
        }
        if isFirst { wake.yield() }
        return fits
    }

    package func stored() async {
        await withCheckedContinuation { continuation in
            let isStored = pending.withLock { pending in
                if pending.lines.isEmpty, !pending.isFlushing { return true }
                pending.waiting.append(continuation)
                return false
            }
            if isStored { continuation.resume() } else { wake.yield() }
        }
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            for await _ in signal {
                try? await Task.sleep(for: Self.gathering)
                await flush()
            }
        }
        await flush()
    }

    private func flush() async {
        // Who came to wait during the flush before this one is served by this one, which takes the lines that were left then.
        let (lines, waiting) = pending.withLock { pending in
            defer { pending = Pending(isFlushing: true) }
            return (pending.lines, pending.waiting)
        }
        await store(lines)
        pending.withLock { $0.isFlushing = false }
        for continuation in waiting { continuation.resume() }
    }

    private func store(_ lines: [Line]) async {
        guard !lines.isEmpty else { return }
        do {
            let now = time.wall
            // Whoever deletes a group does not stop its functions: their next line makes it anew.
            for (scope, group) in Set(lines.map { GroupKey(scope: $0.scope, name: $0.group) }).map({
                ($0.scope, $0.name)
            }) {
                if try await groups.records.get(group, scope) == nil {
                    _ = try await groups.create(group, scope, at: now)
                }
            }
            try await groups.store.append(
                lines.map { line in
                    let payload = LogEvent.payload(line.bytes, ingested: now)
                    return (
                        groups.log(line.group, line.scope),
                        NewRecord(tag: line.stream, time: line.time, payload: payload)
                    )
                })
        } catch {
            logger.error("log lines were lost", metadata: ["lines": "\(lines.count)", "error": "\(error)"])
        }
    }

    private struct GroupKey: Hashable {
        var scope: Scope
        var name: String
    }
}
