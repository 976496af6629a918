import ApusStore
import Crypto
import FoundationEssentials
import Glibc

/// The secret that everything sealed at rest depends on. Without it, blobs cannot be read.
package struct RootKey: Sendable {
    static let size = 32

    private let key: SymmetricKey

    /// - Returns: nil unless there are 32 bytes.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == RootKey.size else { return nil }
        key = SymmetricKey(data: bytes)
    }

    /// Derives the key for one thing.
    func derive(salt: some DataProtocol, info: String) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(inputKeyMaterial: key, salt: salt, info: Array(info.utf8), outputByteCount: 32)
    }

    /// Reads the key of a folder.
    ///
    /// - Throws: `.notFound` when there is none; `.failed` when others may read it or it is not a key.
    static func read(_ path: String) throws(StoreError) -> RootKey {
        let descriptor = try Descriptor(path, O_RDONLY)
        let mode = try descriptor.status().st_mode & 0o777
        guard mode & 0o077 == 0 else {
            let digits = String(mode, radix: 8)
            throw StoreError(.failed, "read \(path): mode \(digits) lets others use the key; run: chmod 600 \(path)")
        }
        let bytes = try descriptor.readAll()
        guard let key = RootKey(bytes) else {
            throw StoreError(.failed, "read \(path): \(bytes.count) bytes are not a key of \(size)")
        }
        return key
    }

    /// Makes the key of a new folder. It appears whole or not at all, and never replaces another.
    static func create(_ path: String) throws(StoreError) -> RootKey {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<size).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        let draft = "\(path).new"
        unlink(draft)
        let descriptor = try Descriptor(draft, O_WRONLY | O_CREAT | O_EXCL)
        try descriptor.write(bytes)
        try descriptor.sync()
        // A link, not a rename: it fails where a key exists.
        guard link(draft, path) == 0 else {
            throw StoreError(.failed, "create \(path): \(lastSystemMessage())")
        }
        unlink(draft)
        try StoreFolder.sync(String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]))
        return try read(path)
    }
}
