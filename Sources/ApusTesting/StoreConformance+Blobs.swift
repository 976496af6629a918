import ApusModel
import ApusStore
import Foundation

extension StoreConformance {
    static let blobs: [StoreConformance] = [
        StoreConformance("blobs of every size come back whole, under the hash of their content") { fixture in
            let blobs = fixture.store.blobs
            for size in [0, 1, 15, 16, 17, 4096, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20, 8 << 20] {
                let content = noise(size, seed: UInt64(size))
                let id = try await blobs.put(content)
                try expect(try await blobs.get(id) == content, "\(size) bytes changed")
            }
            let empty = BlobID(hex: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
            try expect(try await blobs.put([]), is: empty!)
            let abc = BlobID(hex: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
            try expect(try await blobs.put(bytes("abc")), is: abc!)
        },

        StoreConformance("a file's content comes back whole, in memory and as a file") { fixture in
            try await ScratchFiles.lend { files in
                let blobs = fixture.store.blobs
                for size in [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20] {
                    let content = noise(size, seed: UInt64(size))
                    try files.write(content, to: "source")
                    let id = try await blobs.put(contentsOf: files.path("source"))
                    try expect(try await blobs.get(id) == content, "\(size) bytes changed")
                    try expect(try await blobs.put(content), is: id)
                    try await blobs.copy(id, to: files.path("copy"))
                    try expect(files.read("copy") == content, "the copy of \(size) bytes differs")
                    try await expect(.failed) { try await blobs.copy(id, to: files.path("copy")) }
                    try files.remove("copy")
                }
            }
        },

        StoreConformance("a damaged blob is not copied, and neither it nor one that is not there is renewed") {
            fixture in
            try await ScratchFiles.lend { files in
                let blobs = fixture.store.blobs
                let id = try await blobs.put(noise((1 << 20) + 100))
                try expect(try await blobs.renew(id), is: true)
                try fixture.damage(id, at: -1)
                try await expect(.corrupt) { try await blobs.copy(id, to: files.path("copy")) }
                try expect(files.read("copy") == nil, "a part of the blob was left behind")
                try expect(try await blobs.renew(id), is: false)
                try await blobs.delete(id)
                try expect(try await blobs.renew(id), is: false)
                try await expect(.notFound) { try await blobs.copy(id, to: files.path("copy")) }
            }
        },

        StoreConformance("a renewed blob is kept as if it was put now") { fixture in
            let blobs = fixture.store.blobs
            let id = try await blobs.put(bytes("code"))
            fixture.time.advance(by: .seconds(60))
            try expect(try await blobs.renew(id), is: true)
            try expect(try await blobs.removeUnnamed(keeping: [], putBefore: fixture.time.wall), is: 0)
        },

        StoreConformance("storing a blob again changes nothing") { fixture in
            let blobs = fixture.store.blobs
            let id = try await blobs.put(bytes("code"))
            try expect(try await blobs.put(bytes("code")), is: id)
            try expect(try await blobs.all(), is: [id])
            let ids = try await withThrowingTaskGroup(of: BlobID.self) { group in
                for _ in 0..<8 { group.addTask { try await blobs.put(noise(100_000)) } }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            try expect(ids.count, is: 1)
            try expect(try await blobs.get(ids.first!) == noise(100_000), "the blob changed")
        },

        StoreConformance("a deleted blob is gone, and one that never was is not found") { fixture in
            let blobs = fixture.store.blobs
            let kept = try await blobs.put(bytes("kept"))
            let id = try await blobs.put(bytes("code"))
            try expect(try await blobs.delete(id), is: true)
            try expect(try await blobs.delete(id), is: false)
            try await expect(.notFound) { _ = try await blobs.get(id) }
            try expect(try await blobs.all(), is: [kept])
            try expect(try await blobs.put(bytes("code")), is: id)
            try expect(try await blobs.get(id), is: bytes("code"))
        },

        StoreConformance("a changed byte anywhere is noticed, and storing again mends it") { fixture in
            let blobs = fixture.store.blobs
            for content in [[], bytes("small"), noise((1 << 20) + 100)] {
                let id = try await blobs.put(content)
                let offsets = content.count > 1000 ? [0, 47, 48, 500_000, (1 << 20) + 70, -1] : Array(0..<64)
                for offset in offsets {
                    try fixture.damage(id, at: offset)
                    try await expect(.corrupt) { _ = try await blobs.get(id) }
                    try expect(try await blobs.put(content), is: id)
                    try expect(try await blobs.get(id) == content, "byte \(offset) was not mended")
                }
            }
        },

        StoreConformance("blobs that nothing names are removed, those put lately are kept") { fixture in
            let blobs = fixture.store.blobs
            let named = try await blobs.put(bytes("named"))
            let unnamed = try await blobs.put(bytes("unnamed"))
            let renewed = try await blobs.put(bytes("renewed"))
            fixture.time.advance(by: .seconds(60))
            let moment = fixture.time.wall
            let fresh = try await blobs.put(bytes("fresh"))
            try expect(try await blobs.put(bytes("renewed")), is: renewed)
            try expect(try await blobs.removeUnnamed(keeping: [named], putBefore: moment), is: 1)
            try await expect(.notFound) { _ = try await blobs.get(unnamed) }
            try expect(Set(try await blobs.all()), is: [named, renewed, fresh])
            fixture.time.advance(by: .seconds(1))
            try expect(try await blobs.removeUnnamed(keeping: [named], putBefore: fixture.time.wall), is: 2)
        },

        StoreConformance("blobs outlive the process") { fixture in
            let id = try await fixture.store.blobs.put(bytes("code"))
            try expect(try await fixture.reopen().blobs.get(id), is: bytes("code"))
        },
    ]

    static let whole: [StoreConformance] = [
        StoreConformance("an emptied store holds nothing and uses no number again") { fixture in
            let store = fixture.store
            let key = RowKey(table: "t", partition: "p", key: "k")
            let queue = QueueName(kind: "q", partition: "p")
            let log = LogName(kind: "l", partition: "p")
            let revision = try await store.commit([.put(key, value: [1], when: .any)])[0]
            try await store.enqueue([NewMessage(id: "m", body: [1], due: .at(0))], to: queue)
            let record = NewRecord(tag: "t", time: .at(0), payload: [1])
            let sequence = try await store.append([(log: log, record: record)])[0]
            let lease = try await store.acquireLease("lease", holder: "a", now: .at(0), duration: .seconds(9))
            _ = try await store.blobs.put([1])
            try await store.removeAll()
            try expect(try await store.row(key), is: nil)
            try expect(try await store.depth(of: queue), is: 0)
            try expect(try await store.duePartitions(kind: "q", now: .at(9)).due, is: [])
            try expect(try await store.read(log, LogQuery(limit: 9)), is: [])
            try expect(try await store.tags(of: log, prefix: "", after: nil, limit: 9), is: [])
            try expect(try await store.blobs.all(), is: [])
            let next = try await store.acquireLease("lease", holder: "b", now: .at(1), duration: .seconds(9))
            try expect((next?.epoch ?? 0) > (lease?.epoch ?? 0), "the epoch went back")
            let nextRevision = try await store.commit([.put(key, value: [2], when: .absent)])[0]
            try expect(nextRevision > revision, "revision \(nextRevision) after \(revision)")
            let nextSequence = try await store.append([(log: log, record: record)])[0]
            try expect(nextSequence > sequence, "sequence \(nextSequence) after \(sequence)")
            try await store.enqueue([NewMessage(id: "m", body: [2], due: .at(0))], to: queue)
            let claimed = try await store.claim(from: queue, limit: 9, now: .at(0), lease: .seconds(1))
            try expect(claimed.map(\.body), is: [[2]])
        }
    ]
}

/// Files of a check, in a folder that goes with it.
private struct ScratchFiles {
    private let folder = "\(NSTemporaryDirectory())apus-files-\(UUID().uuidString)"

    static func lend(_ body: (ScratchFiles) async throws -> Void) async throws {
        let files = ScratchFiles()
        try FileManager.default.createDirectory(atPath: files.folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: files.folder) }
        try await body(files)
    }

    func path(_ name: String) -> String { "\(folder)/\(name)" }

    func write(_ bytes: [UInt8], to name: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path(name)))
    }

    func read(_ name: String) -> [UInt8]? { FileManager.default.contents(atPath: path(name)).map { Array($0) } }

    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: path(name)) }
}
