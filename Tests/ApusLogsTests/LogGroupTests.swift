import ApusLogs
import ApusModel
import ApusShapes
import ApusStore
import ApusTesting
import Testing

struct LogGroupTests {
    private static func create(_ name: String, _ fixture: LogsFixture) async throws {
        _ = try await fixture.service.call(Logs.createLogGroup, .init(logGroupName: name))
    }

    @Test func aGroupIsCreatedOnce() async throws {
        try await LogsFixture.run { fixture in
            try await Self.create("g", fixture)
            let fault = try await fault { try await Self.create("g", fixture) }
            #expect(
                fault
                    == Fault("ResourceAlreadyExistsException", status: 400, "The specified log group already exists"))
            let group = try await fixture.service.call(Logs.describeLogGroups, .init()).logGroups?.first
            #expect(
                group
                    == Logs.LogGroup(
                        logGroupName: "g", creationTime: fixture.now, metricFilterCount: 0,
                        arn: "arn:aws:logs:us-east-1:000000000000:log-group:g:*", storedBytes: 0,
                        logGroupClass: "STANDARD",
                        logGroupArn: "arn:aws:logs:us-east-1:000000000000:log-group:g"))
        }
    }

    @Test func groupsAreListedByPrefixPatternAndPage() async throws {
        try await LogsFixture.run { fixture in
            for name in ["/aws/lambda/b", "/aws/lambda/a", "/own/a", "other"] { try await Self.create(name, fixture) }
            func names(_ request: Logs.DescribeLogGroupsRequest) async throws -> [String] {
                try await fixture.service.call(Logs.describeLogGroups, request).logGroups?.compactMap(\.logGroupName)
                    ?? []
            }
            #expect(try await names(.init()) == ["/aws/lambda/a", "/aws/lambda/b", "/own/a", "other"])
            #expect(try await names(.init(logGroupNamePrefix: "/aws/")) == ["/aws/lambda/a", "/aws/lambda/b"])
            #expect(try await names(.init(logGroupNamePattern: "/a")) == ["/aws/lambda/a", "/aws/lambda/b", "/own/a"])
            var (found, token, pages): ([String], String?, Int) = ([], nil, 0)
            repeat {
                let page = try await fixture.service.call(
                    Logs.describeLogGroups, .init(nextToken: token, limit: 3))
                found += page.logGroups?.compactMap(\.logGroupName) ?? []
                token = page.nextToken
                pages += 1
            } while token != nil && pages < 9
            #expect(found == ["/aws/lambda/a", "/aws/lambda/b", "/own/a", "other"])
            #expect(pages == 2)
        }
    }

    @Test func aDeletedGroupTakesItsEventsWithIt() async throws {
        try await LogsFixture.run { fixture in
            await fixture.write([("s", 0, "old")])
            _ = try await fixture.service.call(Logs.deleteLogGroup, .init(logGroupName: LogsFixture.group))
            #expect(try await fault { _ = try await fixture.events() }?.code == "ResourceNotFoundException")
            let again = try await fault {
                _ = try await fixture.service.call(Logs.deleteLogGroup, .init(logGroupName: LogsFixture.group))
            }
            #expect(again?.code == "ResourceNotFoundException")
            // A function that goes on writing makes it anew.
            await fixture.write([("s", 1, "new")])
            #expect(try await fixture.events().texts == ["new"])
        }
    }

    @Test func streamsAreListedByNameOrByTime() async throws {
        try await LogsFixture.run { fixture in
            await fixture.write([("b", 5, "x"), ("a", 9, "x"), ("c", 1, "x"), ("ab", 7, "x")])
            func streams(_ change: (inout Logs.DescribeLogStreamsRequest) -> Void) async throws -> [String] {
                var (names, token, pages): ([String], String?, Int) = ([], nil, 0)
                repeat {
                    var request = Logs.DescribeLogStreamsRequest(logGroupName: LogsFixture.group, limit: 3)
                    change(&request)
                    request.nextToken = token
                    let page = try await fixture.service.call(Logs.describeLogStreams, request)
                    names += page.logStreams?.compactMap(\.logStreamName) ?? []
                    token = page.nextToken
                    pages += 1
                } while token != nil && pages < 9
                return names
            }
            #expect(try await streams { _ in } == ["a", "ab", "b", "c"])
            #expect(try await streams { $0.descending = true } == ["c", "b", "ab", "a"])
            #expect(try await streams { $0.logStreamNamePrefix = "a" } == ["a", "ab"])
            #expect(try await streams { $0.orderBy = "LastEventTime" } == ["c", "b", "ab", "a"])
            #expect(
                try await streams { request in
                    request.orderBy = "LastEventTime"
                    request.descending = true
                } == ["a", "ab", "b", "c"])
            let unordered = try await fault {
                _ = try await streams { request in
                    request.orderBy = "LastEventTime"
                    request.logStreamNamePrefix = "a"
                }
            }
            #expect(unordered?.message == "Cannot order by LastEventTime with a logStreamNamePrefix.")
            let stale = try await fault {
                _ = try await fixture.service.call(
                    Logs.describeLogStreams, .init(logGroupName: LogsFixture.group, nextToken: "none"))
            }
            #expect(stale?.message == "The specified nextToken is invalid.")
        }
    }

    @Test func aStreamTellsOfItsEvents() async throws {
        try await LogsFixture.run { fixture in
            await fixture.write([("s", 5, "x"), ("s", 9, "x"), ("s", 7, "x")])
            let reply = try await fixture.service.call(
                Logs.describeLogStreams, .init(logGroupName: LogsFixture.group))
            let stream = try #require(reply.logStreams?.first)
            #expect(stream.firstEventTimestamp == fixture.now + 5)
            #expect(stream.lastEventTimestamp == fixture.now + 9)
            #expect(stream.arn == "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/hello:log-stream:s")
        }
    }

    // MARK: Retention

    @Test func retentionIsOneOfTheDaysThatAWSHas() async throws {
        try await LogsFixture.run { fixture in
            try await Self.create("g", fixture)
            func retention() async throws -> Int? {
                try await fixture.service.call(Logs.describeLogGroups, .init()).logGroups?.first?.retentionInDays
            }
            _ = try await fixture.service.call(Logs.putRetentionPolicy, .init(logGroupName: "g", retentionInDays: 7))
            #expect(try await retention() == 7)
            let fault = try await fault {
                _ = try await fixture.service.call(
                    Logs.putRetentionPolicy, .init(logGroupName: "g", retentionInDays: 8))
            }
            #expect(fault?.code == "InvalidParameterException")
            #expect(try await retention() == 7)
            _ = try await fixture.service.call(Logs.deleteRetentionPolicy, .init(logGroupName: "g"))
            #expect(try await retention() == nil)
        }
    }

    @Test func eventsOlderThanTheRetentionAreRemoved() async throws {
        try await LogsFixture.run { fixture in
            let day = 86_400_000
            await fixture.write([("s", -2 * day, "oldest"), ("s", -day - 1, "old"), ("s", -day + 1, "young")])
            await fixture.write([("s", -30 * day, "kept for ever")], to: "other")
            _ = try await fixture.service.call(
                Logs.putRetentionPolicy, .init(logGroupName: LogsFixture.group, retentionInDays: 1))
            // It begins with what is due, then waits for a minute.
            let retention = Task { [retention = fixture.service.retention] in try await retention.run() }
            defer { retention.cancel() }
            for _ in 0..<5000 {
                if try await fixture.store.read(fixture.log, LogQuery(limit: 10)).count == 1 { break }
                try await Task.sleep(for: .milliseconds(1))
            }
            // The young one keeps the row that the old one is in as well.
            #expect(try await fixture.store.read(fixture.log, LogQuery(limit: 10)).count == 1)
            #expect(try await fixture.events().texts == ["young"])
            #expect(try await fixture.filter().texts == ["young"])
            #expect(try await fixture.events { $0.logGroupName = "other" }.texts == ["kept for ever"])
        }
    }
}
