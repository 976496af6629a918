package import ApusStore
import ApusStoreSQLite
import Foundation

/// A store on disk, in a folder of its own.
package enum TemporaryStore {
    /// Lends a store to `body`, and removes its folder whatever happens.
    package static func run(
        time: ManualTime = ManualTime(), _ body: (any Store, ManualTime) async throws -> Void
    ) async throws {
        let folder = "\(NSTemporaryDirectory())apus-test-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let store = try SQLiteStore(folder: folder, time: time)
        do {
            try await body(store, time)
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }
}
