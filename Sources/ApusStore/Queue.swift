package import ApusModel

/// The name of one durable queue.
package struct QueueName: Hashable, Sendable {
    /// What kind of queue it is, such as `async`.
    package let kind: String

    /// Which one of its kind, such as a function's key. One partition's backlog never delays another's.
    package let partition: String

    package init(kind: String, partition: String) {
        self.kind = kind
        self.partition = partition
    }
}

/// A message before it is stored.
package struct NewMessage: Equatable, Sendable {
    package var id: String
    package var body: [UInt8]

    /// Small facts that travel with the body, opaque to the store.
    package var attributes: [String: String]

    /// Not given out before this moment.
    package var due: Timestamp

    package init(id: String, body: [UInt8], attributes: [String: String] = [:], due: Timestamp) {
        self.id = id
        self.body = body
        self.attributes = attributes
        self.due = due
    }
}

/// A message that somebody works on, hidden from the others until its claim runs out.
package struct ClaimedMessage: Equatable, Sendable {
    package let queue: QueueName
    package let id: String
    package let body: [UInt8]
    package let attributes: [String: String]
    package let enqueued: Timestamp

    /// How often it was given out, this time included; 1 at the first.
    package let attempt: Int

    /// Names this claim; an older claim of the same message can no longer acknowledge it.
    package let receipt: Int64

    package init(
        queue: QueueName, id: String, body: [UInt8], attributes: [String: String], enqueued: Timestamp, attempt: Int,
        receipt: Int64
    ) {
        self.queue = queue
        self.id = id
        self.body = body
        self.attributes = attributes
        self.enqueued = enqueued
        self.attempt = attempt
        self.receipt = receipt
    }
}

/// Durable queues: at least once, oldest due first.
package protocol QueueStore: Sendable {
    /// Stores the messages, all or none. An id that the queue already holds is kept as it was (the call may be
    /// repeated).
    func enqueue(_ messages: [NewMessage], to queue: QueueName) async throws(StoreError)

    /// Claims due messages and hides them until `now + lease`.
    ///
    /// - Parameter limit: messages, 1...100.
    /// - Returns: oldest due first, ties in the order of their arrival; empty when nothing is due. Fewer than `limit`
    ///   does not mean that no more are due: an engine bounds the bytes of one claim.
    func claim(
        from queue: QueueName, limit: Int, now: Timestamp, lease: Duration
    ) async throws(StoreError) -> [ClaimedMessage]

    /// Removes messages that are done. A claim that has passed to another is left alone.
    ///
    /// - Returns: how many were removed.
    @discardableResult
    func acknowledge(_ messages: [ClaimedMessage]) async throws(StoreError) -> Int

    /// Gives a claimed message back, due at a new moment, with its attributes replaced when some are given.
    ///
    /// - Throws: `.leaseLost` when the claim has passed to another.
    func release(
        _ message: ClaimedMessage, due: Timestamp, attributes: [String: String]?
    ) async throws(StoreError)

    /// Moves the end of a claim to a new moment.
    ///
    /// - Throws: `.leaseLost` when the claim has passed to another.
    func extend(_ message: ClaimedMessage, until: Timestamp) async throws(StoreError)

    /// Makes every claimed message of a kind of queue due now, and its claim void. For the start of a server that alone uses
    /// the store: whoever held the claims is gone.
    ///
    /// - Returns: how many were given back.
    @discardableResult
    func abandonClaims(kind: String, now: Timestamp) async throws(StoreError) -> Int

    /// Partitions of a kind of queue that hold a message due at or before `now`, and the earliest later due moment of
    /// all.
    func duePartitions(
        kind: String, now: Timestamp
    ) async throws(StoreError) -> (due: [String], next: Timestamp?)

    /// How many messages a queue holds, claimed ones included.
    func depth(of queue: QueueName) async throws(StoreError) -> Int

    /// Removes every message of a queue, at once.
    func purge(_ queue: QueueName) async throws(StoreError)
}
