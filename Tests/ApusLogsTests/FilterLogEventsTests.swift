import ApusLogs
import ApusModel
import ApusShapes
import ApusTesting
import Testing

struct FilterLogEventsTests {
    /// Streams a, b and ab, whose events came out of order.
    private static func nine(_ fixture: LogsFixture) async {
        await fixture.write([
            ("a", 6, "a6"), ("a", 0, "a0"), ("b", 1, "b1"), ("ab", 2, "ab2"), ("a", 3, "a3"), ("b", 4, "b4"),
            ("ab", 5, "ab5"), ("b", 7, "b7"), ("ab", 8, "ab8"),
        ])
    }

    private static let sorted = ["a0", "b1", "ab2", "a3", "b4", "ab5", "a6", "b7", "ab8"]

    @Test func eventsOfAllStreamsComeInTheOrderOfTheirTimes() async throws {
        try await LogsFixture.run { fixture in
            await Self.nine(fixture)
            let reply = try await fixture.filter()
            #expect(reply.texts == Self.sorted)
            #expect(reply.nextToken == nil)
            #expect(reply.events?.map(\.logStreamName).prefix(3) == ["a", "b", "ab"])
            #expect(reply.events?.first?.timestamp == fixture.now)
            #expect(Set(reply.events?.compactMap(\.eventId) ?? []).count == 9)
            #expect(reply.events?.allSatisfy { $0.eventId?.allSatisfy(\.isNumber) == true } == true)
        }
    }

    @Test(arguments: [1, 2, 3, 4, 9, 100])
    func pagesJoinToTheWhole(_ size: Int) async throws {
        try await LogsFixture.run { fixture in
            await Self.nine(fixture)
            var (texts, token, pages): ([String], String?, Int) = ([], nil, 0)
            repeat {
                let page = try await fixture.filter { request in
                    request.limit = size
                    request.nextToken = token
                }
                #expect(page.texts.count <= size)
                texts += page.texts
                token = page.nextToken
                pages += 1
            } while token != nil && pages < 20
            #expect(texts == Self.sorted)
            #expect(pages == (9 + size - 1) / size)
        }
    }

    @Test(arguments: [1, 2, 100])
    func aPatternIsAppliedAcrossPages(_ size: Int) async throws {
        try await LogsFixture.run { fixture in
            await Self.nine(fixture)
            var (texts, token, pages): ([String], String?, Int) = ([], nil, 0)
            repeat {
                let page = try await fixture.filter { request in
                    request.limit = size
                    request.nextToken = token
                    request.filterPattern = "b"
                    request.logStreamNames = ["ab", "b"]
                }
                texts += page.texts
                token = page.nextToken
                pages += 1
            } while token != nil && pages < 20
            #expect(texts == ["b1", "ab2", "b4", "ab5", "b7", "ab8"])
        }
    }

    @Test func streamsAreChosenByNameOrByPrefix() async throws {
        try await LogsFixture.run { fixture in
            await Self.nine(fixture)
            #expect(try await fixture.filter { $0.logStreamNames = ["a"] }.texts == ["a0", "a3", "a6"])
            #expect(try await fixture.filter { $0.logStreamNames = ["a", "none"] }.texts == ["a0", "a3", "a6"])
            #expect(
                try await fixture.filter { $0.logStreamNamePrefix = "a" }.texts
                    == ["a0", "ab2", "a3", "ab5", "a6", "ab8"])
            let fault = try await fault {
                _ = try await fixture.filter { request in
                    request.logStreamNames = ["a"]
                    request.logStreamNamePrefix = "a"
                }
            }
            #expect(fault?.code == "InvalidParameterException")
        }
    }

    /// Unlike GetLogEvents.
    @Test func theEndOfARangeIsInIt() async throws {
        try await LogsFixture.run { fixture in
            await Self.nine(fixture)
            let reply = try await fixture.filter { request in
                request.startTime = fixture.now + 2
                request.endTime = fixture.now + 4
            }
            #expect(reply.texts == ["ab2", "a3", "b4"])
        }
    }

    @Test(arguments: [0, 9_999_999_999_999, Int.max])
    func timesFarAwayAreNoMistake(_ end: Int) async throws {
        try await LogsFixture.run { fixture in
            await Self.nine(fixture)
            let reply = try await fixture.filter { $0.endTime = end }
            #expect(reply.texts.count == (end == 0 ? 0 : 9))
        }
    }

    @Test func aStretchWithoutMatchesIsNotTheEnd() async throws {
        try await LogsFixture.run { fixture in
            await fixture.write((0..<10_001).map { ("s", $0, $0 == 10_000 ? "needle" : "hay") })
            let first = try await fixture.filter { $0.filterPattern = "needle" }
            #expect(first.texts == [])
            let token = try #require(first.nextToken)
            let second = try await fixture.filter { request in
                request.filterPattern = "needle"
                request.nextToken = token
            }
            #expect(second.texts == ["needle"])
            #expect(second.nextToken == nil)
        }
    }

    @Test(arguments: ["", "x", "1", "1.", ".1", "1.x", "1.2.3", "99999999999999999999.1", "1.9223372036854775807"])
    func aTokenThatIsNotOursIsRefused(_ token: String) async throws {
        try await LogsFixture.run { fixture in
            await fixture.write([("s", 0, "x")])
            let fault = try await fault { _ = try await fixture.filter { $0.nextToken = token } }
            #expect(fault?.message == "The specified nextToken is invalid.")
        }
    }
}
