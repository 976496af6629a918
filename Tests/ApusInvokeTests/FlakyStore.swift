import ApusModel
import ApusStore
import ApusTesting

/// A store whose next claims fail.
struct FlakyStore: Store {
    let store: any Store

    /// How many of the next claims fail.
    let failures: Watched<Int>

    /// Whether events can be stored.
    let takesEvents: Bool

    func claim(
        from queue: QueueName, limit: Int, now: Timestamp, lease: Duration
    ) async throws(StoreError) -> [ClaimedMessage] {
        let fails = failures.change { count in
            defer { count = max(0, count - 1) }
            return count > 0
        }
        if fails { throw StoreError(.busy, "claim") }
        return try await store.claim(from: queue, limit: limit, now: now, lease: lease)
    }

    func enqueue(_ messages: [NewMessage], to queue: QueueName) async throws(StoreError) {
        if !takesEvents { throw StoreError(.busy, "enqueue") }
        try await store.enqueue(messages, to: queue)
    }

    // The rest goes on as it is.

    var blobs: any BlobStore { store.blobs }
    func removeAll() async throws(StoreError) { try await store.removeAll() }
    func row(_ key: RowKey) async throws(StoreError) -> Row? { try await store.row(key) }
    func rows(
        table: String, partition: String, prefix: String, after: String?, limit: Int
    ) async throws(StoreError) -> [Row] {
        try await store.rows(table: table, partition: partition, prefix: prefix, after: after, limit: limit)
    }
    func partitions(table: String) async throws(StoreError) -> [String] { try await store.partitions(table: table) }
    func commit(_ writes: [RowWrite]) async throws(StoreError) -> [Int64] { try await store.commit(writes) }
    func acknowledge(_ messages: [ClaimedMessage]) async throws(StoreError) -> Int {
        try await store.acknowledge(messages)
    }
    func release(_ message: ClaimedMessage, due: Timestamp, attributes: [String: String]?) async throws(StoreError) {
        try await store.release(message, due: due, attributes: attributes)
    }
    func extend(_ message: ClaimedMessage, until: Timestamp) async throws(StoreError) {
        try await store.extend(message, until: until)
    }
    func duePartitions(kind: String, now: Timestamp) async throws(StoreError) -> (due: [String], next: Timestamp?) {
        try await store.duePartitions(kind: kind, now: now)
    }
    func depth(of queue: QueueName) async throws(StoreError) -> Int { try await store.depth(of: queue) }
    func purge(_ queue: QueueName) async throws(StoreError) { try await store.purge(queue) }
    func abandonClaims(kind: String, now: Timestamp) async throws(StoreError) -> Int {
        try await store.abandonClaims(kind: kind, now: now)
    }
    func append(_ records: [(log: LogName, record: NewRecord)]) async throws(StoreError) -> [Int64] {
        try await store.append(records)
    }
    func read(_ log: LogName, _ query: LogQuery) async throws(StoreError) -> [LogRecord] {
        try await store.read(log, query)
    }
    func tags(
        of log: LogName, prefix: String, after: String?, limit: Int
    ) async throws(StoreError) -> [LogTagSummary] {
        try await store.tags(of: log, prefix: prefix, after: after, limit: limit)
    }
    func trim(_ log: LogName, before: Timestamp) async throws(StoreError) -> Int {
        try await store.trim(log, before: before)
    }
    func deleteLog(_ log: LogName, tag: String?) async throws(StoreError) { try await store.deleteLog(log, tag: tag) }
    func acquireLease(
        _ name: String, holder: String, now: Timestamp, duration: Duration
    ) async throws(StoreError) -> Lease? {
        try await store.acquireLease(name, holder: holder, now: now, duration: duration)
    }
    func releaseLease(_ lease: Lease) async throws(StoreError) { try await store.releaseLease(lease) }
}
