import ApusModel
import ApusStore
import ApusStoreSQLite
import ApusTesting
import Foundation
import Testing

private let queue = QueueName(kind: "async", partition: "p")

private func key(_ name: String) -> RowKey { RowKey(table: "t", partition: "p", key: name) }

private func message(_ id: String) -> NewMessage {
    NewMessage(id: id, body: Array("body".utf8), due: Timestamp(seconds: 0))
}

struct SQLiteStoreTests {
    @Test func onlyTheOwnerMayReadTheFiles() async throws {
        try await SQLiteFixture.run { fixture in
            _ = try await fixture.store.blobs.put([1, 2, 3])
            try await fixture.store.enqueue([message("a")], to: queue)
            #expect(try TemporaryFolder.mode(fixture.folder) == 0o700)
            for file in ["apus.sqlite", "apus.sqlite-wal", "apus.sqlite-shm", "apus.lock", "root.key"] {
                #expect(try TemporaryFolder.mode("\(fixture.folder)/\(file)") == 0o600, "\(file)")
            }
        }
    }

    @Test func aSecondServerOnTheFolderIsRefusedByName() async throws {
        try await SQLiteFixture.run { fixture in
            let error = #expect(throws: StoreError.self) { try SQLiteStore(folder: fixture.folder, time: fixture.time) }
            #expect(error?.code == .busy)
            #expect(error?.context.contains("process id \(getpid()) is using it") == true, "\(error?.context ?? "")")
            try await fixture.store.enqueue([message("a")], to: queue)
        }
    }

    @Test func everyCommitIsSynced() async throws {
        try await SQLiteFixture.run { fixture in
            let synchronous = try await fixture.sqlite.setting("synchronous")
            #expect(synchronous == "2")
            #expect(try await fixture.sqlite.setting("journal_mode") == "wal")
        }
    }

    @Test func aCopyOfTheFilesOfAnOpenStoreHoldsAllThatReturned() async throws {
        try await SQLiteFixture.run { fixture in
            let writers = 8
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<writers {
                    group.addTask {
                        for number in 0..<25 {
                            try await fixture.store.enqueue([message("\(writer)-\(number)")], to: queue)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let copy = TemporaryFolder.path()
            defer { try? FileManager.default.removeItem(atPath: copy) }
            try await fixture.sqlite.holdingWriter {
                try FileManager.default.copyItem(atPath: fixture.folder, toPath: copy)
            }
            let store = try SQLiteStore(folder: copy, time: fixture.time)
            #expect(try await store.depth(of: queue) == writers * 25)
            await store.close()
        }
    }

    @Test func writesThatWaitTogetherCommitTogetherAndFailAlone() async throws {
        try await SQLiteFixture.run { fixture in
            let store = fixture.sqlite
            let outcomes = try await withThrowingTaskGroup(of: Bool.self) { group in
                try await store.holdingWriter {
                    for number in 0..<40 {
                        group.addTask {
                            // Every fourth finds its row taken by the one before it.
                            let name = number % 4 == 3 ? number - 1 : number
                            let writes: [RowWrite] = [
                                .put(key("mark \(number)"), value: [], when: .any),
                                .enqueue(message("\(number)"), to: queue),
                                .put(key("row \(name)"), value: [], when: .absent),
                            ]
                            return (try? await store.commit(writes)) != nil
                        }
                    }
                    while store.waitingWrites < 40 { await Task.yield() }
                }
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(outcomes == 30)
            let marks = try await store.rows(table: "t", partition: "p", prefix: "mark ", after: nil, limit: 100)
            #expect(marks.count == 30)
            #expect(try await store.depth(of: queue) == 30)
            let claimed = try await store.claim(
                from: queue, limit: 100, now: Timestamp(seconds: 1), lease: .seconds(1))
            #expect(claimed.count == 30)
        }
    }

    /// `ABORT` fails one statement, as a value that is too long does; `ROLLBACK` the transaction, as a full disk does.
    @Test(arguments: [("ABORT", ["before", "after"]), ("ROLLBACK", [])])
    func aWriteThatFailsHalfWayLeavesNothing(_ failure: String, _ kept: [String]) async throws {
        try await SQLiteFixture.run { fixture in
            let store = fixture.sqlite
            try await store.execute(
                """
                CREATE TRIGGER refusal BEFORE INSERT ON item WHEN NEW.name = 'refused'
                BEGIN SELECT RAISE(\(failure), 'no room'); END
                """)
            let failures = try await withThrowingTaskGroup(of: StoreError?.self) { group in
                try await store.holdingWriter {
                    for (place, name) in ["before", "refused", "after"].enumerated() {
                        group.addTask {
                            do throws(StoreError) {
                                try await store.commit([
                                    .enqueue(message(name), to: queue), .put(key(name), value: [], when: .any),
                                ])
                                return nil
                            } catch {
                                return error
                            }
                        }
                        while store.waitingWrites <= place { await Task.yield() }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1.map { [$0] } ?? [] }
            }
            #expect(failures.count == 3 - kept.count)
            #expect(failures.allSatisfy { $0.code == .failed && $0.context.contains("no room") })
            #expect(try await store.rows(table: "t", partition: "p").map(\.key.key).sorted() == kept.sorted())
            #expect(try await store.depth(of: queue) == kept.count)
            #expect(try await store.number("SELECT count(*) FROM message_body") == kept.count)
            // The writer goes on.
            try await store.enqueue([message("next")], to: queue)
            #expect(try await store.depth(of: queue) == kept.count + 1)
        }
    }

    @Test func moreThanMayWaitIsRefused() async throws {
        try await TemporaryFolder.with { folder in
            let store = try SQLiteStore(folder: folder, time: ManualTime(), pendingWrites: 5)
            try await withThrowingTaskGroup(of: Void.self) { group in
                try await store.holdingWriter {
                    for number in 0..<5 {
                        group.addTask { try await store.enqueue([message("\(number)")], to: queue) }
                    }
                    while store.waitingWrites < 5 { await Task.yield() }
                    await #expect(throws: StoreError(.busy, "enqueue to queue async/p: 5 writes wait already")) {
                        try await store.enqueue([message("one too many")], to: queue)
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await store.depth(of: queue) == 5)
            await store.close()
        }
    }

    @Test func cancellingTheCallerDoesNotLoseItsWrite() async throws {
        try await SQLiteFixture.run { fixture in
            let store = fixture.sqlite
            let task = Task { try await store.enqueue([message("a")], to: queue) }
            task.cancel()
            try await task.value
            let reading = Task { try await store.depth(of: queue) }
            reading.cancel()
            #expect(try await reading.value == 1)
        }
    }

    @Test func aClosedStoreAnswersBusy() async throws {
        try await TemporaryFolder.with { folder in
            let store = try SQLiteStore(folder: folder, time: ManualTime())
            let accepted = Task { try await store.enqueue([message("a")], to: queue) }
            try await accepted.value
            await store.close()
            for call in [
                { try await store.enqueue([message("b")], to: queue) }, { _ = try await store.depth(of: queue) },
            ] as [() async throws -> Void] {
                let error = await #expect(throws: StoreError.self) { try await call() }
                #expect(error?.code == .busy)
            }
        }
    }

    @Test func aPurgeThatWasCutShortGoesOnAtTheNextStart() async throws {
        try await SQLiteFixture.run { fixture in
            try await fixture.store.enqueue((0..<600).map { message("\($0)") }, to: queue)
            // What a kill leaves right after the purge committed.
            try await fixture.sqlite.execute("UPDATE queue SET kind = NULL, partition = NULL, head = NULL")
            _ = try await fixture.reopen()
            let store = fixture.sqlite
            while try await store.number("SELECT count(*) FROM message") > 0 { await Task.yield() }
            #expect(try await store.number("SELECT count(*) FROM message_body") == 0)
        }
    }

    @Test func aStoreOfANewerApusIsLeftAlone() async throws {
        try await TemporaryFolder.with { folder in
            let store = try SQLiteStore(folder: folder, time: ManualTime())
            try await store.execute("INSERT INTO grdb_migrations VALUES ('99 from the future')")
            await store.close()
            let error = #expect(throws: StoreError.self) { try SQLiteStore(folder: folder, time: ManualTime()) }
            #expect(error?.context.contains("newer Apus") == true)
        }
    }

    @Test func aFileThatIsNoDatabaseIsNamed() async throws {
        try await TemporaryFolder.with { folder in
            let store = try SQLiteStore(folder: folder, time: ManualTime())
            await store.close()
            try Data(repeating: 7, count: 8192).write(to: URL(fileURLWithPath: "\(folder)/apus.sqlite"))
            let error = #expect(throws: StoreError.self) { try SQLiteStore(folder: folder, time: ManualTime()) }
            #expect(error?.code == .failed)
            #expect(error?.context.contains("\(folder)/apus.sqlite: file is not a database") == true)
        }
    }

    @Test func noQueryScansATable() async throws {
        try await SQLiteFixture.run { fixture in
            for sql in [
                "SELECT id FROM queue WHERE kind IS NULL LIMIT 1",
                "SELECT id, partition FROM queue WHERE kind = 'k' AND head <= 5 ORDER BY head",
                "SELECT min(head) FROM queue WHERE kind = 'k' AND head > 5",
                "SELECT min(due) FROM message WHERE queue = 1 AND due > 5",
                "SELECT id FROM log WHERE kind IS NULL LIMIT 1",
            ] {
                let plan = try await fixture.sqlite.plan(sql)
                #expect(!plan.contains { $0.hasPrefix("SCAN") || $0.contains("TEMP B-TREE") }, "\(sql): \(plan)")
            }
        }
    }
}
