import ApusModel
import ApusServiceKit
import ApusStore
import ApusTesting
import ApusWire
import Testing

private struct Note: Record, Equatable {
    var text: String

    init(_ text: String) { self.text = text }

    init?(stored: ShapeValue) {
        guard let text: String = ShapeMembers(stored).get("text") else { return nil }
        self.text = text
    }

    var stored: ShapeValue {
        var members = ShapeMembers()
        members.set("text", text)
        return members.shapeValue
    }
}

struct RecordTableTests {
    private static let elsewhere = Scope(account: .standard, region: Region("eu-west-1"))

    @Test func recordsAreKeptWithinTheirScope() async throws {
        try await TemporaryStore.run { store, _ in
            let notes = RecordTable<Note>("note", in: store)
            try await store.commit([
                notes.put(Note("here"), "k", .test, when: .absent),
                notes.put(Note("there"), "k", Self.elsewhere, when: .absent),
            ])
            #expect(try await notes.get("k", .test)?.value == Note("here"))
            #expect(try await notes.get("k", Self.elsewhere)?.value == Note("there"))
            #expect(try await notes.get("other", .test) == nil)
            #expect(try await Set(notes.scopes()) == [.test, Self.elsewhere])
        }
    }

    @Test func anAccountsOwnRecordsHaveAScopeWithoutRegion() async throws {
        try await TemporaryStore.run { store, _ in
            let notes = RecordTable<Note>("note", in: store)
            let scope = Scope(account: .standard, region: Region(""))
            try await store.commit([notes.put(Note("x"), "k", scope, when: .any)])
            #expect(try await notes.scopes() == [scope])
        }
    }

    @Test func listsAreInTheOrderOfTheirKeys() async throws {
        try await TemporaryStore.run { store, _ in
            let notes = RecordTable<Note>("note", in: store)
            try await store.commit(["b1", "a", "b3", "b2"].map { notes.put(Note($0), $0, .test, when: .any) })
            #expect(try await notes.list(.test).map(\.key) == ["a", "b1", "b2", "b3"])
            #expect(try await notes.list(.test, prefix: "b", after: "b1", limit: 1).map(\.value) == [Note("b2")])
        }
    }

    @Test func aRecordIsWrittenOnlyAsItWasRead() async throws {
        try await TemporaryStore.run { store, _ in
            let notes = RecordTable<Note>("note", in: store)
            try await store.commit([notes.put(Note("1"), "k", .test, when: .absent)])
            let read = try #require(await notes.get("k", .test))
            #expect(try await store.commits([notes.put(Note("2"), "k", .test, when: .revision(read.revision))]))
            #expect(try await !store.commits([notes.put(Note("3"), "k", .test, when: .revision(read.revision))]))
            #expect(try await !store.commits([notes.put(Note("4"), "k", .test, when: .absent)]))
            #expect(try await notes.get("k", .test)?.value == Note("2"))
            try await store.commit([notes.delete("k", .test)])
            #expect(try await notes.get("k", .test) == nil)
        }
    }

    @Test func aRowOfAnotherFormIsCorrupt() async throws {
        try await TemporaryStore.run { store, _ in
            let notes = RecordTable<Note>("note", in: store)
            for bytes in [[UInt8](), [99], RecordArchive.encode(.string("not a note"))] {
                try await store.commit([.put(notes.key("k", .test), value: bytes, when: .any)])
                let error = await #expect(throws: StoreError.self) { try await notes.get("k", .test) }
                #expect(error?.code == .corrupt)
            }
        }
    }
}
