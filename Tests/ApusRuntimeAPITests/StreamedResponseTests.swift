import ApusModel
import ApusRuntimeAPI
import ApusTesting
import ApusWire
import NIOCore
import Testing

/// Answers that a runtime streams.
@Suite(.timeLimit(.minutes(1)))
struct StreamedResponseTests {
    private static let path = "/2018-06-01/runtime/invocation/id-1/response"

    private static func head(_ mode: String = "streaming", type: String = "text/plain") -> String {
        "POST \(path) HTTP/1.1\r\nContent-Type: \(type)\r\nLambda-Runtime-Function-Response-Mode: \(mode)\r\n"
            + "Transfer-Encoding: chunked\r\n\r\n"
    }

    private static func chunk(_ text: String) -> String {
        "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n"
    }

    // MARK: Handed on

    @Test func partsAreHandedOnAsTheyCome() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.workOnStream()
            try runtime.send(Self.head())
            try await fixture.expect(["ready true", "stream id-1 text/plain"])
            for text in ["first", "second"] {
                try runtime.send(Self.chunk(text))
                try await fixture.expect(last: "part \(text)")
            }
            try runtime.send("0\r\n\r\n")
            #expect(try runtime.reply().status == 202)
            try await fixture.expect(last: "response id-1 success ")
            try runtime.send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n")
            try await fixture.expect(last: "ready false")
        }
    }

    @Test func chunksThatComeTogetherGoOnTogether() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.workOnStream()
            try runtime.send(Self.head() + (0..<500).map { _ in Self.chunk("x") }.joined() + "0\r\n\r\n")
            #expect(try runtime.reply().status == 202)
            try await fixture.expect(last: "response id-1 success ")
            #expect(fixture.streamed == String(repeating: "x", count: 500))
            #expect(fixture.events.value.count { $0.hasPrefix("part") } < 20)
        }
    }

    @Test func anAnswerWithALengthMayBeStreamedToo() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.workOnStream()
            let mode = [(name: "lambda-runtime-function-response-mode", value: "streaming")]
            #expect(try runtime.call("POST", Self.path, headers: mode, body: Array("whole".utf8)).status == 202)
            try await fixture.expect(last: "response id-1 success ")
            #expect(
                fixture.events.value.suffix(3) == [
                    "stream id-1 application/octet-stream", "part whole", "response id-1 success ",
                ])
        }
    }

    @Test func anAnswerThatIsNotStreamedIsCollected() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.workOnStream()
            #expect(try runtime.call("POST", Self.path, body: Array("{}".utf8)).status == 202)
            try await fixture.expect(["ready true", "response id-1 success {}"])
        }
    }

    @Test func whoDoesNotTakePartsGetsTheWhole() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.work()
            try runtime.send(Self.head() + Self.chunk("one ") + Self.chunk("two") + "0\r\n\r\n")
            #expect(try runtime.reply().status == 202)
            try await fixture.expect(["ready true", "response id-1 success one two"])
        }
    }

    @Test func nothingIsReadWhileReadingIsStopped() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.workOnStream()
            try runtime.send(Self.head() + Self.chunk("first"))
            try await fixture.expect(last: "part first")
            try await fixture.setStreamReading(false)
            try runtime.send(Self.chunk("second") + "0\r\n\r\n")
            // Whatever the loop has to do is done by the time it answers another connection.
            for _ in 0..<3 { #expect(try fixture.connect().call("GET", "/ping").status == 200) }
            #expect(fixture.streamed == "first")
            try await fixture.setStreamReading(true)
            try await fixture.expect(last: "response id-1 success ")
            #expect(fixture.streamed == "firstsecond")
        }
    }

    // MARK: Errors

    private static let trailers: [(String, String)] = [
        (
            "Lambda-Runtime-Function-Error-Type: Function.Bad\r\nLambda-Runtime-Function-Error-Body: eyJhIjoxfQ==\r\n",
            #"Function.Bad {"a":1}"#
        ),
        ("lambda-runtime-function-error-body: eyJhIjoxfQ==\r\n", #"Runtime.Unknown {"a":1}"#),
        ("LAMBDA-RUNTIME-FUNCTION-ERROR-TYPE:RangeError\r\n", "RangeError "),
        ("Lambda-Runtime-Function-Error-Type: X\r\nLambda-Runtime-Function-Error-Body: not base64\r\n", "X not base64"),
    ]

    @Test(arguments: trailers)
    func anErrorStandsBehindTheAnswer(_ trailers: String, _ error: String) async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.workOnStream()
            try runtime.send(Self.head() + Self.chunk("part") + "0\r\n\(trailers)\r\n")
            #expect(try runtime.reply().status == 202)
            try await fixture.expect(last: "response id-1 failure \(error)")
            #expect(fixture.streamed == "part")
        }
        // Also when the answer was collected.
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.work()
            try runtime.send(Self.head() + Self.chunk("part") + "0\r\n\(trailers)\r\n")
            #expect(try runtime.reply().status == 202)
            try await fixture.expect(["ready true", "response id-1 failure \(error)"])
        }
    }

    @Test func otherTrailersAreNoError() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.workOnStream()
            let trailers = "Lambda-Runtime-Function-Error-Type: \r\nX: y\r\n"
            try runtime.send(Self.head() + Self.chunk("part") + "0\r\n\(trailers)\r\n")
            #expect(try runtime.reply().status == 202)
            try await fixture.expect(last: "response id-1 success ")
        }
    }

    @Test func anAnswerMayBeCutOff() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.workOnStream()
            try runtime.send(Self.head() + "ff\r\npart")
            try await fixture.expect(last: "part part")
            runtime.disconnect()
            try await fixture.expect(
                last: #"response id-1 unusable Runtime.TruncatedResponse {"errorType":"Runtime.TruncatedResponse"}"#)
            _ = try await fixture.park()
        }
    }

    @Test(arguments: ["Streaming", "buffered", " ", "streaming, streaming"])
    func aModeThatThereIsNotIsAnError(_ mode: String) async throws {
        for limit in [nil, 1000] {
            try await RuntimeAPIFixture.run { fixture in
                let runtime = try await fixture.park()
                #expect(try await fixture.deliver(streamLimit: limit))
                _ = try runtime.reply()
                try runtime.send(Self.head(mode) + Self.chunk("part") + "0\r\n\r\n")
                let reply = try runtime.reply()
                #expect(reply.status == 400)
                #expect(reply.text.contains("InvalidFunctionResponseMode"))
                let type = "Runtime.InvalidResponseModeHeader"
                try await fixture.expect(["ready true", "response id-1 unusable \(type) {\"errorType\":\"\(type)\"}"])
            }
        }
    }

    @Test func anAnswerHasItsLimit() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.workOnStream(limit: 10)
            try runtime.send(Self.head() + Self.chunk("01234567"))
            try await fixture.expect(last: "part 01234567")
            try runtime.send(Self.chunk("89abc") + Self.chunk("def") + "0\r\n\r\n")
            #expect(try runtime.reply().status == 413)
            try await fixture.events.wait(for: "the outcome") { $0.last?.contains("(10 bytes)") == true }
            #expect(fixture.streamed == "0123456789")
            #expect(
                fixture.events.value.last?.hasPrefix("response id-1 unusable Function.ResponseSizeTooLarge") == true)
        }
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.workOnStream(limit: 10)
            try runtime.send(Self.head() + Self.chunk("0123456789") + "0\r\n\r\n")
            #expect(try runtime.reply().status == 202)
            try await fixture.expect(last: "response id-1 success ")
        }
    }

    @Test func noOtherAnswerMayBeginBesideIt() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.workOnStream()
            try runtime.send(Self.head() + Self.chunk("a"))
            try await fixture.expect(last: "part a")
            let other = try fixture.connect()
            #expect(try other.call("POST", Self.path, body: Array("{}".utf8)).status == 403)
            #expect(try other.call("GET", "/ping").status == 200)
            try runtime.send(Self.chunk("b") + "0\r\n\r\n")
            #expect(try runtime.reply().status == 202)
            try await fixture.expect(last: "response id-1 success ")
            #expect(fixture.streamed == "ab")
        }
    }

    @Test func anAbandonedRuntimeStreamsToNobody() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.workOnStream()
            try runtime.send(Self.head() + Self.chunk("a"))
            try await fixture.expect(last: "part a")
            try await fixture.reset()
            #expect(try runtime.readToEnd() == [])
            // The next process is not the one whose reading was stopped.
            try await fixture.setStreamReading(false)
            let next = try await fixture.park()
            #expect(try await fixture.deliver("id-2"))
            #expect(try next.reply().headers["lambda-runtime-aws-request-id"] == "id-2")
        }
    }

    // MARK: Hostile bytes

    @Test(arguments: 0..<40)
    func mutatedStreamsEndTheirOwnConnectionOnly(_ seed: Int) async throws {
        try await RuntimeAPIFixture.run { fixture in
            var generator = SeededGenerator(seed: UInt64(seed))
            let runtime = try await fixture.workOnStream(limit: 64)
            let good = Self.chunk("hello") + Self.chunk(String(repeating: "x", count: 40)) + "0\r\na: b\r\n\r\n"
            try runtime.send(Array(Self.head().utf8) + Array(good.utf8).mutated(&generator))
            runtime.disconnect()
            // One way or the other the event has been answered, once.
            let events = try await fixture.events.wait(for: "the outcome") { $0.contains { $0.hasPrefix("response") } }
            #expect(events.count { $0.hasPrefix("response") } == 1)
            #expect(fixture.streamed.utf8.count <= 3 * 64)
            _ = try await fixture.park()
        }
    }
}
