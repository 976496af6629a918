package import ApusModel
package import ApusStore
package import Logging

/// A service that keeps bytes in blobs. A blob that no service names is removed.
package protocol BlobOwner: Sendable {
    /// Every blob that the service's records name now.
    func namedBlobs() async throws -> Set<BlobID>
}

/// Removes blobs that nothing names: what deleted functions leave, and what was stored for a request that then failed.
package struct BlobCollector: Sendable {
    private let owners: [any BlobOwner]
    private let blobs: any BlobStore
    private let logger: Logger

    /// - Parameter owners: all of them: what is missing here loses its blobs.
    package init(owners: [any BlobOwner], blobs: any BlobStore, logger: Logger) {
        self.owners = owners
        self.blobs = blobs
        self.logger = logger
    }

    /// - Parameter moment: blobs stored since then are left alone: their names may still be on the way.
    package func collect(putBefore moment: Timestamp) async throws {
        var named: Set<BlobID> = []
        for owner in owners { named.formUnion(try await owner.namedBlobs()) }
        let removed = try await blobs.removeUnnamed(keeping: named, putBefore: moment)
        if removed > 0 { logger.info("removed blobs that nothing names", metadata: ["count": "\(removed)"]) }
    }
}
