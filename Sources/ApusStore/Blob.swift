package import ApusModel

/// The SHA-256 of some bytes, 64 lower-case hexadecimal digits.
package struct BlobID: Hashable, Sendable, CustomStringConvertible {
    package let hex: String

    /// - Returns: nil unless `hex` is 64 lower-case hexadecimal digits.
    package init?(hex: String) {
        let isHex = hex.utf8.allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) }
        guard hex.utf8.count == 64, isHex else { return nil }
        self.hex = hex
    }

    package var description: String { hex }
}

/// Bytes under the hash of their content, sealed at rest.
package protocol BlobStore: Sendable {
    /// Stores the bytes; storing the same again renews the moment of the put, and mends a blob that was damaged.
    func put(_ bytes: [UInt8]) async throws(StoreError) -> BlobID

    /// Reads the whole blob and checks both its seal and its hash.
    ///
    /// - Throws: `.notFound`; `.corrupt` when a single byte is not what was stored.
    func get(_ id: BlobID) async throws(StoreError) -> [UInt8]

    /// The same of a file's content, which need not fit into memory. The file stays.
    func put(contentsOf path: String) async throws(StoreError) -> BlobID

    /// Renews the moment of the put.
    ///
    /// - Returns: false when there is no such blob, or it is damaged.
    func renew(_ id: BlobID) async throws(StoreError) -> Bool

    /// Writes the blob to a new file, which need not fit into memory, and checks it as ``get(_:)`` does.
    ///
    /// - Parameter path: must not exist, and is gone again when this throws.
    /// - Throws: `.notFound`, `.corrupt`, `.failed`.
    func copy(_ id: BlobID, to path: String) async throws(StoreError)

    /// - Returns: false when there was none.
    @discardableResult
    func delete(_ id: BlobID) async throws(StoreError) -> Bool

    /// Every blob, in no order.
    func all() async throws(StoreError) -> [BlobID]

    /// Removes the blobs that nothing names any more.
    ///
    /// - Parameters:
    ///   - named: what the rows name, read after `putBefore` was chosen.
    ///   - putBefore: blobs put at or after this moment stay, for whoever put them may not have named them yet.
    /// - Returns: how many were removed.
    @discardableResult
    func removeUnnamed(keeping named: Set<BlobID>, putBefore: Timestamp) async throws(StoreError) -> Int
}
