/// The name of one row: a table, a partition within it, and a key within that. Keys of a partition are ordered by their
/// bytes.
package struct RowKey: Hashable, Sendable {
    /// What kind of thing it is, such as `function`.
    package let table: String

    /// What scans stay within, such as `000000000000/us-east-1`.
    package let partition: String

    package let key: String

    package init(table: String, partition: String, key: String) {
        self.table = table
        self.partition = partition
        self.key = key
    }
}

/// A stored value with the number of the write that made it.
package struct Row: Equatable, Sendable {
    package let key: RowKey
    package let value: [UInt8]

    /// Grows with every write of this row; never used twice for it, not even after a deletion.
    package let revision: Int64

    package init(key: RowKey, value: [UInt8], revision: Int64) {
        self.key = key
        self.value = value
        self.revision = revision
    }
}

/// One change of a transaction.
package enum RowWrite: Equatable, Sendable {
    /// What must be true of the row as the transaction finds it.
    package enum Condition: Equatable, Sendable {
        case any
        case absent
        case present
        case revision(Int64)
    }

    case put(RowKey, value: [UInt8], when: Condition)
    case delete(RowKey, when: Condition)
    /// Checks and changes nothing.
    case check(RowKey, Condition)
    /// Refuses the whole transaction with `.leaseLost` unless this lease is the latest of its name. Looks at holder and
    /// epoch, not at the clock: a lapsed lease that nobody took since still passes.
    case fence(Lease)
    /// Puts a message on a queue in the same transaction.
    case enqueue(NewMessage, to: QueueName)
}

/// Metadata: small values under ordered keys, changed in transactions.
package protocol RowStore: Sendable {
    func row(_ key: RowKey) async throws(StoreError) -> Row?

    /// Rows of one partition in the order of their keys.
    ///
    /// - Parameters:
    ///   - prefix: only keys that begin with it; empty takes all.
    ///   - after: only keys greater than it.
    ///   - limit: rows at the most, 1...10,000.
    func rows(
        table: String, partition: String, prefix: String, after: String?, limit: Int
    ) async throws(StoreError) -> [Row]

    /// The distinct partitions of a table, in order.
    func partitions(table: String) async throws(StoreError) -> [String]

    /// Does all of the writes or none. Conditions speak of the rows as they were before the first of the writes.
    ///
    /// - Returns: the new revision of each `put`, in the order of the writes; 0 for the others.
    /// - Throws: `.conflict` when a condition does not hold; `.leaseLost` when a fence does not.
    @discardableResult
    func commit(_ writes: [RowWrite]) async throws(StoreError) -> [Int64]
}

extension RowStore {
    package func rows(table: String, partition: String, limit: Int = 10_000) async throws(StoreError) -> [Row] {
        try await rows(table: table, partition: partition, prefix: "", after: nil, limit: limit)
    }

    /// Does all of the writes or none.
    ///
    /// - Returns: false when a condition does not hold; nothing was written then.
    package func commits(_ writes: [RowWrite]) async throws(StoreError) -> Bool {
        do throws(StoreError) {
            try await commit(writes)
            return true
        } catch {
            guard error.code == .conflict else { throw error }
            return false
        }
    }
}
