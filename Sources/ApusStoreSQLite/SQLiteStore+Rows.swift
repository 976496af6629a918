import ApusModel
package import ApusStore
import GRDB

extension SQLiteStore {
    package func row(_ key: RowKey) async throws(StoreError) -> ApusStore.Row? {
        try StoreError.refuseNUL(key, while: "read \(key.path)")
        return try await read("read \(key.path)") { database in
            let row = try database.firstRow(
                "SELECT value, revision FROM item WHERE kind = ? AND partition = ? AND name = ?",
                [key.table, key.partition, key.key])
            return try row.map { ApusStore.Row(key: key, value: try $0.bytes(0), revision: $0[1]) }
        }
    }

    package func rows(
        table: String, partition: String, prefix: String, after: String?, limit: Int
    ) async throws(StoreError) -> [ApusStore.Row] {
        let context = "list \(table)/\(partition)/\(prefix)*"
        try StoreError.refuseNUL(table, partition, prefix, after ?? "", while: context)
        // Where the walk begins: of the two texts the one with the greater bytes.
        let start = after.flatMap { prefix.utf8.lexicographicallyPrecedes($0.utf8) ? $0 : nil } ?? prefix
        return try await read(context) { database in
            var rows: [ApusStore.Row] = []
            // The prefix ends the walk rather than bounding the query: no text is the least one beyond all that begin
            // so.
            try database.each(
                """
                SELECT name, value, revision FROM item
                WHERE kind = ? AND partition = ? AND name >= ? ORDER BY name
                """, [table, partition, start]
            ) { row in
                let name: String = row[0]
                if let after, name.utf8.elementsEqual(after.utf8) { return true }
                guard rows.count < limit, name.utf8.starts(with: prefix.utf8) else { return false }
                let key = RowKey(table: table, partition: partition, key: name)
                rows.append(ApusStore.Row(key: key, value: try row.bytes(1), revision: row[2]))
                return true
            }
            return rows
        }
    }

    package func partitions(table: String) async throws(StoreError) -> [String] {
        try StoreError.refuseNUL(table, while: "list partitions of \(table)")
        return try await read("list partitions of \(table)") { database in
            // Jumps from one partition to the next instead of passing all rows.
            try database.all(
                """
                WITH RECURSIVE found (name) AS (
                    SELECT min(partition) FROM item WHERE kind = ?1
                    UNION ALL
                    SELECT (SELECT min(partition) FROM item WHERE kind = ?1 AND partition > found.name)
                    FROM found WHERE found.name IS NOT NULL
                )
                SELECT name FROM found WHERE name IS NOT NULL
                """, [table]
            ) { $0[0] }
        }
    }

    @discardableResult
    package func commit(_ writes: [RowWrite]) async throws(StoreError) -> [Int64] {
        for write in writes { try write.refuseNUL() }
        let now = time.wall
        let cost = writes.reduce(0) { $0 + $1.cost }
        let context = "commit \(writes.first.map(\.path) ?? "nothing") and \(max(0, writes.count - 1)) more"
        return try await writer.write(context, cost: cost) { transaction in
            // All conditions first: they speak of the rows as the transaction finds them, not as it leaves them.
            for write in writes { try transaction.check(write) }
            return try writes.map { try transaction.apply($0, now: now) }
        }
    }
}

extension WriteTransaction {
    fileprivate func check(_ write: RowWrite) throws {
        switch write {
        case .put(let key, _, let condition): try check(key, condition, "put")
        case .delete(let key, let condition): try check(key, condition, "delete")
        case .check(let key, let condition): try check(key, condition, "check")
        case .fence(let lease): try check(lease)
        case .enqueue: break
        }
    }

    private func check(_ key: RowKey, _ condition: RowWrite.Condition, _ what: String) throws {
        if condition == .any { return }
        let revision = try database.firstNumber(
            "SELECT revision FROM item WHERE kind = ? AND partition = ? AND name = ?",
            [key.table, key.partition, key.key])
        let holds =
            switch condition {
            case .any: true
            case .absent: revision == nil
            case .present: revision != nil
            case .revision(let expected): revision == expected
            }
        guard holds else {
            let found = revision.map { "at revision \($0)" } ?? "absent"
            throw StoreError(.conflict, "\(what) \(key.path): wanted \(condition), it is \(found)")
        }
    }

    /// - Returns: the new revision of a put, else 0.
    fileprivate func apply(_ write: RowWrite, now: Timestamp) throws -> Int64 {
        switch write {
        case .put(let key, let value, _):
            let revision = try nextNumber()
            try database.run(
                """
                INSERT INTO item (kind, partition, name, revision, value) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET revision = excluded.revision, value = excluded.value
                """, [key.table, key.partition, key.key, revision, value.column])
            return revision
        case .delete(let key, _):
            try database.run(
                "DELETE FROM item WHERE kind = ? AND partition = ? AND name = ?", [key.table, key.partition, key.key])
        case .enqueue(let message, let name):
            try enqueue([message], to: name, now: now)
        case .check, .fence:
            break
        }
        return 0
    }
}

extension RowKey {
    fileprivate var path: String { "\(table)/\(partition)/\(key)" }
}

extension RowWrite {
    fileprivate var path: String {
        switch self {
        case .put(let key, _, _), .delete(let key, _), .check(let key, _): key.path
        case .enqueue(let message, let queue): "message \(message.id) to \(queue.path)"
        case .fence(let lease): "fence \(lease.name)"
        }
    }

    fileprivate var cost: Int {
        switch self {
        case .put(_, let value, _): value.count
        case .enqueue(let message, _): message.body.count
        case .delete, .check, .fence: 0
        }
    }

    fileprivate func refuseNUL() throws(StoreError) {
        switch self {
        case .put(let key, _, _), .delete(let key, _), .check(let key, _):
            try StoreError.refuseNUL(key, while: "commit \(key.path)")
        case .enqueue(let message, let queue):
            try StoreError.refuseNUL(message.id, queue.kind, queue.partition, while: "enqueue to \(queue.path)")
        case .fence: break
        }
    }
}

extension StoreError {
    fileprivate static func refuseNUL(_ key: RowKey, while context: @autoclosure () -> String) throws(StoreError) {
        try refuseNUL(key.table, key.partition, key.key, while: context())
    }
}
