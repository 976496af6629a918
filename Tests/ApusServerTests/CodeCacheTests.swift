import ApusEngine
import ApusModel
import ApusServer
import ApusStore
import Foundation
import Logging
import NIOPosix
import Synchronization
import Testing

struct CodeCacheTests {
    @Test func codeIsUnpackedOnceAndCheckedEachTime() async throws {
        let fixture = try CacheFixture()
        let code = fixture.blobs.add(zip("app.py", "print(1)"))
        let first = try await fixture.cache.tree(code)
        let second = try await fixture.cache.tree(code)
        #expect(first.path == second.path)
        #expect(try String(contentsOfFile: "\(first.path)/app.py", encoding: .utf8) == "print(1)")
        #expect(fixture.blobs.reads == 2)
        #expect(first.path.hasPrefix("\(fixture.folder)/\(code.sha256)"))
    }

    @Test func othersMayPassThroughAndReadButNotList() async throws {
        let fixture = try CacheFixture()
        let tree = try await fixture.cache.tree(fixture.blobs.add(zip("app.py", "x")))
        #expect(try mode(fixture.folder) == 0o711)
        #expect(try mode(tree.path) == 0o755)
        #expect(try mode("\(tree.path)/app.py") == 0o644)
    }

    /// However many come at once, the package is read for those who came first, and once more for the others.
    @Test func aBurstOfCallersSharesItsChecks() async throws {
        let fixture = try CacheFixture()
        let code = fixture.blobs.add(zip("app.py", "x"))
        fixture.blobs.close()
        let paths = try await withThrowingTaskGroup(of: CodeTree.self) { group in
            for _ in 0..<50 { group.addTask { try await fixture.cache.tree(code) } }
            group.addTask {
                await fixture.blobs.waitForReader()
                // Whoever has not asked by now gets a check of its own in any case.
                for _ in 0..<200 { await Task.yield() }
                fixture.blobs.open()
                return try await fixture.cache.tree(code)
            }
            return try await group.reduce(into: Set<String>()) { $0.insert($1.path) }
        }
        #expect(paths.count == 1)
        #expect(fixture.blobs.reads < 25)
    }

    @Test func damagedBytesAreNeverRun() async throws {
        let fixture = try CacheFixture()
        let code = fixture.blobs.add(zip("app.py", "x"))
        var tree: CodeTree? = try await fixture.cache.tree(code)
        let path = try #require(tree?.path)
        fixture.blobs.damage(code)
        await #expect(throws: CodeError.corrupt("damaged")) { try await fixture.cache.tree(code) }
        // Whoever uses the tree goes on; then it goes.
        #expect(FileManager.default.fileExists(atPath: path))
        tree = nil
        try await fixture.wait { !FileManager.default.fileExists(atPath: path) }
        fixture.blobs.mend(code)
        let mended = try await fixture.cache.tree(code)
        #expect(mended.path != path)
        withExtendedLifetime(tree) {}
    }

    @Test func anUnusedTreeGoesAtOnceWhenItsPackageIsDamaged() async throws {
        let fixture = try CacheFixture()
        let code = fixture.blobs.add(zip("app.py", "x"))
        let path = try await fixture.cache.tree(code).path
        fixture.blobs.damage(code)
        await #expect(throws: CodeError.corrupt("damaged")) { try await fixture.cache.tree(code) }
        try await fixture.wait { !FileManager.default.fileExists(atPath: path) }
    }

    @Test func theTreesUnusedForLongestGoFirst() async throws {
        let fixture = try CacheFixture(unusedLimit: 2)
        var codes: [CodeReference] = []
        for content in 0..<4 { codes.append(fixture.blobs.add(zip("app.py", "\(content)"))) }
        let used = try await fixture.cache.tree(codes[0])
        var paths: [String] = []
        for code in codes { paths.append(try await fixture.cache.tree(code).path) }
        // Three are unused: the first of them is one too many.
        try await fixture.wait { !FileManager.default.fileExists(atPath: paths[1]) }
        #expect([0, 2, 3].allSatisfy { FileManager.default.fileExists(atPath: paths[$0]) })
        withExtendedLifetime(used) {}
    }

    @Test func whatIsNoPackageIsUnavailable() async throws {
        let fixture = try CacheFixture()
        let text = fixture.blobs.add(Array("no zip".utf8))
        for code in [text, CodeReference(sha256: "x"), CodeReference(sha256: String(repeating: "0", count: 64))] {
            do {
                _ = try await fixture.cache.tree(code)
                Issue.record("\(code) was unpacked")
            } catch {
                guard case .unavailable = error else {
                    Issue.record("\(error)")
                    continue
                }
            }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.folder) == [])
    }

    @Test func leftoversOfAnEarlierRunGo() async throws {
        let fixture = try CacheFixture(leftover: "old-tree/file")
        let tree = try await fixture.cache.tree(fixture.blobs.add(zip("app.py", "x")))
        try await fixture.wait { !FileManager.default.fileExists(atPath: "\(fixture.folder)/old-tree") }
        #expect(FileManager.default.fileExists(atPath: tree.path))
    }

    @Test func layersBecomeOneTreeInTheirOrder() async throws {
        let fixture = try CacheFixture()
        let first = fixture.blobs.add(zip("python/x.py", "first"))
        let second = fixture.blobs.add(zip("python/x.py", "second"))
        let other = fixture.blobs.add(zip("extensions/agent", "agent"))
        func content(_ tree: LayerTree) throws -> String {
            try String(contentsOfFile: "\(tree.path)/python/x.py", encoding: .utf8)
        }
        let merged = try await fixture.cache.layers([first, second])
        #expect(try content(merged) == "second")
        #expect(!merged.hasExtensions)
        let reversed = try await fixture.cache.layers([second, other, first])
        #expect(try content(reversed) == "first")
        #expect(reversed.hasExtensions)
        #expect(try mode(merged.path) == 0o755)
        #expect(merged.path.hasPrefix("\(fixture.folder)/layers-"))
    }

    @Test func layersAreReadAndMergedOnce() async throws {
        let fixture = try CacheFixture()
        let layers = [fixture.blobs.add(zip("a", "a")), fixture.blobs.add(zip("b", "b"))]
        let path = try await fixture.cache.layers(layers).path
        #expect(try await fixture.cache.layers(layers).path == path)
        #expect(fixture.blobs.reads == 2)
        // What lies unpacked was sound; nothing else is made of damaged bytes.
        fixture.blobs.damage(layers[1])
        #expect(try await fixture.cache.layers(layers).path == path)
        await #expect(throws: CodeError.corrupt("damaged")) { try await fixture.cache.layers(layers.reversed()) }
    }

    @Test func aLayerThatIsNoPackageIsUnavailable() async throws {
        let fixture = try CacheFixture()
        let sound = fixture.blobs.add(zip("a", "a"))
        let text = fixture.blobs.add(Array("no zip".utf8))
        do {
            _ = try await fixture.cache.layers([sound, text])
            Issue.record("it was unpacked")
        } catch {
            guard case .unavailable = error else { throw error }
        }
        let tree = try await fixture.cache.layers([sound])
        #expect(FileManager.default.fileExists(atPath: "\(tree.path)/a"))
    }

    @Test func aMergedTreeNeedsNoneOfItsLayers() async throws {
        let fixture = try CacheFixture(unusedLimit: 0)
        let layers = [fixture.blobs.add(zip("a", "a")), fixture.blobs.add(zip("b", "b"))]
        let merged = try await fixture.cache.layers(layers)
        let own = try #require(merged.path.split(separator: "/").last.map(String.init))
        try await fixture.wait {
            (try? FileManager.default.contentsOfDirectory(atPath: fixture.folder)) == [own]
        }
        #expect(try String(contentsOfFile: "\(merged.path)/b", encoding: .utf8) == "b")
    }

    private func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    /// A zip with one stored file.
    private func zip(_ name: String, _ content: String) -> [UInt8] {
        let number = { (value: Int, width: Int) in (0..<width).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }
        let content = Array(content.utf8)
        var checksum: UInt32 = .max
        for byte in content {
            checksum ^= UInt32(byte)
            for _ in 0..<8 { checksum = checksum & 1 == 1 ? checksum >> 1 ^ 0xEDB8_8320 : checksum >> 1 }
        }
        var shared = number(20, 2) + number(0, 4) + number(0x21_0000, 4) + number(Int(~checksum), 4)
        shared += number(content.count, 4) + number(content.count, 4) + number(name.utf8.count, 2) + number(0, 2)
        let header = number(0x0403_4B50, 4) + shared + Array(name.utf8) + content
        let entry =
            number(0x0201_4B50, 4) + number(0x0314, 2) + shared + number(0, 6) + number(0o100644 << 16, 4)
            + number(0, 4)
        let directory = entry + Array(name.utf8)
        let end = number(0x0605_4B50, 4) + number(0, 4) + number(1, 2) + number(1, 2) + number(directory.count, 4)
        return header + directory + end + number(header.count, 4) + number(0, 2)
    }
}

private final class CacheFixture: Sendable {
    let folder: String
    let blobs = FakeBlobs()
    let cache: CodeCache

    init(unusedLimit: Int = 32, leftover: String? = nil) throws {
        folder = "\(NSTemporaryDirectory())/apus-cache-\(UUID().uuidString)"
        if let leftover {
            try FileManager.default.createDirectory(
                atPath: "\(folder)/\(leftover)", withIntermediateDirectories: true)
        }
        cache = try CodeCache(
            folder: folder, blobs: blobs, unusedLimit: unusedLimit, threads: .singleton, logger: Logger(label: "test"))
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// Removal happens in the background; ten seconds are more than it can take.
    func wait(_ condition: () -> Bool) async throws {
        for _ in 0..<2000 {
            if condition() { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        Issue.record("nothing happened")
    }
}

/// Blobs in memory; reading can be held up.
private final class FakeBlobs: BlobStore {
    private struct State {
        var bytes: [String: [UInt8]] = [:]
        var damaged: Set<String> = []
        var reads = 0
        var added = 0
        var isClosed = false
        var readers: [CheckedContinuation<Void, Never>] = []
        var watchers: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    var reads: Int { state.withLock { $0.reads } }

    func add(_ bytes: [UInt8]) -> CodeReference {
        state.withLock { state in
            state.added += 1
            let digits = String(state.added, radix: 16)
            let name = String(repeating: "a", count: 64 - digits.count) + digits
            state.bytes[name] = bytes
            return CodeReference(sha256: name)
        }
    }

    func damage(_ code: CodeReference) { state.withLock { _ = $0.damaged.insert(code.sha256) } }
    func mend(_ code: CodeReference) { state.withLock { _ = $0.damaged.remove(code.sha256) } }
    func close() { state.withLock { $0.isClosed = true } }

    func open() {
        let readers = state.withLock { state in
            state.isClosed = false
            defer { state.readers = [] }
            return state.readers
        }
        for reader in readers { reader.resume() }
    }

    func waitForReader() async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.reads == 0 { state.watchers.append(continuation) }
                return state.reads > 0
            }
            if isThere { continuation.resume() }
        }
    }

    func get(_ id: BlobID) async throws(StoreError) -> [UInt8] {
        await withCheckedContinuation { continuation in
            let (watchers, isClosed) = state.withLock { state in
                state.reads += 1
                if state.isClosed { state.readers.append(continuation) }
                defer { state.watchers = [] }
                return (state.watchers, state.isClosed)
            }
            for watcher in watchers { watcher.resume() }
            if !isClosed { continuation.resume() }
        }
        let (bytes, isDamaged) = state.withLock { ($0.bytes[id.hex], $0.damaged.contains(id.hex)) }
        if isDamaged { throw StoreError(.corrupt, "damaged") }
        guard let bytes else { throw StoreError(.notFound, "no blob \(id)") }
        return bytes
    }

    func put(_ bytes: [UInt8]) async throws(StoreError) -> BlobID { throw StoreError(.failed, "not here") }
    func put(contentsOf path: String) async throws(StoreError) -> BlobID { throw StoreError(.failed, "not here") }
    func renew(_ id: BlobID) async throws(StoreError) -> Bool { throw StoreError(.failed, "not here") }
    func copy(_ id: BlobID, to path: String) async throws(StoreError) { throw StoreError(.failed, "not here") }
    func delete(_ id: BlobID) async throws(StoreError) -> Bool { throw StoreError(.failed, "not here") }
    func all() async throws(StoreError) -> [BlobID] { throw StoreError(.failed, "not here") }

    func removeUnnamed(keeping named: Set<BlobID>, putBefore: Timestamp) async throws(StoreError) -> Int {
        throw StoreError(.failed, "not here")
    }
}
