import ApusStore
import GRDB

/// What one step of a removal takes at the most, so that no other writer waits long for it.
private let stepRows = 500
private let stepBytes = 8 << 20

extension SQLiteStore {
    /// Removes what purged queues and deleted logs left, step by step. Others write in between.
    func removeGarbage() async throws(StoreError) {
        while try await writer.write("remove garbage", { try $0.removeSomeGarbage() }) {}
    }
}

extension WriteTransaction {
    /// One step.
    ///
    /// - Returns: whether there may be more.
    func removeSomeGarbage() throws -> Bool {
        if let queue = try database.firstNumber("SELECT id FROM queue WHERE kind IS NULL LIMIT 1") {
            let messages = try database.step(
                """
                SELECT m.id, NULL, length(b.body) FROM message m CROSS JOIN message_body b ON b.message = m.id
                WHERE m.queue = ?
                """, [queue])
            for message in messages { try removeMessage(message.id) }
            if messages.isEmpty { try database.run("DELETE FROM queue WHERE id = ?", [queue]) }
            return true
        }
        if let log = try database.firstNumber("SELECT id FROM log WHERE kind IS NULL LIMIT 1") {
            let range = try LogPlace(log: log).range
            let records = try database.step(
                "SELECT id, NULL, length(payload) FROM record NOT INDEXED WHERE id >= ? AND id <= ?",
                [range.lowerBound, range.upperBound])
            for record in records { try database.run("DELETE FROM record WHERE id = ?", [record.id]) }
            if records.isEmpty {
                try database.run("DELETE FROM log_tag WHERE log = ?", [log])
                try database.run("DELETE FROM log WHERE id = ?", [log])
            }
            return true
        }
        return false
    }
}

extension Database {
    /// Removes the first records of a selection of `id`, `tag` and size, and keeps the summaries of their tags right.
    ///
    /// - Returns: how many were removed; 0 when the selection is empty.
    func removeRecords(_ sql: String, _ arguments: StatementArguments) throws -> Int {
        let records = try step(sql, arguments)
        var tags: [Int64: (records: Int, bytes: Int)] = [:]
        for record in records {
            try run("DELETE FROM record WHERE id = ?", [record.id])
            guard let tag = record.tag else { continue }
            tags[tag, default: (0, 0)].records += 1
            tags[tag, default: (0, 0)].bytes += record.bytes
        }
        for (tag, removed) in tags {
            try run("DELETE FROM log_tag WHERE id = ? AND records <= ?", [tag, removed.records])
            try run(
                """
                UPDATE log_tag SET records = records - ?2, bytes = bytes - ?3,
                    first = (SELECT min(time) FROM record INDEXED BY record_by_tag_time WHERE tag = ?1)
                WHERE id = ?1
                """, [tag, removed.records, removed.bytes])
        }
        return records.count
    }

    /// The first rows of a selection of `id`, `tag` and size that one step may take.
    fileprivate func step(
        _ sql: String, _ arguments: StatementArguments
    ) throws -> [(id: Int64, tag: Int64?, bytes: Int)] {
        var found: [(id: Int64, tag: Int64?, bytes: Int)] = []
        var total = 0
        try each(sql, arguments) { row in
            let bytes = row[2] as Int? ?? 0
            guard found.count < stepRows, found.isEmpty || total + bytes <= stepBytes else { return false }
            total += bytes
            found.append((row[0], row[1], bytes))
            return true
        }
        return found
    }
}
