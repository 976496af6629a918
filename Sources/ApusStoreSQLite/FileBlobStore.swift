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

    /// Where content goes from file to file. That may be a layer of gigabytes, which nobody's code should wait for.
    private let copiers: [DispatchQueue]
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
        self.copiers = (0..<2).map { DispatchQueue(label: "apus.blobs.files.\($0)") }
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
        try await run { () throws(StoreError) in try self.store(bytes.count) { bytes[$0] } }
    }

    package func put(contentsOf path: String) async throws(StoreError) -> BlobID {
        try await run(on: copiers) { () throws(StoreError) in
            let file = try Descriptor(path, O_RDONLY)
            return try self.store(Int(try file.status().st_size)) { try file.read($0)[...] }
        }
    }

    package func renew(_ id: BlobID) async throws(StoreError) -> Bool {
        try await run(on: copiers) { () throws(StoreError) in try self.renewed(id) }
    }

    package func get(_ id: BlobID) async throws(StoreError) -> [UInt8] {
        try await run { () throws(StoreError) in
            var bytes: [UInt8] = []
            try self.read(id) { bytes.append(contentsOf: $0) }
            return bytes
        }
    }

    package func copy(_ id: BlobID, to path: String) async throws(StoreError) {
        try await run(on: copiers) { () throws(StoreError) in
            let file = try Descriptor(path, O_WRONLY | O_CREAT | O_EXCL)
            do throws(StoreError) {
                try self.read(id) { part in try part.withUnsafeBytes { try file.write($0) } }
            } catch {
                unlink(path)
                throw error
            }
        }
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

    /// Runs file work on one of the queues: of the workers, if none are named.
    private func run<Value: Sendable>(
        on queues: [DispatchQueue]? = nil, _ body: @escaping @Sendable () throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        let queues = queues ?? workers
        // A number of queues that is a power of two, so that the count may wrap around.
        let worker = queues[nextWorker.add(1, ordering: .relaxed).newValue & (queues.count - 1)]
        let outcome: Result<Value, StoreError> = await withCheckedContinuation { continuation in
            worker.async { continuation.resume(returning: Result { () throws(StoreError) in try body() }) }
        }
        return try outcome.get()
    }

    /// Stores `count` bytes, which are read twice: for their hash, then to seal them.
    private func store(
        _ count: Int, reading part: (Range<Int>) throws -> ArraySlice<UInt8>
    ) throws(StoreError) -> BlobID {
        let id = try hash(count, part)
        if try renewed(id) { return id }
        let draft = "\(folder)/new/\(nextDraft.add(1, ordering: .relaxed).newValue)"
        do throws(StoreError) {
            try write(count, part, to: draft, id)
            try names.withLock { _ throws(StoreError) in
                // Within the lock: whoever finds the folder must find it on disk.
                try StoreFolder.create(folder(of: id))
                guard rename(draft, path(of: id)) == 0 else {
                    throw StoreError(.failed, "store blob \(id): \(lastSystemMessage())")
                }
            }
        } catch {
            unlink(draft)
            throw error
        }
        try StoreFolder.sync(folder(of: id))
        return id
    }

    private func hash(
        _ count: Int, _ part: (Range<Int>) throws -> ArraySlice<UInt8>
    ) throws(StoreError) -> BlobID {
        var hash = SHA256()
        do {
            for start in stride(from: 0, to: count, by: SealedBlob.chunkSize) {
                hash.update(data: try part(start..<min(start + SealedBlob.chunkSize, count)))
            }
        } catch {
            throw StoreError(error, while: "read what is to be stored")
        }
        return FileBlobStore.name(hash.finalize())
    }

    /// Marks a blob that is there and whole as put now. One that is damaged is left to be replaced.
    private func renewed(_ id: BlobID) throws(StoreError) -> Bool {
        do throws(StoreError) {
            try read(id) { _ in }
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

    private func write(
        _ count: Int, _ part: (Range<Int>) throws -> ArraySlice<UInt8>, to path: String, _ id: BlobID
    ) throws(StoreError) {
        let descriptor = try Descriptor(path, O_WRONLY | O_CREAT | O_EXCL)
        do {
            try SealedBlob.seal(count, with: rootKey, reading: part) { part in
                try part.withUnsafeBytes { try descriptor.write($0) }
            }
        } catch {
            throw StoreError(error, while: "seal blob \(id)")
        }
        try stamp(descriptor)
        try descriptor.sync()
    }

    /// Hands over the content of a blob in parts, each with a whole seal. Whether all of it has the right hash is known when
    /// this returns.
    private func read(_ id: BlobID, to emit: (Data) throws -> Void) throws(StoreError) {
        let path = path(of: id)
        guard access(path, F_OK) == 0 else { throw StoreError(.notFound, "read blob \(id): there is none") }
        var hash = SHA256()
        do {
            let sealed = try Descriptor(path, O_RDONLY)
            let size = Int(try sealed.status().st_size)
            try SealedBlob.open(size, with: rootKey, reading: { try sealed.read($0)[...] }) { part in
                hash.update(data: part)
                try emit(part)
            }
        } catch let broken as SealedBlob.Broken {
            throw StoreError(.corrupt, "read blob \(id): \(broken.reason)")
        } catch {
            throw StoreError(error, while: "read blob \(id)")
        }
        guard FileBlobStore.name(hash.finalize()) == id else {
            throw StoreError(.corrupt, "read blob \(id): its content has another hash")
        }
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

    private static func name(_ hash: SHA256.Digest) -> BlobID {
        let digits = hash.map { byte in
            let text = String(byte, radix: 16)
            return byte < 16 ? "0" + text : text
        }
        guard let id = BlobID(hex: digits.joined()) else { preconditionFailure("a SHA-256 has 64 digits") }
        return id
    }
}
