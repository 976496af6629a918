package import ApusModel
package import ApusStore
import Crypto
import Dispatch
import FoundationEssentials
import Glibc
import Synchronization

/// Blobs as sealed files, `aa/<sha256>` by the first two digits of their hash.
///
/// A file appears whole or not at all: it is written beside, synced, renamed, and its folder synced. The time of its
/// last change is the moment of the last `put`.
package final class FileBlobStore: BlobStore {
    private let folder: String
    private let rootKey: RootKey
    private let time: any TimeSource

    /// Where file work runs; a fixed number of threads, since each may hold a whole blob.
    private let workers: [DispatchQueue]
    private let nextWorker = Atomic<Int>(0)
    private let nextDraft = Atomic<Int>(0)

    /// Held where a blob appears, is renewed or disappears, so that one that was just put again is not removed.
    private let names = Mutex(())

    /// - Throws: `.failed` when the folder cannot be made.
    package init(folder: String, rootKey: RootKey, time: any TimeSource) throws(StoreError) {
        self.folder = folder
        self.rootKey = rootKey
        self.time = time
        self.workers = (0..<4).map { DispatchQueue(label: "apus.blobs.\($0)") }
        try StoreFolder.create("\(folder)/new")
        // What a kill left unfinished.
        for name in try StoreFolder.names(in: "\(folder)/new") { unlink("\(folder)/new/\(name)") }
    }

    /// Whether a folder has blobs.
    static func exists(in folder: String) -> Bool {
        guard let names = try? StoreFolder.names(in: folder) else { return false }
        return names.contains { $0.utf8.count == 2 }
    }

    package func put(_ bytes: [UInt8]) async throws(StoreError) -> BlobID {
        try await run { () throws(StoreError) in
            let id = FileBlobStore.hash(bytes)
            if try self.renew(id) { return id }
            let draft = "\(self.folder)/new/\(self.nextDraft.add(1, ordering: .relaxed).newValue)"
            do throws(StoreError) {
                try self.write(bytes, to: draft, id)
                try self.names.withLock { _ throws(StoreError) in
                    // Within the lock: whoever finds the folder must find it on disk.
                    try StoreFolder.create(self.folder(of: id))
                    guard rename(draft, self.path(of: id)) == 0 else {
                        throw StoreError(.failed, "store blob \(id): \(lastSystemMessage())")
                    }
                }
            } catch {
                unlink(draft)
                throw error
            }
            try StoreFolder.sync(self.folder(of: id))
            return id
        }
    }

    package func get(_ id: BlobID) async throws(StoreError) -> [UInt8] {
        try await run { () throws(StoreError) in try self.read(id) }
    }

    @discardableResult
    package func delete(_ id: BlobID) async throws(StoreError) -> Bool {
        try await run { () throws(StoreError) in
            try self.names.withLock { _ throws(StoreError) in try self.unlinkBlob(id) }
        }
    }

    package func all() async throws(StoreError) -> [BlobID] {
        try await run { () throws(StoreError) in try self.list() }
    }

    @discardableResult
    package func removeUnnamed(keeping named: Set<BlobID>, putBefore: Timestamp) async throws(StoreError) -> Int {
        try await run { () throws(StoreError) in
            var removed = 0
            for id in try self.list() where !named.contains(id) {
                removed += try self.names.withLock { _ throws(StoreError) in
                    guard let put = try self.putTime(id), put < putBefore else { return 0 }
                    return try self.unlinkBlob(id) ? 1 : 0
                }
            }
            return removed
        }
    }

    /// Runs file work on one of the workers.
    private func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        let worker = workers[nextWorker.add(1, ordering: .relaxed).newValue & 3]
        let outcome: Result<Value, StoreError> = await withCheckedContinuation { continuation in
            worker.async { continuation.resume(returning: Result { () throws(StoreError) in try body() }) }
        }
        return try outcome.get()
    }

    /// Marks a blob that is there and whole as put now. One that is damaged is left to be replaced.
    private func renew(_ id: BlobID) throws(StoreError) -> Bool {
        do throws(StoreError) {
            _ = try read(id)
            try names.withLock { _ throws(StoreError) in
                let descriptor = try Descriptor(path(of: id), O_RDONLY)
                try stamp(descriptor)
                try descriptor.sync()
            }
        } catch let error where error.code == .notFound || error.code == .corrupt {
            return false
        }
        // Whoever put it first may not have come to this yet.
        try StoreFolder.sync(folder(of: id))
        return true
    }

    private func write(_ bytes: [UInt8], to path: String, _ id: BlobID) throws(StoreError) {
        let descriptor = try Descriptor(path, O_WRONLY | O_CREAT | O_EXCL)
        do {
            try SealedBlob.seal(bytes, with: rootKey) { part in
                try part.withUnsafeBytes { try descriptor.write($0) }
            }
        } catch {
            throw StoreError(error, while: "seal blob \(id)")
        }
        try stamp(descriptor)
        try descriptor.sync()
    }

    private func read(_ id: BlobID) throws(StoreError) -> [UInt8] {
        let sealed: [UInt8]
        do throws(StoreError) {
            sealed = try Descriptor(path(of: id), O_RDONLY).readAll()
        } catch let error where error.code == .notFound {
            throw StoreError(.notFound, "read blob \(id): there is none")
        }
        let bytes: [UInt8]
        do {
            bytes = try SealedBlob.open(sealed, with: rootKey)
        } catch {
            let reason = (error as? SealedBlob.Broken)?.reason ?? "\(error)"
            throw StoreError(.corrupt, "read blob \(id): \(reason)")
        }
        guard FileBlobStore.hash(bytes) == id else {
            throw StoreError(.corrupt, "read blob \(id): its content has another hash")
        }
        return bytes
    }

    private func list() throws(StoreError) -> [BlobID] {
        var found: [BlobID] = []
        for prefix in try StoreFolder.names(in: folder) where prefix.utf8.count == 2 {
            found += try StoreFolder.names(in: "\(folder)/\(prefix)").compactMap(BlobID.init(hex:))
        }
        return found
    }

    private func unlinkBlob(_ id: BlobID) throws(StoreError) -> Bool {
        if unlink(path(of: id)) == 0 { return true }
        guard errno == ENOENT else { throw StoreError(.failed, "delete blob \(id): \(lastSystemMessage())") }
        return false
    }

    private func stamp(_ descriptor: borrowing Descriptor) throws(StoreError) {
        let now = time.wall.nanoseconds
        try descriptor.setModified(seconds: Int(now / 1_000_000_000), nanoseconds: Int(now % 1_000_000_000))
    }

    private func putTime(_ id: BlobID) throws(StoreError) -> Timestamp? {
        do throws(StoreError) {
            let modified = try Descriptor(path(of: id), O_RDONLY).status().st_mtim
            return Timestamp(nanoseconds: Int64(modified.tv_sec) * 1_000_000_000 + Int64(modified.tv_nsec))
        } catch let error where error.code == .notFound {
            return nil
        }
    }

    private func folder(of id: BlobID) -> String { "\(folder)/\(id.hex.prefix(2))" }
    private func path(of id: BlobID) -> String { "\(folder(of: id))/\(id.hex)" }

    private static func hash(_ bytes: [UInt8]) -> BlobID {
        let digits = SHA256.hash(data: bytes).map { byte in
            let text = String(byte, radix: 16)
            return byte < 16 ? "0" + text : text
        }
        guard let id = BlobID(hex: digits.joined()) else { preconditionFailure("a SHA-256 has 64 digits") }
        return id
    }
}
