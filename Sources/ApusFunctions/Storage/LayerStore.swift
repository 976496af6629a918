import ApusModel
import ApusServiceKit
import ApusStore

/// Layers as rows: `layer` by name, `layer-version` by name and number.
struct LayerStore: Sendable {
    private let store: any Store
    let layers: RecordTable<LayerRecord>
    let versions: RecordTable<LayerVersionRecord>

    init(_ store: any Store) {
        self.store = store
        layers = RecordTable("layer", in: store)
        versions = RecordTable("layer-version", in: store)
    }

    /// Gives a version the next number.
    func publish(_ version: LayerVersionRecord, of key: LayerKey) async throws -> Int {
        for _ in 0..<16 {
            let current = try await layers.get(key.name, key.scope)
            var layer = current?.value ?? LayerRecord()
            layer.lastVersion += 1
            let writes = [
                layers.put(
                    layer, key.name, key.scope, when: current.map { .revision($0.revision) } ?? .absent),
                versions.put(
                    version, FunctionStore.versionKey(key.name, layer.lastVersion), key.scope, when: .absent),
            ]
            if try await store.commits(writes) { return layer.lastVersion }
        }
        throw FunctionFaults.tooManyLayerRequests
    }

    func version(_ reference: LayerReference) async throws -> LayerVersionRecord? {
        try await versions.get(rowKey(reference), reference.key.scope)?.value
    }

    /// The versions of a layer, the newest first.
    func versions(of key: LayerKey) async throws -> [(number: Int, record: LayerVersionRecord)] {
        try await versions.list(key.scope, prefix: "\(key.name)/").reversed().map { stored in
            (number: Int(stored.key.split(separator: "/").last ?? "") ?? 0, record: stored.value)
        }
    }

    /// Reads, changes and writes a version that has to exist; begins anew when another request changed it in between.
    func update(_ reference: LayerReference, _ change: (inout LayerVersionRecord) throws -> Void) async throws {
        for _ in 0..<16 {
            guard let current = try await versions.get(rowKey(reference), reference.key.scope) else {
                throw FunctionFaults.layerVersionNotFound(reference.arn)
            }
            var record = current.value
            try change(&record)
            let put = versions.put(
                record, rowKey(reference), reference.key.scope, when: .revision(current.revision))
            if try await store.commits([put]) { return }
        }
        throw FunctionFaults.tooManyLayerRequests
    }

    /// Functions that have the version keep it.
    func delete(_ reference: LayerReference) async throws {
        try await store.commit([versions.delete(rowKey(reference), reference.key.scope)])
    }

    /// Holds up a write until it is sure that a version is still there, so that its package is too.
    func check(_ reference: LayerReference) -> RowWrite {
        .check(versions.key(rowKey(reference), reference.key.scope), .present)
    }

    private func rowKey(_ reference: LayerReference) -> String {
        FunctionStore.versionKey(reference.key.name, reference.version)
    }
}
