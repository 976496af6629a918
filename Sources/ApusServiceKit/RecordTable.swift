package import ApusModel
package import ApusStore
package import ApusWire

/// A value that is kept in one row.
package protocol Record: Sendable {
    /// - Returns: nil when the stored value is of another kind.
    init?(stored: ShapeValue)

    var stored: ShapeValue { get }
}

/// The rows of one table as records, within a scope.
package struct RecordTable<Value: Record>: Sendable {
    package let name: String
    private let store: any Store

    package init(_ name: String, in store: any Store) {
        self.name = name
        self.store = store
    }

    package func key(_ key: String, _ scope: Scope) -> RowKey {
        RowKey(table: name, partition: scope.description, key: key)
    }

    package func get(_ key: String, _ scope: Scope) async throws(StoreError) -> Stored<Value>? {
        guard let row = try await store.row(self.key(key, scope)) else { return nil }
        return try decode(row)
    }

    /// Records in the order of their keys.
    package func list(
        _ scope: Scope, prefix: String = "", after: String? = nil, limit: Int = 10_000
    ) async throws(StoreError) -> [Stored<Value>] {
        let rows = try await store.rows(
            table: name, partition: scope.description, prefix: prefix, after: after, limit: limit)
        var records: [Stored<Value>] = []
        for row in rows { records.append(try decode(row)) }
        return records
    }

    /// Every scope that holds a record.
    package func scopes() async throws(StoreError) -> [Scope] {
        try await store.partitions(table: name).compactMap { partition in
            let parts = partition.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let account = AccountID(String(parts[0])) else { return nil }
            return Scope(account: account, region: Region(String(parts[1])))
        }
    }

    package func put(_ value: Value, _ key: String, _ scope: Scope, when: RowWrite.Condition) -> RowWrite {
        .put(self.key(key, scope), value: RecordArchive.encode(value.stored), when: when)
    }

    package func delete(_ key: String, _ scope: Scope, when: RowWrite.Condition = .any) -> RowWrite {
        .delete(self.key(key, scope), when: when)
    }

    private func decode(_ row: Row) throws(StoreError) -> Stored<Value> {
        guard let stored = RecordArchive.decode(row.value), let value = Value(stored: stored) else {
            throw StoreError(.corrupt, "read \(row.key.table) \(row.key.key): the row is not of a known form")
        }
        return Stored(value: value, key: row.key.key, revision: row.revision)
    }
}

/// A record with what is needed to write it again only if it has not changed.
package struct Stored<Value: Sendable>: Sendable {
    package var value: Value
    package let key: String
    package let revision: Int64
}
