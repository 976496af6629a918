package import ApusStore
import ApusStoreSQLite
import Foundation

/// A store on disk, in a folder of its own.
package enum TemporaryStore {
    /// Lends a store to `body`, and removes its folder whatever happens.
    ///
    /// - Parameter pendingWrites: how many writes may wait before the next is refused.
    package static func run(
        time: ManualTime = ManualTime(), pendingWrites: Int = 10_000,
        _ body: (any Store, ManualTime) async throws -> Void
    ) async throws {
        let folder = "\(NSTemporaryDirectory())apus-test-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let store = try SQLiteStore(folder: folder, time: time, pendingWrites: pendingWrites)
        do {
            try await body(store, time)
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }

    /// Runs `body` while a store that was lent with room for one write has that one waiting, and refuses all others.
    package static func keepingBusy(_ store: any Store, _ body: () async throws -> Void) async throws {
        guard let store = store as? SQLiteStore else { return }
        try await withThrowingTaskGroup(of: Void.self) { group in
            try await store.holdingWriter {
                group.addTask { try await store.commit([]) }
                while store.waitingWrites < 1 { await Task.yield() }
                try await body()
            }
            try await group.waitForAll()
        }
    }
}
