import ApusLogs
import ApusModel
import ApusServiceKit
import ApusShapes
import ApusStore
import ApusTesting
import Logging
import Testing

struct LogBufferTests {
    @Test func theFirstLineMakesTheGroup() async throws {
        try await LogsFixture.run { fixture in
            fixture.time.advance(by: .seconds(5))
            await fixture.write([("s", 0, "x")])
            let groups = try await fixture.service.call(Logs.describeLogGroups, .init()).logGroups
            #expect(groups?.map(\.logGroupName) == [LogsFixture.group])
            #expect(groups?.first?.creationTime == fixture.now)
            #expect(groups?.first?.retentionInDays == nil)
        }
    }

    @Test func linesOfManyWritersAreAllKeptInTheirOrder() async throws {
        try await LogsFixture.run { fixture in
            await withTaskGroup(of: Void.self) { group in
                for stream in 0..<8 {
                    group.addTask { [buffer = fixture.service.buffer, time = fixture.time] in
                        let destination = LogDestination.test("s\(stream)")
                        for number in 0..<500 {
                            _ = buffer.append(LogBlock("\(number)", at: time.wall), to: destination)
                            if number % 100 == 0 { await buffer.stored() }
                        }
                    }
                }
            }
            await fixture.service.buffer.stored()
            for stream in 0..<8 {
                let reply = try await fixture.events("s\(stream)")
                #expect(reply.texts == (0..<500).map(String.init))
            }
        }
    }

    @Test func aFullBufferSaysSoAndTakesTheLineAllTheSame() async throws {
        // Its flushing is not at work yet.
        try await TemporaryStore.run { store, time in
            let fixture = LogsFixture(store: store, time: time)
            let buffer = fixture.service.buffer
            let destination = LogDestination.test("s", group: "g")
            func append(_ count: Int) -> Bool {
                // Its time and length take 12 bytes.
                buffer.append(LogBlock(String(repeating: "x", count: count), at: time.wall), to: destination)
            }
            #expect(append((16 << 20) - 25))
            #expect(!append(1))
            #expect(!append(1))
            let work = Task { try await buffer.run() }
            await buffer.stored()
            #expect(append(1))
            work.cancel()
            try await work.value
            let reply = try await fixture.events { request in
                request.logGroupName = "g"
                request.limit = 3
            }
            #expect(reply.texts.map(\.count) == [1, 1, 1])
        }
    }

    @Test func whatIsLeftAtTheEndIsStored() async throws {
        try await TemporaryStore.run { store, time in
            let fixture = LogsFixture(store: store, time: time)
            _ = fixture.service.buffer.append(LogBlock("last words", at: time.wall), to: .test("s"))
            let work = Task { [buffer = fixture.service.buffer] in try await buffer.run() }
            work.cancel()
            try await work.value
            #expect(try await fixture.events().texts == ["last words"])
        }
    }

    @Test func nobodyWaitsForAnEmptyBuffer() async throws {
        try await LogsFixture.run { fixture in
            await fixture.service.buffer.stored()
            await fixture.write([("s", 0, "x")])
            await fixture.service.buffer.stored()
        }
    }

    @Test func nobodyWaitsForABufferThatIsOver() async throws {
        try await TemporaryStore.run { store, time in
            let log = RecordedLog()
            let fixture = LogsFixture(store: store, time: time, logger: log.logger)
            let work = Task { [buffer = fixture.service.buffer] in try await buffer.run() }
            work.cancel()
            try await work.value
            #expect(!fixture.service.buffer.append(LogBlock("too late", at: time.wall), to: .test("s")))
            await fixture.service.buffer.stored()
            #expect(log.messages.value == ["error log lines were lost"])
        }
    }

    @Test func linesOfOneStreamLieTogether() async throws {
        try await TemporaryStore.run { store, time in
            let fixture = LogsFixture(store: store, time: time)
            let streams = ["a", "b"].map { LogDestination.test($0) }
            for number in 0..<1000 {
                _ = fixture.service.buffer.append(LogBlock("\(number)", at: time.wall), to: streams[number % 2])
            }
            let work = Task { [buffer = fixture.service.buffer] in try await buffer.run() }
            work.cancel()
            try await work.value
            #expect(try await store.read(fixture.log, LogQuery(limit: 10)).map(\.tag) == ["a", "b"])
            #expect(try await fixture.events("b").texts == stride(from: 1, to: 1000, by: 2).map(String.init))
        }
    }

    @Test func aBusyStoreLosesNothing() async throws {
        try await TemporaryStore.run(pendingWrites: 1) { store, time in
            let log = RecordedLog()
            let fixture = LogsFixture(store: store, time: time, logger: log.logger)
            let buffer = fixture.service.buffer
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await buffer.run() }
                try await TemporaryStore.keepingBusy(store) {
                    _ = buffer.append(LogBlock("first", at: time.wall), to: .test("s"))
                    try await log.messages.wait(for: "a refusal") { $0.count >= 1 }
                    _ = buffer.append(LogBlock("second", at: time.wall), to: .test("s"))
                    try await log.messages.wait(for: "another") { $0.count >= 2 }
                }
                await buffer.stored()
                group.cancelAll()
            }
            #expect(try await fixture.events().texts == ["first", "second"])
            #expect(Set(log.messages.value) == ["debug log lines wait for the store"])
        }
    }

    @Test func whatABusyStoreLeavesHasABound() async throws {
        try await TemporaryStore.run(pendingWrites: 1) { store, time in
            let log = RecordedLog()
            let fixture = LogsFixture(store: store, time: time, logger: log.logger)
            let buffer = fixture.service.buffer
            let block = LogBlock(String(repeating: "x", count: (4 << 20) - 12), at: time.wall)
            for _ in 0..<20 { _ = buffer.append(block, to: .test("s")) }
            let work = Task { try await buffer.run() }
            await buffer.stored()
            work.cancel()
            try await work.value
            #expect(try await store.read(fixture.log, LogQuery(limit: 100)).count == 16)
            #expect(log.messages.value == ["error log lines were lost"])
        }
    }
}

/// Keeps what the buffer tells the operator.
private struct RecordedLog: LogHandler {
    let messages = Watched<[String]>([])
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    var logger: Logger { Logger(label: "test") { _ in self } }

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { messages.change { $0.append("\(event.level) \(event.message)") } }
}
