import ApusStore
import ApusStoreSQLite
import ApusTesting
import Foundation
import Testing

struct FileBlobStoreTests {
    @Test func plaintextIsNowhereOnDisk() async throws {
        try await SQLiteFixture.run { fixture in
            let zip = Array("PK\u{3}\u{4}".utf8) + Array(repeating: UInt8(ascii: "A"), count: 3 << 20)
            let id = try await fixture.store.blobs.put(zip)
            let sealed = try Data(contentsOf: URL(fileURLWithPath: fixture.blobPath(id)))
            #expect(sealed.range(of: Data("PK\u{3}\u{4}".utf8)) == nil)
            #expect(sealed.range(of: Data("AAAA".utf8)) == nil)
            #expect(sealed.count == 48 + zip.count + 4 * 16)
            #expect(try TemporaryFolder.mode(fixture.blobPath(id)) == 0o600)
        }
    }

    @Test(.timeLimit(.minutes(1))) func filesThatComeSlowlyHoldUpNobodyWhoReads() async throws {
        try await SQLiteFixture.run { fixture in
            let blobs = fixture.store.blobs
            let id = try await blobs.put([1, 2, 3])
            // Nobody can open it to read before somebody opens it to write.
            let pipe = "\(NSTemporaryDirectory())apus-pipe-\(UUID().uuidString)"
            #expect(mkfifo(pipe, 0o600) == 0)
            defer { unlink(pipe) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 { group.addTask { _ = try await blobs.put(contentsOf: pipe) } }
                for _ in 0..<64 { #expect(try await blobs.get(id) == [1, 2, 3]) }
                // Open for both, so that it does not wait either.
                let end = open(pipe, O_RDWR)
                defer { close(end) }
                try await group.waitForAll()
            }
        }
    }

    @Test func theSameContentIsSealedDifferentlyEachTime() async throws {
        try await SQLiteFixture.run { fixture in
            let blobs = fixture.store.blobs
            let id = try await blobs.put([1, 2, 3])
            let first = try Data(contentsOf: URL(fileURLWithPath: fixture.blobPath(id)))
            try await blobs.delete(id)
            _ = try await blobs.put([1, 2, 3])
            #expect(try Data(contentsOf: URL(fileURLWithPath: fixture.blobPath(id))) != first)
        }
    }

    /// Content of three chunks, so that the file is 48 bytes, then three times a mebibyte and 16 bytes, the last one
    /// shorter.
    @Test(arguments: [
        "cut at a chunk", "cut in a chunk", "cut in the header", "emptied", "lengthened", "chunks swapped",
        "chunk doubled", "another blob's file",
    ])
    func changedFileIsCorrupt(_ change: String) async throws {
        try await SQLiteFixture.run { fixture in
            let content = [UInt8]((0..<(2 << 20) + 77).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 7) })
            let id = try await fixture.store.blobs.put(content)
            let url = URL(fileURLWithPath: fixture.blobPath(id))
            let sealed = try Data(contentsOf: url)
            let (header, chunk) = (48, (1 << 20) + 16)
            let first = sealed[header..<header + chunk]
            let second = sealed[header + chunk..<header + 2 * chunk]
            let last = sealed[(header + 2 * chunk)...]
            let head = sealed[..<header]
            let changed: Data
            switch change {
            case "cut at a chunk": changed = head + first + second
            case "cut in a chunk": changed = sealed.dropLast(1)
            case "cut in the header": changed = sealed.prefix(40)
            case "emptied": changed = Data()
            case "lengthened": changed = sealed + [0]
            case "chunks swapped": changed = head + second + first + last
            case "chunk doubled": changed = head + first + first + second + last
            default:
                let other = try await fixture.store.blobs.put([1])
                changed = try Data(contentsOf: URL(fileURLWithPath: fixture.blobPath(other)))
            }
            try changed.write(to: url)
            let error = await #expect(throws: StoreError.self) { try await fixture.store.blobs.get(id) }
            #expect(error?.code == .corrupt)
            // The seal notices by itself, and does not need the hash of the whole.
            #expect(error?.context.contains("hash") == (change == "another blob's file"), "\(error?.context ?? "")")
        }
    }

    @Test func unfinishedFilesOfAKillAreRemoved() async throws {
        try await SQLiteFixture.run { fixture in
            let draft = "\(fixture.folder)/blobs/new/17"
            try Data([1]).write(to: URL(fileURLWithPath: draft))
            _ = try await fixture.reopen()
            #expect(!FileManager.default.fileExists(atPath: draft))
            #expect(try await fixture.store.blobs.all() == [])
        }
    }
}

struct RootKeyTests {
    @Test(arguments: [0o640, 0o604, 0o644, 0o666])
    func keyThatOthersMayReadIsRefused(_ mode: Int) async throws {
        try await SQLiteFixture.run { fixture in
            let path = "\(fixture.folder)/root.key"
            await fixture.sqlite.close()
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            let error = #expect(throws: StoreError.self) { try SQLiteStore(folder: fixture.folder, time: fixture.time) }
            #expect(error?.context.hasSuffix("run: chmod 600 \(path)") == true, "\(error?.context ?? "")")
        }
    }

    @Test func keyOfAnotherLengthIsRefused() async throws {
        try await SQLiteFixture.run { fixture in
            let path = "\(fixture.folder)/root.key"
            await fixture.sqlite.close()
            let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
            try handle.truncate(atOffset: 31)
            try handle.close()
            let error = #expect(throws: StoreError.self) { try SQLiteStore(folder: fixture.folder, time: fixture.time) }
            #expect(error?.context.contains("31 bytes are not a key of 32") == true)
        }
    }

    @Test func lostKeyIsNotReplacedWhereBlobsAre() async throws {
        try await SQLiteFixture.run { fixture in
            let path = "\(fixture.folder)/root.key"
            _ = try await fixture.store.blobs.put([1])
            await fixture.sqlite.close()
            try FileManager.default.removeItem(atPath: path)
            let error = #expect(throws: StoreError.self) { try SQLiteStore(folder: fixture.folder, time: fixture.time) }
            #expect(error?.context.contains("root.key is missing") == true)
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    @Test func blobsOfAnotherKeyAreCorrupt() async throws {
        try await TemporaryFolder.with { folder in
            let time = ManualTime()
            let store = try SQLiteStore(folder: folder, rootKey: RootKey(Array(0..<32)), time: time)
            let id = try await store.blobs.put([1, 2, 3])
            await store.close()
            #expect(!FileManager.default.fileExists(atPath: "\(folder)/root.key"))
            let other = try SQLiteStore(folder: folder, rootKey: RootKey(Array(1..<33)), time: time)
            let error = await #expect(throws: StoreError.self) { try await other.blobs.get(id) }
            #expect(error?.code == .corrupt)
            await other.close()
            let again = try SQLiteStore(folder: folder, rootKey: RootKey(Array(0..<32)), time: time)
            #expect(try await again.blobs.get(id) == [1, 2, 3])
            await again.close()
        }
    }
}
