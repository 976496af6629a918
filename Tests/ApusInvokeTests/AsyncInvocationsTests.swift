import ApusEngine
import ApusInvoke
import ApusModel
import ApusStore
import ApusTesting
import NIOHTTP1
import Testing

@Suite(.timeLimit(.minutes(1)))
struct AsyncInvocationsTests {
    private static let event = [("X-Amz-Invocation-Type", "Event")]

    /// Lends a front door whose events are run.
    private static func run(
        limits: Engine.Limits = Engine.Limits(), failures: Watched<Int> = Watched(0),
        program: @escaping ScriptedDriver.Program, _ body: (InvokeFixture) async throws -> Void
    ) async throws {
        try await InvokeFixture.run(limits: limits, failures: failures, program: program) { fixture in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { [events = fixture.events] in try await events.run() }
                try await body(fixture)
                group.cancelAll()
            }
        }
    }

    private static func waitUntilEmpty(_ fixture: InvokeFixture, _ revision: Revision) async throws {
        for _ in 0..<5000 where try await fixture.store.depth(of: fixture.queue(revision)) > 0 {
            try await Task.sleep(for: .milliseconds(1))
        }
        #expect(try await fixture.store.depth(of: fixture.queue(revision)) == 0)
    }

    /// Returns once the next event is due after `span`.
    private static func waitUntilPutBack(_ fixture: InvokeFixture, for span: Duration) async throws {
        let due = fixture.time.wall + span
        for _ in 0..<5000 {
            let next = try await fixture.store.duePartitions(kind: "async", now: fixture.time.wall).next
            if next == due { return }
            try await Task.sleep(for: .milliseconds(1))
        }
        Issue.record("no event was put back for \(span)")
    }

    @Test func anEventIsOnDiskWhenItIsAccepted() async throws {
        // Nothing runs them here.
        try await InvokeFixture.run { fixture in
            let revision = Revision.sample()
            fixture.engine.publish(revision)
            let reply = try await fixture.call("hello/invocations", headers: Self.event, body: "{\"n\":1}")
            #expect(reply.status == 202)
            #expect(reply.body == "")
            #expect(reply.headers["Content-Length"] == ["0"])
            let messages = try await fixture.store.claim(
                from: fixture.queue(revision), limit: 10, now: fixture.time.wall, lease: .seconds(1))
            #expect(messages.map(\.id) == reply.headers["x-amzn-RequestId"])
            #expect(messages.first.map { String(decoding: $0.body, as: UTF8.self) } == "{\"n\":1}")
            #expect(fixture.engine.driver.sandboxes.value.isEmpty)
        }
    }

    @Test func anEventThatIsRunIsGone() async throws {
        let seen = Watched<[String]>([])
        try await Self.run { runtime in
            try runtime.serve { event in
                let arn = event.headers["lambda-runtime-invoked-function-arn"] ?? ""
                seen.change { $0.append("\(event.id) \(event.body) \(arn)") }
                return "1"
            }
        } _: { fixture in
            let revision = Revision.sample(version: .published(2))
            fixture.engine.publish(revision, qualifier: "2")
            let reply = try await fixture.call("hello:2/invocations", headers: Self.event, body: "[1]")
            let id = reply.headers["x-amzn-RequestId"].first ?? ""
            try await seen.wait(for: "the event") { !$0.isEmpty }
            #expect(seen.value == ["\(id) [1] arn:aws:lambda:us-east-1:000000000000:function:hello:2"])
            try await Self.waitUntilEmpty(fixture, revision)
        }
    }

    @Test func anEventIsKeptWhileItRuns() async throws {
        let gate = Gate()
        try await Self.run { runtime in
            try runtime.serve { _ in
                gate.pass()
                return "1"
            }
        } _: { fixture in
            let revision = Revision.sample()
            fixture.engine.publish(revision)
            _ = try await fixture.call("hello/invocations", headers: Self.event)
            try await gate.waitForArrivals(1)
            #expect(try await fixture.store.depth(of: fixture.queue(revision)) == 1)
            gate.open()
            try await Self.waitUntilEmpty(fixture, revision)
        }
    }

    @Test func manyEventsAreRunOnceEach() async throws {
        let seen = Watched<[String: Int]>([:])
        try await Self.run { runtime in
            try runtime.serve { event in
                seen.change { $0[event.body, default: 0] += 1 }
                return "1"
            }
        } _: { fixture in
            let revision = Revision.sample()
            fixture.engine.publish(revision)
            let connection = try await fixture.connect()
            for number in 0..<150 {
                try await connection.send("/2015-03-31/functions/hello/invocations", Self.event, body: "\(number)")
                #expect(try await connection.reply().status == 202)
            }
            try await seen.wait(for: "all events") { $0.count == 150 }
            try await Self.waitUntilEmpty(fixture, revision)
            #expect(seen.value.values.allSatisfy { $0 == 1 })
        }
    }

    @Test func anEventThatWasThrottledIsRunLater() async throws {
        let (gate, seen) = (Gate(), Watched<[String]>([]))
        var limits = Engine.Limits()
        limits.concurrency.executions = 1
        try await Self.run(limits: limits) { runtime in
            try runtime.serve { event in
                seen.change { $0.append(event.body) }
                if event.body == "\"long\"" { gate.pass() }
                return "1"
            }
        } _: { fixture in
            let revision = Revision.sample()
            fixture.engine.publish(revision)
            let connection = try await fixture.connect()
            try await connection.send("/2015-03-31/functions/hello/invocations", body: "\"long\"")
            try await seen.wait(for: "the long call") { $0 == ["\"long\""] }
            _ = try await fixture.call("hello/invocations", headers: Self.event, body: "\"event\"")
            // It is put back for a second, which does not pass by itself.
            try await Self.waitUntilPutBack(fixture, for: .seconds(1))
            gate.open()
            #expect(try await connection.reply().status == 200)
            #expect(seen.value == ["\"long\""])
            fixture.time.advance(by: .seconds(1))
            try await seen.wait(for: "the event") { $0.contains("\"event\"") }
            try await Self.waitUntilEmpty(fixture, revision)
        }
    }

    @Test func anEventWaitsForItsFunctionToBecomeActive() async throws {
        let seen = Watched(0)
        try await Self.run { runtime in
            try runtime.serve { _ in
                seen.change { $0 += 1 }
                return "1"
            }
        } _: { fixture in
            let revision = Revision.sample()
            fixture.engine.publish(revision)
            // It is accepted while the function can be called, and run when it cannot.
            try await fixture.store.enqueue(
                [
                    NewMessage(
                        id: "id", body: Array("{}".utf8), attributes: ["qualifier": "$LATEST"],
                        due: fixture.time.wall + .seconds(5))
                ],
                to: fixture.queue(revision))
            fixture.engine.engine.suspend(revision.function, qualifier: "$LATEST", state: "Pending")
            fixture.time.advance(by: .seconds(5))
            try await Self.waitUntilPutBack(fixture, for: .seconds(1))
            #expect(seen.value == 0)
            fixture.engine.publish(revision)
            fixture.time.advance(by: .seconds(1))
            try await seen.wait(for: "the event") { $0 == 1 }
        }
    }

    @Test func anEventOfAFunctionThatIsGoneIsDropped() async throws {
        try await Self.run { runtime in
            try runtime.serve { $0.body }
        } _: { fixture in
            let revision = Revision.sample("gone")
            try await fixture.store.enqueue(
                [NewMessage(id: "id", body: [], attributes: ["qualifier": "$LATEST"], due: fixture.time.wall)],
                to: fixture.queue(revision))
            try await Self.waitUntilEmpty(fixture, revision)
        }
    }

    @Test func anEventSurvivesTheServerThatRanIt() async throws {
        let seen = Watched<[String]>([])
        let gate = Gate()
        try await InvokeFixture.run { runtime in
            try runtime.serve { event in
                seen.change { $0.append(event.id) }
                gate.pass()
                return "1"
            }
        } _: { fixture in
            let revision = Revision.sample()
            fixture.engine.publish(revision)
            let first = Task { [events = fixture.events] in try await events.run() }
            _ = try await fixture.call("hello/invocations", headers: Self.event)
            try await seen.wait(for: "the event") { $0.count == 1 }
            // The first server is gone without a word; the next takes up what it had begun.
            first.cancel()
            try await first.value
            let later = InvokeFixture.events(fixture.engine, fixture.store)
            try await later.recover()
            let second = Task { try await later.run() }
            try await seen.wait(for: "the event again") { $0.count == 2 }
            gate.open(for: 2)
            #expect(Set(seen.value).count == 1)
            try await Self.waitUntilEmpty(fixture, revision)
            second.cancel()
            try await second.value
        }
    }

    @Test func aStoreThatFailsForAWhileTakesNoPlacesWithIt() async throws {
        let failures = Watched(0)
        let seen = Watched(0)
        try await Self.run(failures: failures) { runtime in
            try runtime.serve { _ in
                seen.change { $0 += 1 }
                return "1"
            }
        } _: { fixture in
            fixture.engine.publish(.sample())
            // Each failed claim asks for 20 of the 100 places.
            for round in 1...7 {
                failures.change { $0 = 1 }
                _ = try await fixture.call("hello/invocations", headers: Self.event, body: "\(round)")
                try await failures.wait(for: "a failed claim") { $0 == 0 }
            }
            _ = try await fixture.call("hello/invocations", headers: Self.event, body: "8")
            try await seen.wait(for: "all events") { $0 == 8 }
        }
    }

    @Test func anEventThatCannotBeStoredIsNotAccepted() async throws {
        try await InvokeFixture.run(takesEvents: false) { fixture in
            fixture.engine.publish(.sample())
            let reply = try await fixture.call("hello/invocations", headers: Self.event)
            #expect(reply.status == 500)
            #expect(reply.headers["x-amzn-ErrorType"] == ["ServiceException"])
        }
    }
}
