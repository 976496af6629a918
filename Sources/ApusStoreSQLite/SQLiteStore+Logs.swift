package import ApusModel
package import ApusStore
import GRDB

extension SQLiteStore {
    @discardableResult
    package func append(_ records: [(log: LogName, record: NewRecord)]) async throws(StoreError) -> [Int64] {
        guard let first = records.first else { return [] }
        for (log, record) in records {
            try StoreError.refuseNUL(log.kind, log.partition, record.tag, while: "append to \(log.path)")
        }
        let cost = records.reduce(0) { $0 + $1.record.payload.count + 64 }
        let context = "append \(records.count) records to \(first.log.path)"
        return try await writer.write(context, cost: cost) { transaction in
            var appender = LogAppender(transaction.database)
            let sequences = try records.map { try appender.append($0.record, to: $0.log) }
            try appender.finish()
            return sequences
        }
    }

    package func read(_ log: LogName, _ query: LogQuery) async throws(StoreError) -> [LogRecord] {
        try StoreError.refuseNUL(query.tag ?? "", query.tagPrefix ?? "", while: "read \(log.path)")
        return try await read("read \(log.path)") { database in
            guard let (place, _) = try database.findLog(log) else { return [] }
            var tag: Int64?
            if let name = query.tag, !name.isEmpty {
                tag = try database.firstNumber(
                    "SELECT id FROM log_tag WHERE log = ? AND name = ?", [place.log, name])
                if tag == nil { return [] }
            }
            let selection = try LogSelection(query, in: place, tag: tag, database)
            var records: [LogRecord] = []
            var bytes = 0
            try database.each(selection.sql, selection.arguments) { row in
                bytes += row[4] as Int? ?? 0
                guard records.isEmpty || bytes <= query.byteLimit else { return false }
                records.append(
                    LogRecord(
                        sequence: LogPlace.sequence(row[0]), tag: row[1] ?? "", time: Timestamp(nanoseconds: row[2]),
                        payload: try row.bytes(3)))
                return true
            }
            return records
        }
    }

    package func tags(
        of log: LogName, prefix: String, after: String?, limit: Int
    ) async throws(StoreError) -> [LogTagSummary] {
        try StoreError.refuseNUL(prefix, after ?? "", while: "list tags of \(log.path)")
        return try await read("list tags of \(log.path)") { database in
            guard let (place, _) = try database.findLog(log) else { return [] }
            var tags: [LogTagSummary] = []
            try database.each(
                """
                SELECT name, first, last, bytes FROM log_tag WHERE log = ? AND name >= ? AND name > ? ORDER BY name
                """, [place.log, prefix, after ?? ""]
            ) { row in
                let name: String = row[0]
                guard tags.count < limit, name.utf8.starts(with: prefix.utf8) else { return false }
                tags.append(
                    LogTagSummary(
                        tag: name, first: Timestamp(nanoseconds: row[1]), last: Timestamp(nanoseconds: row[2]),
                        bytes: row[3]))
                return true
            }
            return tags
        }
    }

    @discardableResult
    package func trim(_ log: LogName, before: Timestamp) async throws(StoreError) -> Int {
        var total = 0
        while true {
            let removed = try await writer.write("trim \(log.path)") { transaction in
                guard let (place, _) = try transaction.database.findLog(log) else { return 0 }
                return try transaction.database.removeRecords(
                    """
                    SELECT id, tag, length(payload) FROM record INDEXED BY record_by_time
                    WHERE log = ? AND time < ? ORDER BY time
                    """, [place.log, before.nanoseconds])
            }
            guard removed > 0 else { return total }
            total += removed
        }
    }

    package func deleteLog(_ log: LogName, tag: String?) async throws(StoreError) {
        guard let tag else { return try await deleteWholeLog(log) }
        // Records appended from now on stay.
        let end = try await read("delete tag \(tag) of \(log.path)") { try $0.findLog(log)?.next }
        guard let end else { return }
        var isDone = false
        while !isDone {
            isDone = try await writer.write("delete tag \(tag) of \(log.path)") { transaction in
                guard let (place, _) = try transaction.database.findLog(log) else { return true }
                let removed = try transaction.database.removeRecords(
                    """
                    SELECT id, tag, length(payload) FROM record INDEXED BY record_by_tag
                    WHERE tag = (SELECT id FROM log_tag WHERE log = ? AND name = ?) AND id < ? ORDER BY id
                    """, [place.log, tag, place.id(end)])
                return removed == 0
            }
        }
    }

    private func deleteWholeLog(_ log: LogName) async throws(StoreError) {
        try await writer.write("delete \(log.path)") { transaction in
            guard let (place, next) = try transaction.database.findLog(log) else { return }
            let database = transaction.database
            // The whole log is gone at once, however long it is; its records follow in steps. Its name goes on at the
            // same sequence.
            try database.run("UPDATE log SET kind = NULL, partition = NULL WHERE id = ?", [place.log])
            try database.run(
                "INSERT INTO log (kind, partition, next) VALUES (?, ?, ?)", [log.kind, log.partition, next])
        }
        try await removeGarbage()
    }
}

extension Database {
    /// The place of a log and its next sequence; nil when nothing was ever appended.
    func findLog(_ log: LogName) throws -> (place: LogPlace, next: Int64)? {
        let row = try firstRow("SELECT id, next FROM log WHERE kind = ? AND partition = ?", [log.kind, log.partition])
        return try row.map { (try LogPlace(log: $0[0]), $0[1]) }
    }
}

extension LogName {
    var path: String { "log \(kind)/\(partition)" }
}
