import ApusLogs
import ApusModel
import ApusShapes
import ApusStore
import ApusTesting
import Testing

/// Pages begin and end inside the rows that events share, and rows of several streams overlap.
struct EventPagingTests {
    private struct Event: Equatable {
        var stream: String
        var offset: Int
        var text: String
    }

    /// Up to 300 events of three streams, whose times jump now and then, stored in batches of any size.
    private static func write(_ fixture: LogsFixture, _ generator: inout SeededGenerator) async -> [Event] {
        var events: [Event] = []
        var offset = 0
        for _ in 0..<Int.random(in: 1...6, using: &generator) {
            let batch = (0..<Int.random(in: 1...50, using: &generator)).map { number in
                offset += [0, 0, 1, 2, 7, 60, 150, -3, -200].randomElement(using: &generator)!
                let stream = ["a", "ab", "b"].randomElement(using: &generator)!
                return Event(stream: stream, offset: offset, text: "\(events.count + number)")
            }
            await fixture.write(batch.map { ($0.stream, $0.offset, $0.text) })
            events += batch
        }
        return events
    }

    @Test(arguments: 1...12)
    func aStreamIsTheSameInPagesOfAnySizeInBothDirections(_ seed: UInt64) async throws {
        try await LogsFixture.run { fixture in
            var generator = SeededGenerator(seed: seed)
            let events = await Self.write(fixture, &generator)
            let low = Int.random(in: -300...100, using: &generator)
            let high = Int.random(in: 0...900, using: &generator)
            for stream in Set(events.map(\.stream)) {
                let expected = events.filter { $0.stream == stream && low <= $0.offset && $0.offset < high }.map(\.text)
                for isForward in [true, false] {
                    let size = Int.random(in: 1...40, using: &generator)
                    var (found, token): ([String], String?) = ([], nil)
                    while true {
                        let page = try await fixture.events(stream) { request in
                            request.startTime = fixture.now + low
                            request.endTime = fixture.now + high
                            request.limit = size
                            request.startFromHead = isForward
                            request.nextToken = token
                        }
                        let next = isForward ? page.nextForwardToken : page.nextBackwardToken
                        found = isForward ? found + page.texts : page.texts + found
                        #expect(page.texts.count <= size)
                        if page.texts.isEmpty { break }
                        #expect(next != token)
                        token = next
                    }
                    #expect(found == expected)
                }
            }
        }
    }

    @Test(arguments: 1...12)
    func aGroupIsTheSameInPagesOfAnySize(_ seed: UInt64) async throws {
        try await LogsFixture.run { fixture in
            var generator = SeededGenerator(seed: 100 + seed)
            let events = await Self.write(fixture, &generator)
            let low = Int.random(in: -300...100, using: &generator)
            let high = Int.random(in: 0...900, using: &generator)
            let prefix = ["", "a", "ab", "c"].randomElement(using: &generator)!
            let size = Int.random(in: 1...40, using: &generator)
            var (found, ids, token, pages): ([Event], Set<String>, String?, Int) = ([], [], nil, 0)
            repeat {
                let page = try await fixture.filter { request in
                    request.startTime = fixture.now + low
                    request.endTime = fixture.now + high
                    request.logStreamNamePrefix = prefix.isEmpty ? nil : prefix
                    request.limit = size
                    request.nextToken = token
                }
                for event in page.events ?? [] {
                    let offset = (event.timestamp ?? 0) - fixture.now
                    found.append(Event(stream: event.logStreamName ?? "", offset: offset, text: event.message ?? ""))
                    ids.insert(event.eventId ?? "")
                }
                token = page.nextToken
                pages += 1
            } while token != nil && pages < 1000
            let expected = events.filter { low <= $0.offset && $0.offset <= high && $0.stream.hasPrefix(prefix) }
            #expect(found.map(\.offset) == expected.map(\.offset).sorted())
            #expect(ids.count == expected.count)
            #expect(pages == max(1, (expected.count + size - 1) / size))
            for stream in ["a", "ab", "b"] {
                // Events of one time keep the order in which they came.
                let own = expected.filter { $0.stream == stream }.enumerated()
                let sorted = own.sorted { ($0.element.offset, $0.offset) < ($1.element.offset, $1.offset) }
                #expect(found.filter { $0.stream == stream } == sorted.map(\.element))
            }
        }
    }

    @Test func aRowThatIsNoneHoldsNoEvents() async throws {
        try await LogsFixture.run { fixture in
            await fixture.write([("s", 0, "before\n"), ("s", 1, "same row\n")])
            let row = try #require(try await fixture.store.read(fixture.log, LogQuery(limit: 1)).first)
            var generator = SeededGenerator(seed: 5)
            var payloads: [[UInt8]] = [[], [1], Array(repeating: 0, count: 9), Array("12345678an event of old".utf8)]
            payloads.append([2] + row.payload.dropFirst())
            payloads.append(row.payload.dropLast())
            payloads += (0..<200).map { _ in generator.bytes(0...60) }
            try await fixture.store.append(
                payloads.map { (fixture.log, NewRecord(tag: "s", time: row.time, payload: $0)) })
            // What is changed may still be a row, with other events.
            try await fixture.store.append(
                (0..<200).map { _ in
                    let payload = generator.mutated(row.payload, alphabet: [0, 1, 12, 0xFF])
                    return (fixture.log, NewRecord(tag: "mutated", time: row.time, payload: payload))
                })
            await fixture.write([("s", 2, "after\n")])
            #expect(try await fixture.events().texts == ["before", "same row", "after"])
            #expect(try await fixture.filter { $0.logStreamNames = ["s"] }.texts == ["before", "same row", "after"])
            #expect(try await fixture.events("mutated").texts.count < 400)
            #expect(try await fixture.filter().texts.contains("after"))
        }
    }
}
