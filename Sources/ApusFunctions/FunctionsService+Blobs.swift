import ApusServiceKit
package import ApusStore

extension FunctionsService: BlobOwner {
    /// The packages and images of all functions, versions and layers, of all accounts and regions. A layer version that was deleted is
    /// kept by the functions that have it.
    package func namedBlobs() async throws -> Set<BlobID> {
        var named: Set<String> = []
        // In the order in which a package is handed on, so that none is missed on its way.
        for scope in try await layers.versions.scopes() {
            for version in try await layers.versions.list(scope) { named.insert(version.value.package.code) }
        }
        for scope in try await functions.functions.scopes() {
            for function in try await functions.functions.list(scope) {
                named.insert(function.value.code)
                named.formUnion(function.value.layers.map(\.code))
                named.formUnion(function.value.image?.blobs ?? [])
                named.formUnion(function.value.previous?.image?.blobs ?? [])
            }
        }
        for scope in try await functions.versions.scopes() {
            for version in try await functions.versions.list(scope) {
                named.insert(version.value.code)
                named.formUnion(version.value.layers.map(\.code))
                named.formUnion(version.value.image?.blobs ?? [])
            }
        }
        return Set(named.compactMap(BlobID.init(hex:)))
    }
}
