package import ApusModel
import ApusServiceKit
import ApusStore
import Logging
import ServiceLifecycle
import Synchronization

/// Takes log lines as functions write them and stores them in batches, the lines of one stream together.
package final class LogBuffer: LogIngest, Service {
    /// Bytes that may wait to be stored before writers are told to slow down.
    static let limit = 16 << 20

    /// Bytes that may wait at all, for what comes in spite of that. What is more is lost.
    static let hardLimit = 4 * limit

    /// How long lines are gathered before they are stored.
    private static let gathering = Duration.milliseconds(20)

    /// How often the last lines are tried when the store is busy.
    private static let lastAttempts = 100

    private typealias Batch = [(block: LogBlock, destination: LogDestination)]

    private struct Pending {
        var blocks: Batch = []

        /// Of the blocks above, and of those that are being stored.
        var bytes = 0

        /// Bytes that there was no room for since the last flush.
        var lost = 0

        /// Blocks have been taken out and are not on disk yet.
        var isFlushing = false

        /// Nothing is stored any more.
        var isOver = false

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

    package func append(_ block: LogBlock, to destination: LogDestination) -> Bool {
        let count = block.bytes.count
        let (isFirst, isOver, fits) = pending.withLock { pending in
            guard !pending.isOver, pending.bytes + count <= Self.hardLimit else {
                pending.lost += count
                return (false, pending.isOver, false)
            }
            pending.blocks.append((block, destination))
            pending.bytes += count
            return (pending.blocks.count == 1, false, pending.bytes < Self.limit)
        }
        if isFirst { wake.yield() }
        if isOver { report("they came after the end", lost: count) }
        return fits
    }

    package func stored() async {
        await withCheckedContinuation { continuation in
            let isStored = pending.withLock { pending in
                if pending.isOver || pending.blocks.isEmpty && !pending.isFlushing { return true }
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
        await finish()
    }

    private func flush() async {
        // Who came to wait during the flush before this one is served by this one, which takes the lines that were left then.
        let (batch, waiting, lost) = pending.withLock { pending in
            defer {
                pending.blocks = []
                pending.waiting = []
                pending.lost = 0
                pending.isFlushing = true
            }
            return (pending.blocks, pending.waiting, pending.lost)
        }
        if lost > 0 { report("more came than could be stored", lost: lost) }
        let isDone = await store(batch)
        pending.withLock { pending in
            pending.isFlushing = false
            if isDone {
                pending.bytes -= batch.size
            } else {
                pending.blocks = batch + pending.blocks
                pending.waiting = waiting + pending.waiting
            }
        }
        if isDone {
            for continuation in waiting { continuation.resume() }
        } else {
            wake.yield()
        }
    }

    /// Stores what is left, or gives it up, and lets go of whoever waits.
    private func finish() async {
        for _ in 0..<Self.lastAttempts {
            await flush()
            if pending.withLock({ $0.blocks.isEmpty }) { break }
            // Not `Task.sleep`, which a task that was cancelled does not do.
            await Task.detached { try? await Task.sleep(for: Self.gathering) }.value
        }
        let (lost, waiting) = pending.withLock { pending in
            defer { pending = Pending(isOver: true) }
            return (pending.bytes, pending.waiting)
        }
        if lost > 0 { report("the store is busy", lost: lost) }
        for continuation in waiting { continuation.resume() }
    }

    /// - Returns: false when the store is busy, and nothing was stored.
    private func store(_ batch: Batch) async -> Bool {
        guard !batch.isEmpty else { return true }
        do throws(StoreError) {
            let now = time.wall
            for name in Set(batch.map { GroupName(scope: $0.destination.scope, group: $0.destination.group) }) {
                // Whoever deletes a group does not stop its functions: their next line makes it anew.
                if try await groups.records.get(name.group, name.scope) == nil {
                    _ = try await groups.create(name.group, name.scope, at: now)
                }
            }
            try await groups.store.append(
                batch.rows.map { block, destination in
                    let record = LogRow.record(block, stream: destination.stream, ingested: now)
                    return (groups.log(destination.group, destination.scope), record)
                })
            return true
        } catch {
            if error.code == .busy {
                logger.debug("log lines wait for the store", metadata: ["error": "\(error)"])
                return false
            }
            report("\(error)", lost: batch.size)
            return true
        }
    }

    private func report(_ reason: String, lost bytes: Int) {
        logger.error("log lines were lost", metadata: ["bytes": "\(bytes)", "error": "\(reason)"])
    }
}

private struct GroupName: Hashable {
    var scope: Scope
    var group: String
}

extension [(block: LogBlock, destination: LogDestination)] {
    fileprivate var size: Int { reduce(0) { $0 + $1.block.bytes.count } }

    /// The blocks of each stream joined, as far as one block holds them; those of one stream in their order.
    fileprivate var rows: Self {
        var rows: Self = []
        var last: [ObjectIdentifier: Int] = [:]
        for (block, destination) in self {
            let stream = ObjectIdentifier(destination)
            if let index = last[stream], rows[index].block.append(block) { continue }
            last[stream] = rows.count
            rows.append((block, destination))
        }
        return rows
    }
}
