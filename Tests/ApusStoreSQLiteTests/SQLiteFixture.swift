import ApusModel
import ApusStore
import ApusStoreSQLite
import ApusTesting
import Foundation
import Synchronization

/// A store in a folder of its own, and what else a test wants to do to that folder.
final class SQLiteFixture: StoreFixture {
    let folder: String
    let time = ManualTime()
    private let current: Mutex<SQLiteStore?>

    var store: any Store { sqlite }
    var sqlite: SQLiteStore { current.withLock { $0! } }

    private init() throws {
        folder = TemporaryFolder.path()
        current = Mutex(try SQLiteStore(folder: folder, time: time))
    }

    /// Lends a fixture to `body`, and removes its folder whatever happens.
    static func run(_ body: (SQLiteFixture) async throws -> Void) async throws {
        let fixture = try SQLiteFixture()
        defer { try? FileManager.default.removeItem(atPath: fixture.folder) }
        do {
            try await body(fixture)
        } catch {
            await fixture.sqlite.close()
            throw error
        }
        await fixture.sqlite.close()
    }

    func reopen() async throws -> any Store {
        await sqlite.close()
        let store = try SQLiteStore(folder: folder, time: time)
        current.withLock { $0 = store }
        return store
    }

    func damage(_ blob: BlobID, at offset: Int) throws {
        let path = blobPath(blob)
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[(offset + bytes.count) % bytes.count] ^= 0x10
        try bytes.write(to: URL(fileURLWithPath: path))
    }

    func blobPath(_ blob: BlobID) -> String { "\(folder)/blobs/\(blob.hex.prefix(2))/\(blob.hex)" }
}

enum TemporaryFolder {
    /// A path where nothing is yet.
    static func path() -> String { "\(NSTemporaryDirectory())apus-store-\(UUID().uuidString)" }

    static func with(_ body: (String) async throws -> Void) async throws {
        let path = path()
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(path)
    }

    static func mode(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return (attributes[.posixPermissions] as! NSNumber).intValue
    }
}
