/// The one place where anything durable lives. Every service is rules over these five; none keeps a store of its own.
///
/// A call that returns has committed: what it wrote survives the loss of the process and of power. Cancelling the task
/// of a call does not stop it. Names (tables, partitions, keys, ids, tags, holders) are compared by their bytes and
/// hold no NUL byte; one that does is refused with `.failed`.
package protocol Store: RowStore, QueueStore, LogStore, LeaseStore, Sendable {
    /// Content-addressed bytes: function code, objects, images.
    var blobs: any BlobStore { get }

    /// Empties the store, blobs included. Revisions, sequences and epochs go on; calls that run at the same time may
    /// take effect before or after.
    func removeAll() async throws(StoreError)
}

/// Why a store could not do what it was asked.
package struct StoreError: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Code: Equatable, Sendable {
        /// A precondition of a write did not hold; nothing was written.
        case conflict
        /// The lease or claim named has passed to somebody else, or has run out; nothing was written.
        case leaseLost
        /// There is no such blob.
        case notFound
        /// Stored bytes do not have the hash or the seal they were stored with.
        case corrupt
        /// The engine is saturated or shutting down; nothing was written, trying again may work.
        case busy
        /// The engine failed: disk full, file unreadable, and the like.
        case failed
    }

    package let code: Code

    /// What was being done to what, and what the engine said.
    package let context: String

    package init(_ code: Code, _ context: String) {
        self.code = code
        self.context = context
    }

    package var description: String { "\(context) (\(code))" }
}
