package import ApusModel
package import ApusStore
import Dispatch
import GRDB

/// The embedded engine: SQLite in WAL mode for rows, queues, logs and leases, and files for blobs, in one folder.
///
/// Writes share their syncs (``WriteQueue``); reads see a snapshot, run beside the writer, and see every write that
/// returned before they began. Neither occupies a thread of the cooperative pool.
package final class SQLiteStore: Store {
    package let blobs: any BlobStore

    let time: any TimeSource
    let writer: WriteQueue
    private let pool: DatabasePool
    private let folder: StoreFolder

    /// Opens the store of a folder, or creates it. Blocks until that is done.
    ///
    /// - Parameters:
    ///   - rootKey: what blobs are sealed with; nil takes the folder's `root.key`, which a new folder gets.
    ///   - pendingWrites: how many writes may wait before the next is refused with `.busy`.
    /// - Throws: `.busy` when another server uses the folder; `.failed` when something there cannot be used, or was
    ///   written by a newer Apus. Nothing is changed then.
    package init(
        folder path: String, rootKey: RootKey? = nil, time: any TimeSource, pendingWrites: Int = 10_000
    ) throws(StoreError) {
        let folder = try StoreFolder(path)
        let key = if let rootKey { rootKey } else { try SQLiteStore.rootKey(of: folder) }
        let blobs = try FileBlobStore(folder: folder.blobsPath, rootKey: key, time: time)
        try folder.createDatabaseFile()
        let pool: DatabasePool
        do {
            pool = try SQLiteStore.open(folder.databasePath)
        } catch {
            throw StoreError(error, while: "open \(folder.databasePath)")
        }
        self.folder = folder
        self.blobs = blobs
        self.time = time
        self.pool = pool
        self.writer = WriteQueue(pool, limits: WriteQueue.Limits(waiting: pendingWrites))
        // What a kill left behind of purged queues and deleted logs.
        writer.repeatInBackground { try $0.removeSomeGarbage() }
    }

    /// Finishes accepted writes, refuses later calls with `.busy`, and leaves the folder to another. Closing again does
    /// nothing.
    package func close() async {
        guard await writer.stop() else { return }
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { [pool] in
                // Nothing is lost when these fail: all that returned is in the write-ahead log. The pool would leave
                // that behind, since the last connection it closes may not write.
                try? pool.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
                try? pool.close()
                continuation.resume()
            }
        }
        folder.unlock()
    }

    package func removeAll() async throws(StoreError) {
        try await writer.write("empty the store") { transaction in
            for table in ["item", "queue", "message", "message_body", "log_tag", "record"] {
                try transaction.database.run("DELETE FROM \(table)")
            }
            // Counters go on: a number that somebody saw is not used again.
            try transaction.database.run("DELETE FROM log WHERE kind IS NULL")
            try transaction.database.run("UPDATE lease SET holder = '', until = 0")
        }
        for blob in try await blobs.all() { try await blobs.delete(blob) }
    }

    /// Keeps the writer from its work while `body` runs. What is written meanwhile waits, and commits as one group.
    ///
    /// For tests, and for copies of the files that belong together.
    package func holdingWriter<Value>(_ body: () async throws -> Value) async throws -> Value {
        let gate = DispatchSemaphore(value: 0)
        await withCheckedContinuation { continuation in
            pool.asyncWriteWithoutTransaction { _ in
                continuation.resume()
                gate.wait()
            }
        }
        defer { gate.signal() }
        return try await body()
    }

    /// Runs `body` on a snapshot. Cancelling the task does not stop it.
    func read<Value: Sendable>(
        _ context: @escaping @autoclosure @Sendable () -> String, _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StoreError) -> Value {
        let outcome: Result<Value, StoreError> = await withCheckedContinuation { continuation in
            pool.asyncRead { database in
                do {
                    continuation.resume(returning: .success(try body(database.get())))
                } catch {
                    continuation.resume(returning: .failure(StoreError(error, while: context())))
                }
            }
        }
        return try outcome.get()
    }

    private static func rootKey(of folder: StoreFolder) throws(StoreError) -> RootKey {
        do throws(StoreError) {
            return try RootKey.read(folder.rootKeyPath)
        } catch let error where error.code == .notFound {
            // A new key beside old data would make every blob unreadable, and hide that until one is read.
            guard !FileBlobStore.exists(in: folder.blobsPath) else {
                throw StoreError(
                    .failed, "open store \(folder.path): root.key is missing; its blobs cannot be read without it")
            }
            return try RootKey.create(folder.rootKeyPath)
        }
    }

    private static func open(_ path: String) throws -> DatabasePool {
        var configuration = Configuration()
        configuration.label = "apus.store"
        configuration.foreignKeysEnabled = false
        configuration.busyMode = .timeout(5)
        configuration.maximumReaderCount = 4
        configuration.prepareDatabase { database in
            // KiB, per connection; five of them at the most.
            try database.execute(sql: "PRAGMA cache_size = -2000")
            // Pages that are mapped count as the daemon's memory, and a disk error there is a SIGBUS instead of an
            // answer.
            try database.execute(sql: "PRAGMA mmap_size = 0")
            try database.execute(sql: "PRAGMA temp_store = MEMORY")
            // A burst does not leave its write-ahead log behind for ever.
            try database.execute(sql: "PRAGMA journal_size_limit = 67108864")
        }
        let pool = try DatabasePool(path: path, configuration: configuration)
        // In pages: rarer than the usual 1000, since the commit that meets it waits for two more syncs.
        try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_autocheckpoint = 4000") }
        // After opening: the pool itself sets NORMAL, with which the last commits may be lost with the power.
        try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        let migrator = Schema.migrator
        if try pool.read(migrator.hasBeenSuperseded) {
            throw StoreError(.failed, "open \(path): it was written by a newer Apus")
        }
        try migrator.migrate(pool)
        return pool
    }
}
