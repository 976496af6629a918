import ApusServiceKit
package import ApusStore

extension FunctionsService: BlobOwner {
    /// The packages of all functions and versions, of all accounts and regions.
    package func namedBlobs() async throws -> Set<BlobID> {
        var named: Set<BlobID> = []
        for scope in try await functions.functions.scopes() {
            for function in try await functions.functions.list(scope) {
                BlobID(hex: function.value.code).map { _ = named.insert($0) }
            }
        }
        for scope in try await functions.versions.scopes() {
            for version in try await functions.versions.list(scope) {
                BlobID(hex: version.value.code).map { _ = named.insert($0) }
            }
        }
        return named
    }
}
