import ApusModel
import ApusStore

private func key(_ name: String, partition: String = "p", table: String = "t") -> RowKey {
    RowKey(table: table, partition: partition, key: name)
}

extension Store {
    /// Adds one to the first byte of a row.
    ///
    /// - Returns: false when another writer came first.
    fileprivate func increment(_ key: RowKey) async throws -> Bool {
        guard let row = try await row(key) else { return false }
        do throws(StoreError) {
            try await commit([.put(key, value: [row.value[0] + 1], when: .revision(row.revision))])
            return true
        } catch let error where error.code == .conflict {
            return false
        }
    }
}

extension StoreConformance {
    static let rows: [StoreConformance] = [
        StoreConformance("a row that was put is read back with its revision") { fixture in
            let store = fixture.store
            try expect(try await store.row(key("a")), is: nil)
            let revision = try await store.commit([.put(key("a"), value: bytes("one"), when: .absent)])[0]
            try expect(try await store.row(key("a")), is: Row(key: key("a"), value: bytes("one"), revision: revision))
        },

        StoreConformance("values of no bytes, of all byte values and of a megabyte come back whole") { fixture in
            for value in [[], Array(0...255), noise(1 << 20)] {
                try await fixture.store.commit([.put(key("a"), value: value, when: .any)])
                try expect(try await fixture.store.row(key("a"))?.value == value, "\(value.count) bytes changed")
            }
        },

        StoreConformance("a condition that does not hold writes nothing") { fixture in
            let store = fixture.store
            let revision = try await store.commit([.put(key("there"), value: [1], when: .any)])[0]
            let broken: [RowWrite] = [
                .put(key("there"), value: [2], when: .absent),
                .put(key("gone"), value: [2], when: .present),
                .put(key("there"), value: [2], when: .revision(revision + 1)),
                .put(key("gone"), value: [2], when: .revision(revision)),
                .delete(key("there"), when: .absent),
                .delete(key("gone"), when: .present),
                .delete(key("there"), when: .revision(revision + 1)),
                .check(key("there"), .absent),
                .check(key("gone"), .present),
                .check(key("gone"), .revision(revision)),
            ]
            for write in broken {
                try await expect(.conflict) { try await store.commit([write]) }
                try expect(try await store.row(key("there"))?.value, is: [1])
                try expect(try await store.row(key("gone")), is: nil)
            }
        },

        StoreConformance("a condition that holds lets the write through") { fixture in
            let store = fixture.store
            let first = try await store.commit([.put(key("a"), value: [1], when: .absent)])[0]
            let second = try await store.commit([.put(key("a"), value: [2], when: .revision(first))])[0]
            let revisions = try await store.commit([
                .check(key("a"), .revision(second)), .check(key("b"), .absent),
                .put(key("a"), value: [3], when: .present),
            ])
            try expect(Array(revisions[..<2]), is: [0, 0])
            try await store.commit([.delete(key("a"), when: .revision(revisions[2]))])
            try await store.commit([.delete(key("a"), when: .any)])
            try expect(try await store.row(key("a")), is: nil)
        },

        StoreConformance("one broken condition undoes every write of its transaction, messages too") { fixture in
            let store = fixture.store
            let queue = QueueName(kind: "k", partition: "q")
            let message = NewMessage(id: "m", body: [1], due: .at(0))
            try await expect(.conflict) {
                try await store.commit([
                    .put(key("a"), value: [1], when: .any), .enqueue(message, to: queue), .check(key("b"), .present),
                ])
            }
            try expect(try await store.row(key("a")), is: nil)
            try expect(try await store.depth(of: queue), is: 0)
            try await store.commit([.put(key("a"), value: [1], when: .any), .enqueue(message, to: queue)])
            try expect(try await store.row(key("a"))?.value, is: [1])
            try expect(try await store.depth(of: queue), is: 1)
        },

        StoreConformance("conditions speak of the rows before the transaction") { fixture in
            let store = fixture.store
            try await store.commit([
                .put(key("a"), value: [1], when: .absent), .check(key("a"), .absent),
                .put(key("a"), value: [2], when: .absent),
            ])
            try expect(try await store.row(key("a"))?.value, is: [2])
        },

        StoreConformance("revisions of a row grow and are not used again after it was deleted") { fixture in
            let store = fixture.store
            var last: Int64 = 0
            for round in 0..<3 {
                for value: UInt8 in 0..<3 {
                    let revision = try await store.commit([.put(key("a"), value: [value], when: .any)])[0]
                    try expect(revision > last, "revision \(revision) after \(last) in round \(round)")
                    last = revision
                }
                try await store.commit([.delete(key("a"), when: .present)])
            }
            let revision = try await fixture.reopen().commit([.put(key("a"), value: [], when: .absent)])[0]
            try expect(revision > last, "revision \(revision) after \(last) in a new process")
        },

        StoreConformance("rows of a partition come in the order of their keys' bytes") { fixture in
            let names = ["", "A", "Z", "a", "a/b", "a0", "aa", "b", "e\u{301}", "z", "é", "日", "𝄞", "\u{10FFFF}"]
            let ordered = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            for name in names.shuffled() {
                try await fixture.store.commit([.put(key(name), value: bytes(name), when: .absent)])
            }
            let found = try await fixture.store.rows(table: "t", partition: "p")
            try expect(found.map { bytes($0.key.key) }, is: ordered.map(bytes))
            try expect(found.map(\.value), is: ordered.map(bytes))
        },

        StoreConformance("rows are listed by prefix and in pages") { fixture in
            let store = fixture.store
            let names = ["a", "b", "b/1", "b/2", "b/3", "b/\u{10FFFF}", "b0", "c"]
            try await store.commit(names.map { .put(key($0), value: [], when: .any) })
            try await store.commit([
                .put(key("b/9", partition: "other"), value: [], when: .any),
                .put(key("b/9", table: "other"), value: [], when: .any),
            ])
            func list(_ prefix: String, _ after: String?, _ limit: Int) async throws -> [String] {
                try await store.rows(table: "t", partition: "p", prefix: prefix, after: after, limit: limit)
                    .map(\.key.key)
            }
            try expect(try await list("b/", nil, 100), is: ["b/1", "b/2", "b/3", "b/\u{10FFFF}"])
            try expect(try await list("b/", nil, 2), is: ["b/1", "b/2"])
            try expect(try await list("b/", "b/2", 2), is: ["b/3", "b/\u{10FFFF}"])
            try expect(try await list("b/", "a", 1), is: ["b/1"])
            try expect(try await list("b/", "c", 1), is: [])
            try expect(try await list("", "b0", 9), is: ["c"])
            try expect(try await list("x", nil, 9), is: [])
        },

        StoreConformance("the partitions of a table are distinct and in order") { fixture in
            let store = fixture.store
            for partition in ["b", "a", "c", "a"] {
                for name in ["1", "2"] {
                    try await store.commit([.put(key(name, partition: partition), value: [], when: .any)])
                }
            }
            try await store.commit([.put(key("1", partition: "d", table: "other"), value: [], when: .any)])
            try expect(try await store.partitions(table: "t"), is: ["a", "b", "c"])
            try expect(try await store.partitions(table: "none"), is: [])
        },

        StoreConformance("of writers that race for one row exactly one wins") { fixture in
            let store = fixture.store
            for round in 0..<5 {
                let base = try await store.commit([.put(key("row"), value: [], when: .any)])[0]
                let wins = await withTaskGroup(of: Bool.self) { group in
                    for writer in 0..<16 {
                        group.addTask {
                            let value = bytes("\(writer)")
                            let wish = RowWrite.put(key("row"), value: value, when: .revision(base))
                            let mark = RowWrite.put(key("mark \(round) \(writer)"), value: value, when: .any)
                            return (try? await store.commit([wish, mark])) != nil
                        }
                    }
                    return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
                }
                try expect(wins, is: 1)
                let marks = try await store.rows(
                    table: "t", partition: "p", prefix: "mark \(round) ", after: nil, limit: 100)
                try expect(marks.map(\.value), is: [try await store.row(key("row"))?.value ?? []])
            }
        },

        StoreConformance("no increment of a counter is lost between many writers") { fixture in
            let store = fixture.store
            try await store.commit([.put(key("counter"), value: [0], when: .any)])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        for _ in 0..<10 { while try await !store.increment(key("counter")) {} }
                    }
                }
                try await group.waitForAll()
            }
            try expect(try await store.row(key("counter"))?.value, is: [80])
        },

        StoreConformance("a name with a NUL byte is refused") { fixture in
            try await expect(.failed) {
                try await fixture.store.commit([.put(key("a\0b"), value: [], when: .any)])
            }
            try expect(try await fixture.store.row(key("a")), is: nil)
        },
    ]
}
