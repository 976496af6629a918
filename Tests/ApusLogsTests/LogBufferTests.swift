import ApusLogs
import ApusModel
import ApusServiceKit
import ApusShapes
import ApusTesting
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
                        for number in 0..<500 {
                            _ = buffer.append(
                                Array("\(number)".utf8), time: time.wall, scope: .test, group: LogsFixture.group,
                                stream: "s\(stream)")
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
            func append(_ count: Int) -> Bool {
                buffer.append(
                    [UInt8](repeating: 120, count: count), time: time.wall, scope: .test, group: "g", stream: "s")
            }
            #expect(append((16 << 20) - 1))
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
            _ = fixture.service.buffer.append(
                Array("last words".utf8), time: time.wall, scope: .test, group: LogsFixture.group, stream: "s")
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
}
