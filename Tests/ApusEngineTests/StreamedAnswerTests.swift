import ApusEngine
import ApusModel
import ApusTesting
import Glibc
import NIOCore
import Testing

/// Answers that go to the caller as they come.
@Suite(.timeLimit(.minutes(1)))
struct StreamedAnswerTests {
    private static func begin(
        _ fixture: EngineFixture, _ receiver: RecordingReceiver?, wantsLogTail: Bool = false
    ) -> Watched<InvocationResult?> {
        let result = Watched<InvocationResult?>(nil)
        fixture.begin(.sample(), wantsLogTail: wantsLogTail, receiver: receiver) { end in
            result.change { $0 = end }
        }
        return result
    }

    private static func end(of result: Watched<InvocationResult?>) async throws -> InvocationResult {
        try #require(try await result.wait(for: "the end of the call") { $0 != nil })
    }

    // MARK: Parts

    @Test func aPartReachesTheCallerBeforeTheNextIsWritten() async throws {
        let gate = Gate()
        try await EngineFixture.run { runtime in
            let event = try runtime.next()
            try runtime.beginStream(event, contentType: "text/mine")
            try runtime.stream("first")
            gate.pass()
            try runtime.stream("second")
            try runtime.endStream()
            try runtime.hang()
        } _: { fixture in
            fixture.publish(.sample())
            let receiver = RecordingReceiver()
            let result = Self.begin(fixture, receiver)
            let answer = try await receiver.answer.wait(for: "the first part") { $0.text == "first" }
            #expect(answer.head?.contentType == "text/mine")
            #expect(answer.head?.executedVersion == "$LATEST")
            #expect(result.value == nil)
            gate.open()
            let end = try await Self.end(of: result)
            #expect(end.summary == "success ")
            #expect(receiver.answer.value.text == "firstsecond")
        }
    }

    @Test func anEnvironmentThatHasStreamedIsUsedAgain() async throws {
        try await EngineFixture.run { runtime in
            while true {
                let event = try runtime.next()
                try runtime.beginStream(event)
                try runtime.stream("a")
                try runtime.endStream()
            }
        } _: { fixture in
            fixture.publish(.sample())
            for _ in 0..<10 {
                let receiver = RecordingReceiver()
                #expect(try await Self.end(of: Self.begin(fixture, receiver)).summary == "success ")
                #expect(receiver.answer.value.text == "a")
                try await fixture.settle(.sample())
            }
            #expect(fixture.driver.sandboxes.value.map(\.processes) == [1])
        }
    }

    @Test func whoTakesNoPartsGetsTheWhole() async throws {
        try await EngineFixture.run { runtime in
            let event = try runtime.next()
            try runtime.beginStream(event, contentType: "text/mine")
            try runtime.stream("first")
            try runtime.stream("second")
            try runtime.endStream()
            try runtime.hang()
        } _: { fixture in
            fixture.publish(.sample())
            let end = try await Self.end(of: Self.begin(fixture, nil))
            #expect(end.summary == "success firstsecond")
            #expect(end.contentType == "text/mine")
        }
    }

    @Test func anAnswerThatIsNotStreamedComesWithTheEnd() async throws {
        try await EngineFixture.run { runtime in
            try runtime.serve { $0.body }
        } _: { fixture in
            fixture.publish(.sample())
            let receiver = RecordingReceiver()
            let end = try await Self.end(of: Self.begin(fixture, receiver))
            #expect(end.summary == "success {}")
            #expect(receiver.answer.value.head == nil)
        }
    }

    // MARK: Errors

    @Test func anErrorBehindTheAnswerHasItsType() async throws {
        let trailers = [
            "Lambda-Runtime-Function-Error-Type: My.Error", "Lambda-Runtime-Function-Error-Body: eyJhIjoxfQ==",
        ]
        try await EngineFixture.run { runtime in
            let event = try runtime.next()
            try runtime.beginStream(event)
            try runtime.stream("part")
            try runtime.endStream(trailers: trailers)
            try runtime.hang()
        } _: { fixture in
            fixture.publish(.sample())
            let receiver = RecordingReceiver()
            let end = try await Self.end(of: Self.begin(fixture, receiver))
            #expect(end.summary == #"error {"a":1}"#)
            #expect(end.errorType == "My.Error")
            #expect(receiver.answer.value.text == "part")
        }
    }

    @Test func anErrorThatIsTheAnswerHasNone() async throws {
        try await EngineFixture.run { runtime in
            let event = try runtime.next()
            try runtime.fail(event, type: "Function.Bad", "{}")
            try runtime.hang()
        } _: { fixture in
            fixture.publish(.sample())
            let end = try await Self.end(of: Self.begin(fixture, RecordingReceiver()))
            #expect(end.summary == "error {}")
            #expect(end.errorType == nil)
        }
    }

    @Test func theTimeoutEndsAnAnswer() async throws {
        try await EngineFixture.run { runtime in
            let event = try runtime.next()
            try runtime.beginStream(event)
            try runtime.stream("part")
            try runtime.hang()
        } _: { fixture in
            let revision = Revision.sample(timeout: .milliseconds(200))
            fixture.publish(revision)
            let (receiver, result) = (RecordingReceiver(), Watched<InvocationResult?>(nil))
            fixture.begin(revision, receiver: receiver) { end in result.change { $0 = end } }
            let end = try await Self.end(of: result)
            #expect(end.errorType == "Sandbox.Timedout")
            #expect(end.summary.contains("Task timed out after 0.20 seconds"))
            #expect(receiver.answer.value.text == "part")
        }
    }

    @Test func theEndOfTheProcessEndsAnAnswer() async throws {
        let gate = Gate()
        try await EngineFixture.run { runtime in
            let event = try runtime.next()
            try runtime.beginStream(event)
            try runtime.stream("part")
            gate.pass()
            return 3
        } _: { fixture in
            fixture.publish(.sample())
            let receiver = RecordingReceiver()
            let result = Self.begin(fixture, receiver)
            try await receiver.answer.wait(for: "the part") { $0.text == "part" }
            gate.open()
            let end = try await Self.end(of: result)
            #expect(["Runtime.TruncatedResponse", "Runtime.ExitError"].contains(end.errorType))
        }
    }

    // MARK: Amounts

    /// Writes as much as it can, and says how much that is.
    private static func flood(_ written: Watched<Int>, total: Int) -> ScriptedDriver.Program {
        { runtime in
            let event = try runtime.next()
            try runtime.beginStream(event)
            let part = [UInt8](repeating: 0x78, count: 32 << 10)
            while written.value < total {
                try runtime.stream(part)
                written.change { $0 += part.count }
            }
            try runtime.endStream()
            try runtime.hang()
        }
    }

    @Test func nothingMoreIsReadWhileTheCallerIsSlow() async throws {
        let written = Watched(0)
        var limits = Engine.Limits()
        limits.streams.bandwidth = nil
        try await EngineFixture.run(limits: limits, program: Self.flood(written, total: 64 << 20)) { fixture in
            fixture.publish(.sample())
            let receiver = RecordingReceiver(passesOn: false)
            let result = Self.begin(fixture, receiver)
            try await receiver.answer.wait(for: "a full window") { $0.count >= 256 << 10 }
            // A call of another function goes through all that the loop has to do.
            fixture.publish(.sample("other"))
            let held = receiver.answer.value.count
            #expect(held < 1 << 20)
            let flow = try #require(receiver.answer.value.flow)
            flow.passed(held)
            try await receiver.answer.wait(for: "another window") { $0.count >= held + 256 << 10 }
            #expect(receiver.answer.value.count < held + 1 << 20)
            #expect(result.value == nil)
            flow.abandon()
            #expect(try await Self.end(of: result).summary == "success ")
            #expect(written.value >= 64 << 20)
            #expect(receiver.answer.value.count < 3 << 20)
        }
    }

    @Test func bytesBehindTheFirstOnesTakeTheirTime() async throws {
        let written = Watched(0)
        var limits = Engine.Limits()
        limits.streams.burst = 1 << 20
        limits.streams.bandwidth = 1 << 20
        try await EngineFixture.run(limits: limits, program: Self.flood(written, total: 4 << 20)) { fixture in
            fixture.publish(.sample())
            let receiver = RecordingReceiver()
            let result = Self.begin(fixture, receiver)
            try await receiver.answer.wait(for: "the first megabyte") { $0.count >= 1 << 20 }
            // The clock stands still: at most what had been read by then comes.
            for second in 1...2 {
                #expect(receiver.answer.value.count < (second << 20) + 512 << 10)
                fixture.time.advance(by: .seconds(1))
                try await receiver.answer.wait(for: "another megabyte") { $0.count >= (second + 1) << 20 }
            }
            #expect(result.value == nil)
            fixture.time.advance(by: .seconds(1))
            #expect(try await Self.end(of: result).summary == "success ")
            #expect(receiver.answer.value.count == 4 << 20)
        }
    }

    @Test func anAnswerHasItsLimit() async throws {
        let written = Watched(0)
        var limits = Engine.Limits()
        limits.streams.size = 100_000
        try await EngineFixture.run(limits: limits, program: Self.flood(written, total: 1 << 20)) { fixture in
            fixture.publish(.sample())
            let receiver = RecordingReceiver()
            let end = try await Self.end(of: Self.begin(fixture, receiver))
            #expect(end.errorType == "Function.ResponseSizeTooLarge")
            #expect(end.summary.contains("(100000 bytes)"))
            #expect(receiver.answer.value.count == 100_000)
        }
    }
}
