package import ApusModel
package import ApusStore
import GRDB

/// Bodies that one claim reads at the most, so that neither the writer nor memory is held up by it.
private let claimBytes = 8 << 20

extension SQLiteStore {
    package func enqueue(_ messages: [NewMessage], to queue: QueueName) async throws(StoreError) {
        for message in messages {
            try StoreError.refuseNUL(message.id, queue.kind, queue.partition, while: "enqueue to \(queue.path)")
        }
        guard !messages.isEmpty else { return }
        let now = time.wall
        let cost = messages.reduce(0) { $0 + $1.body.count }
        try await writer.write("enqueue to \(queue.path)", cost: cost) { transaction in
            try transaction.enqueue(messages, to: queue, now: now)
        }
    }

    package func claim(
        from queue: QueueName, limit: Int, now: Timestamp, lease: Duration
    ) async throws(StoreError) -> [ClaimedMessage] {
        try await writer.write("claim from \(queue.path)") { transaction in
            try transaction.claim(from: queue, limit: limit, now: now, until: now + lease)
        }
    }

    @discardableResult
    package func acknowledge(_ messages: [ClaimedMessage]) async throws(StoreError) -> Int {
        guard let first = messages.first else { return 0 }
        let claims = messages.map(Claim.init)
        return try await writer.write("acknowledge \(claims.count) of \(first.queue.path)") { transaction in
            var removed = 0
            for claim in claims {
                guard let (queue, message) = try transaction.find(claim) else { continue }
                try transaction.removeMessage(message)
                transaction.changed(queue: queue, depth: -1)
                removed += 1
            }
            return removed
        }
    }

    package func release(
        _ message: ClaimedMessage, due: Timestamp, attributes: [String: String]?
    ) async throws(StoreError) {
        let claim = Claim(message)
        let encoded = attributes.map(MessageAttributes.encode)
        try await writer.write("release \(claim.path)") { transaction in
            let (queue, id) = try transaction.require(claim, "release")
            try transaction.database.run(
                "UPDATE message SET due = ?, receipt = 0 WHERE id = ?", [due.nanoseconds, id])
            if let encoded {
                try transaction.database.run("UPDATE message SET attributes = ? WHERE id = ?", [encoded.column, id])
            }
            transaction.changed(queue: queue)
        }
    }

    package func extend(_ message: ClaimedMessage, until: Timestamp) async throws(StoreError) {
        let claim = Claim(message)
        try await writer.write("extend \(claim.path)") { transaction in
            let (queue, id) = try transaction.require(claim, "extend")
            try transaction.database.run("UPDATE message SET due = ? WHERE id = ?", [until.nanoseconds, id])
            transaction.changed(queue: queue)
        }
    }

    @discardableResult
    package func abandonClaims(kind: String, now: Timestamp) async throws(StoreError) -> Int {
        try await writer.write("abandon claims of kind \(kind)") { transaction in
            var queues: [Int64] = []
            try transaction.database.each("SELECT id FROM queue WHERE kind = ?", [kind]) { row in
                queues.append(row[0])
                return true
            }
            var abandoned = 0
            for queue in queues {
                try transaction.database.run(
                    "UPDATE message SET due = ?, receipt = 0 WHERE queue = ? AND due > ? AND receipt <> 0",
                    [now.nanoseconds, queue, now.nanoseconds])
                abandoned += transaction.database.changesCount
                transaction.changed(queue: queue)
            }
            return abandoned
        }
    }

    package func duePartitions(
        kind: String, now: Timestamp
    ) async throws(StoreError) -> (due: [String], next: Timestamp?) {
        try await read("find due queues of kind \(kind)") { database in
            var due: [String] = []
            var next = try database.firstNumber(
                "SELECT min(head) FROM queue WHERE kind = ? AND head > ?", [kind, now.nanoseconds])
            var ids: [Int64] = []
            try database.each(
                "SELECT id, partition FROM queue WHERE kind = ? AND head <= ? ORDER BY head", [kind, now.nanoseconds]
            ) { row in
                ids.append(row[0])
                due.append(row[1])
                return true
            }
            for id in ids {
                let later = try database.firstNumber(
                    "SELECT min(due) FROM message WHERE queue = ? AND due > ?", [id, now.nanoseconds])
                next = [next, later].compactMap { $0 }.min()
            }
            return (due, next.map(Timestamp.init(nanoseconds:)))
        }
    }

    package func depth(of queue: QueueName) async throws(StoreError) -> Int {
        try await read("count \(queue.path)") { database in
            let depth = try database.firstNumber(
                "SELECT depth FROM queue WHERE kind = ? AND partition = ?", [queue.kind, queue.partition])
            return Int(depth ?? 0)
        }
    }

    package func purge(_ queue: QueueName) async throws(StoreError) {
        try await writer.write("purge \(queue.path)") { transaction in
            // The whole queue is gone at once, however long it is; its messages follow in steps.
            try transaction.database.run(
                "UPDATE queue SET kind = NULL, partition = NULL, head = NULL WHERE kind = ? AND partition = ?",
                [queue.kind, queue.partition])
        }
        try await removeGarbage()
    }
}

/// What a claim is found by again; the body need not be kept for it.
private struct Claim: Sendable {
    let queue: QueueName
    let id: String
    let receipt: Int64

    init(_ message: ClaimedMessage) {
        queue = message.queue
        id = message.id
        receipt = message.receipt
    }

    var path: String { "message \(id) of \(queue.path)" }
}

extension WriteTransaction {
    func enqueue(_ messages: [NewMessage], to name: QueueName, now: Timestamp) throws {
        let queue = try queueID(name) ?? createQueue(name)
        var added = 0
        for message in messages {
            try database.run(
                """
                INSERT INTO message (queue, name, due, attempts, receipt, enqueued, attributes)
                VALUES (?, ?, ?, 0, 0, ?, ?) ON CONFLICT DO NOTHING
                """,
                [
                    queue, message.id, message.due.nanoseconds, now.nanoseconds,
                    MessageAttributes.encode(message.attributes).column,
                ])
            guard database.changesCount > 0 else { continue }
            try database.run(
                "INSERT INTO message_body (message, body) VALUES (?, ?)",
                [database.lastInsertedRowID, message.body.column])
            added += 1
        }
        changed(queue: queue, depth: added)
    }

    fileprivate func claim(
        from name: QueueName, limit: Int, now: Timestamp, until: Timestamp
    ) throws -> [ClaimedMessage] {
        guard let queue = try queueID(name) else { return [] }
        var bytes = 0
        var claimed: [(row: Int64, message: ClaimedMessage)] = []
        try database.each(
            """
            SELECT m.id, m.name, m.enqueued, m.attempts, m.attributes, b.body, length(b.body)
            FROM message m INDEXED BY message_by_due CROSS JOIN message_body b ON b.message = m.id
            WHERE m.queue = ? AND m.due <= ? ORDER BY m.due, m.id LIMIT ?
            """, [queue, now.nanoseconds, limit]
        ) { row in
            bytes += row[6] as Int? ?? 0
            guard claimed.isEmpty || bytes <= claimBytes else { return false }
            let message = ClaimedMessage(
                queue: name, id: row[1], body: try row.bytes(5),
                attributes: MessageAttributes.decode(try row.bytes(4)), enqueued: Timestamp(nanoseconds: row[2]),
                attempt: row[3] + 1, receipt: try nextNumber())
            claimed.append((row[0], message))
            return true
        }
        for (row, message) in claimed {
            try database.run(
                "UPDATE message SET due = ?, attempts = ?, receipt = ? WHERE id = ?",
                [until.nanoseconds, message.attempt, message.receipt, row])
        }
        if !claimed.isEmpty { changed(queue: queue) }
        return claimed.map(\.message)
    }

    /// The rows of a claim's queue and message; nil when the claim is no longer the message's latest.
    fileprivate func find(_ claim: Claim) throws -> (queue: Int64, message: Int64)? {
        let row = try database.firstRow(
            """
            SELECT m.queue, m.id FROM queue q CROSS JOIN message m ON m.queue = q.id AND m.name = ?3
            WHERE q.kind = ?1 AND q.partition = ?2 AND m.receipt = ?4
            """, [claim.queue.kind, claim.queue.partition, claim.id, claim.receipt])
        return row.map { ($0[0], $0[1]) }
    }

    fileprivate func require(_ claim: Claim, _ what: String) throws -> (queue: Int64, message: Int64) {
        guard let found = try find(claim) else {
            throw StoreError(.leaseLost, "\(what) \(claim.path): the claim has passed to another")
        }
        return found
    }

    func removeMessage(_ id: Int64) throws {
        try database.run("DELETE FROM message WHERE id = ?", [id])
        try database.run("DELETE FROM message_body WHERE message = ?", [id])
    }

    private func queueID(_ name: QueueName) throws -> Int64? {
        try database.firstNumber(
            "SELECT id FROM queue WHERE kind = ? AND partition = ?", [name.kind, name.partition])
    }

    private func createQueue(_ name: QueueName) throws -> Int64 {
        try database.run("INSERT INTO queue (kind, partition) VALUES (?, ?)", [name.kind, name.partition])
        return database.lastInsertedRowID
    }
}

extension QueueName {
    var path: String { "queue \(kind)/\(partition)" }
}
