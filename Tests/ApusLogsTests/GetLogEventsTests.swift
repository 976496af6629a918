import ApusLogs
import ApusModel
import ApusShapes
import ApusTesting
import Testing

struct GetLogEventsTests {
    private static func ten(_ fixture: LogsFixture) async {
        // Another stream's events lie between.
        await fixture.write((0..<10).flatMap { [("s", $0, "event \($0)\n"), ("t", $0, "other \($0)\n")] })
    }

    @Test func anEventIsALineWithItsTimes() async throws {
        try await LogsFixture.run { fixture in
            fixture.time.advance(by: .milliseconds(7))
            await fixture.write([("s", -5, "one\n"), ("s", -4, "two"), ("s", -3, "\n"), ("s", -2, "ü\r\n")])
            let reply = try await fixture.events()
            #expect(reply.texts == ["one", "two", "\n", "ü\r"])
            #expect(reply.events?.first?.timestamp == fixture.now - 5)
            #expect(reply.events?.first?.ingestionTime == fixture.now)
        }
    }

    @Test func pagesForwardJoinToTheStream() async throws {
        try await LogsFixture.run { fixture in
            await Self.ten(fixture)
            var (texts, token): ([String], String?) = ([], nil)
            for expected in [3, 3, 3, 1, 0] {
                let page = try await fixture.events { request in
                    request.limit = 3
                    request.startFromHead = true
                    request.nextToken = token
                }
                #expect(page.texts.count == expected)
                texts += page.texts
                // At the end the token stays the same.
                #expect((page.nextForwardToken == token) == (expected == 0))
                token = page.nextForwardToken
            }
            #expect(texts == (0..<10).map { "event \($0)" })
            // What is written later comes next.
            await fixture.write([("s", 99, "late")])
            #expect(try await fixture.events { $0.nextToken = token }.texts == ["late"])
        }
    }

    @Test func pagesBackwardJoinToTheStream() async throws {
        try await LogsFixture.run { fixture in
            await Self.ten(fixture)
            var (pages, token): ([[String]], String?) = ([], nil)
            for expected in [4, 4, 2, 0] {
                let page = try await fixture.events { request in
                    request.limit = 4
                    request.nextToken = token
                }
                #expect(page.texts.count == expected)
                #expect((page.nextBackwardToken == token) == (expected == 0))
                pages.insert(page.texts, at: 0)
                token = page.nextBackwardToken
            }
            #expect(pages.flatMap { $0 } == (0..<10).map { "event \($0)" })
        }
    }

    @Test func oneMayTurnRoundOnEveryPage() async throws {
        try await LogsFixture.run { fixture in
            await Self.ten(fixture)
            let last = try await fixture.events { $0.limit = 3 }
            #expect(last.texts == ["event 7", "event 8", "event 9"])
            let before = try await fixture.events { request in
                request.limit = 3
                request.nextToken = last.nextBackwardToken
            }
            #expect(before.texts == ["event 4", "event 5", "event 6"])
            let again = try await fixture.events { request in
                request.limit = 3
                request.nextToken = before.nextForwardToken
            }
            #expect(again.texts == last.texts)
        }
    }

    @Test func theEndOfARangeIsNotInIt() async throws {
        try await LogsFixture.run { fixture in
            await Self.ten(fixture)
            let reply = try await fixture.events { request in
                request.startTime = fixture.now + 2
                request.endTime = fixture.now + 5
            }
            #expect(reply.texts == ["event 2", "event 3", "event 4"])
        }
    }

    @Test(arguments: [0, 9_999_999_999_999, Int.max])
    func timesFarAwayAreNoMistake(_ end: Int) async throws {
        try await LogsFixture.run { fixture in
            await Self.ten(fixture)
            let reply = try await fixture.events { $0.endTime = end }
            #expect(reply.texts.count == (end == 0 ? 0 : 10))
        }
    }

    @Test func anAnswerHasOneMebibyteAtTheMost() async throws {
        try await LogsFixture.run { fixture in
            let text = String(repeating: "x", count: 200 << 10)
            await fixture.write((0..<12).map { ("s", $0, text) })
            let first = try await fixture.events { $0.startFromHead = true }
            #expect(first.texts.count == 5)
            let last = try await fixture.events()
            #expect(last.events?.last?.timestamp == fixture.now + 11)
            #expect(last.texts.count == 5)
        }
    }

    @Test(arguments: [
        "", "x", "f/1", "f/1/s/x", "g/1/s", "f/-1/s", "f/x/s", "f/1/t", "f/99999999999999999999/s",
        "f/9223372036854775807/s", "f//s",
    ])
    func aTokenThatIsNotOursIsRefused(_ token: String) async throws {
        try await LogsFixture.run { fixture in
            await fixture.write([("s", 0, "x")])
            let fault = try await fault { _ = try await fixture.events { $0.nextToken = token } }
            #expect(fault == Fault("InvalidParameterException", status: 400, "The specified nextToken is invalid."))
        }
    }

    @Test func whatIsNotThereIsNamed() async throws {
        try await LogsFixture.run { fixture in
            await fixture.write([("stream-2", 0, "x")])
            let stream = try await fault { _ = try await fixture.events("stream") }
            #expect(
                stream
                    == Fault("ResourceNotFoundException", status: 400, "The specified log stream does not exist."))
            let group = try await fault { _ = try await fixture.events { $0.logGroupName = "other" } }
            #expect(
                group == Fault("ResourceNotFoundException", status: 400, "The specified log group does not exist."))
        }
    }

    @Test func aGroupIsNamedOnce() async throws {
        try await LogsFixture.run { fixture in
            await fixture.write([("s", 0, "x")])
            for identifier in [LogsFixture.group, "arn:aws:logs:us-east-1:000000000000:log-group:\(LogsFixture.group)"]
            {
                let reply = try await fixture.events { request in
                    request.logGroupName = nil
                    request.logGroupIdentifier = identifier
                }
                #expect(reply.texts == ["x"])
            }
            let both = try await fault { _ = try await fixture.events { $0.logGroupIdentifier = "x" } }
            #expect(both?.code == "InvalidParameterException")
            let neither = try await fault { _ = try await fixture.events { $0.logGroupName = nil } }
            #expect(neither?.message == "LogGroupName or LogGroupIdentifier must be provided.")
        }
    }

    @Test func scopesDoNotSeeEachOther() async throws {
        try await LogsFixture.run { fixture in
            let elsewhere = Scope(account: .standard, region: Region("eu-west-1"))
            await fixture.write([("s", 0, "here")])
            await fixture.write([("s", 0, "there")], in: elsewhere)
            let reply = try await fixture.events()
            #expect(reply.texts == ["here"])
        }
    }
}
