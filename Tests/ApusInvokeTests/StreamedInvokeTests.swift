import ApusEngine
import ApusInvoke
import ApusModel
import ApusServiceKit
import ApusTesting
import ApusWire
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

/// InvokeWithResponseStream.
@Suite(.timeLimit(.minutes(1)))
struct StreamedInvokeTests {
    private static let path = "/2021-11-15/functions/hello/response-streaming-invocations"

    /// Streams the words of the event.
    private static let words: ScriptedDriver.Program = { runtime in
        while true {
            let event = try runtime.next()
            try runtime.beginStream(event, contentType: "text/words")
            for word in event.body.split(separator: " ") { try runtime.stream(String(word)) }
            try runtime.endStream()
        }
    }

    // MARK: Routes

    @Test(arguments: [
        ("GET", path), ("POST", "\(path)/"), ("POST", "/2021-11-15/functions//response-streaming-invocations"),
        ("POST", "/2021-11-15/functions/a/b/response-streaming-invocations"),
        ("POST", "/2015-03-31/functions/hello/response-streaming-invocations"),
        ("POST", "/2021-11-15/functions/hello/invocations"),
    ])
    func otherRequestsPassUntouched(_ method: String, _ target: String) async throws {
        try await InvokeFixture.run { fixture in
            let connection = try await fixture.connect()
            let request = FrontConnection.request(target, [("Host", "x")], body: "{}", method: method)
            try await connection.send(text: request)
            #expect(try await connection.passed() == request)
        }
    }

    @Test func whatCannotRunIsRefusedAsByInvoke() async throws {
        try await InvokeFixture.run { fixture in
            for (name, body, headers, code) in [
                ("none", "{}", [], "ResourceNotFoundException"),
                ("hello", "{", [], "InvalidRequestContentException"),
                ("hello", "{}", [("X-Amz-Invocation-Type", "Event")], "ValidationException"),
                ("hello", "{}", [("X-Amz-Log-Type", "Head")], "ValidationException"),
            ] as [(String, String, [(String, String)], String)] {
                fixture.engine.publish(.sample())
                let connection = try await fixture.connect()
                let target = "/2021-11-15/functions/\(name)/response-streaming-invocations"
                try await connection.send(target, headers, body: body)
                let reply = try await connection.reply()
                #expect(reply.headers["x-amzn-ErrorType"] == [code])
                #expect(reply.headers["Content-Type"] == ["application/json"])
                #expect(connection.channel.isActive)
            }
        }
    }

    @Test func aDryRunRunsNothing() async throws {
        try await InvokeFixture.run { fixture in
            fixture.engine.publish(.sample())
            let connection = try await fixture.connect()
            try await connection.send(Self.path, [("X-Amz-Invocation-Type", "DryRun")])
            #expect(try await connection.reply().status == 204)
            #expect(fixture.engine.driver.sandboxes.value.isEmpty)
        }
    }

    // MARK: Answers

    @Test func partsGoOutAsTheyCome() async throws {
        let gate = Gate()
        try await InvokeFixture.run { runtime in
            let event = try runtime.next()
            try runtime.beginStream(event, contentType: "text/mine")
            try runtime.stream("first")
            gate.pass()
            try runtime.stream("second")
            try runtime.endStream()
            try runtime.hang()
        } _: { fixture in
            fixture.engine.publish(.sample(version: .published(3)), qualifier: "3")
            let connection = try await fixture.connect()
            try await connection.send("\(Self.path)?Qualifier=3", [("X-Amzn-Trace-Id", "Root=1-2-3")], body: "{}")
            let reader = StreamReader(connection)
            let (status, headers) = try await reader.head()
            #expect(status == "HTTP/1.1 200 OK")
            #expect(headers["Content-Type"] == ["application/vnd.amazon.eventstream"])
            #expect(headers["Transfer-Encoding"] == ["chunked"])
            #expect(headers["Content-Length"] == [])
            #expect(headers["X-Amzn-Remapped-Content-Type"] == ["text/mine"])
            #expect(headers["X-Amz-Executed-Version"] == ["3"])
            #expect(headers["X-Amzn-Trace-Id"] == ["Root=1-2-3"])
            #expect(headers["x-amzn-RequestId"].first?.utf8.count == 36)
            #expect(headers["Date"] == ["Tue, 24 Nov 2026 08:00:00 GMT"])
            let message = try await reader.message()
            #expect(message.headers.map(\.name) == [":event-type", ":content-type", ":message-type"])
            #expect(message.headers.map(\.value) == ["PayloadChunk", "application/octet-stream", "event"])
            #expect(String(buffer: message.payload) == "first")
            gate.open()
            let (parts, completion) = try await reader.rest()
            #expect(parts == ["second"])
            #expect(completion == [:])
        }
    }

    @Test func oneConnectionServesStreamsAndOtherCalls() async throws {
        try await InvokeFixture.run(program: Self.words) { fixture in
            fixture.engine.publish(.sample())
            let connection = try await fixture.connect()
            for round in 0..<3 {
                try await connection.send(Self.path, body: "\"a\(round) b\"")
                let reader = StreamReader(connection)
                _ = try await reader.head()
                #expect(try await reader.rest().parts.joined() == "\"a\(round)b\"")
                try await connection.send("/2015-03-31/functions/hello/invocations", body: "\"a b\"")
                let reply = try await connection.reply()
                #expect(reply.body == "\"ab\"")
                #expect(reply.headers["Content-Type"] == ["application/octet-stream"])
                try await connection.send("/2015-03-31/functions", method: "GET")
                #expect(try await connection.passed() == "GET /2015-03-31/functions HTTP/1.1\r\n\r\n")
                try await connection.answerFromBehind()
                #expect(try await connection.reply().status == 200)
            }
        }
    }

    @Test func theLogComesWithTheEnd() async throws {
        try await InvokeFixture.run(program: Self.words) { fixture in
            fixture.engine.publish(.sample())
            let connection = try await fixture.connect()
            try await connection.send(Self.path, [("X-Amz-Log-Type", "Tail")], body: "1")
            let reader = StreamReader(connection)
            _ = try await reader.head()
            let tail = try await reader.rest().completion["LogResult"]?.string.flatMap { Base64.decode($0) }
            #expect(String(decoding: try #require(tail), as: UTF8.self).contains("REPORT RequestId: "))
        }
    }

    @Test func anAnswerThatIsNotStreamedGoesOutInParts() async throws {
        try await InvokeFixture.run { fixture in
            fixture.engine.publish(.sample())
            for count in [0, 1, 256 << 10, 600_000] {
                let connection = try await fixture.connect()
                let body = "\"" + String(repeating: "x", count: count) + "\""
                try await connection.send(Self.path, body: body)
                let reader = StreamReader(connection)
                #expect(try await reader.head().headers["X-Amzn-Remapped-Content-Type"] == ["application/json"])
                let (parts, completion) = try await reader.rest()
                #expect(parts.joined() == body)
                #expect(parts.count == 1 + (body.utf8.count - 1) / (256 << 10))
                #expect(completion == [:])
            }
        }
    }

    @Test func anErrorIsContentAndCompletion() async throws {
        try await InvokeFixture.run { runtime in
            let event = try runtime.next()
            try runtime.fail(event, type: "Function.Bad", #"{"errorMessage":"\"bad\""}"#)
            try runtime.hang()
        } _: { fixture in
            fixture.engine.publish(.sample())
            let connection = try await fixture.connect()
            try await connection.send(Self.path)
            let reader = StreamReader(connection)
            #expect(try await reader.head().headers["X-Amzn-Remapped-Content-Type"] == ["application/json"])
            let (parts, completion) = try await reader.rest()
            #expect(parts == [#"{"errorMessage":"\"bad\""}"#])
            #expect(completion == ["ErrorCode": "Unhandled", "ErrorDetails": .string(parts[0])])
        }
    }

    @Test func anErrorInTheMiddleIsInTheCompletionOnly() async throws {
        try await InvokeFixture.run { runtime in
            let event = try runtime.next()
            try runtime.beginStream(event)
            try runtime.stream("part")
            try runtime.endStream(trailers: [
                "Lambda-Runtime-Function-Error-Type: My.Error", "Lambda-Runtime-Function-Error-Body: eyJhIjoxfQ==",
            ])
            try runtime.hang()
        } _: { fixture in
            fixture.engine.publish(.sample())
            let connection = try await fixture.connect()
            try await connection.send(Self.path)
            let reader = StreamReader(connection)
            _ = try await reader.head()
            let (parts, completion) = try await reader.rest()
            #expect(parts == ["part"])
            #expect(completion == ["ErrorCode": "My.Error", "ErrorDetails": #"{"a":1}"#])
        }
    }

    @Test func aClientOfTheOldDaysHasTheAnswerUntilTheConnectionEnds() async throws {
        try await InvokeFixture.run(program: Self.words) { fixture in
            fixture.engine.publish(.sample())
            let connection = try await fixture.connect()
            try await connection.send(Self.path, [("Connection", "keep-alive")], body: "12", version: "HTTP/1.0")
            let (_, headers) = try await StreamReader(connection).head()
            #expect(headers["Transfer-Encoding"] == [])
            #expect(headers["Connection"] == ["close"])
            try await connection.waitForEnd()
        }
    }

    // MARK: Clients that leave

    @Test func theFunctionGoesOnWhenTheClientHasGone() async throws {
        let (gate, told) = (Gate(), Watched(0))
        try await InvokeFixture.run { runtime in
            while true {
                let event = try runtime.next()
                try runtime.beginStream(event)
                try runtime.stream("first")
                gate.pass()
                // More than would be on its way to a client that does not read.
                for _ in 0..<200 { try runtime.stream([UInt8](repeating: 0x78, count: 64 << 10)) }
                let status = try runtime.endStream()
                told.change { $0 = status }
            }
        } _: { fixture in
            fixture.engine.publish(.sample())
            let connection = try await fixture.connect()
            try await connection.send(Self.path)
            let reader = StreamReader(connection)
            _ = try await reader.head()
            #expect(try await reader.part() == "first")
            try await connection.channel.close()
            gate.open()
            try await told.wait(for: "the end of the function") { $0 == 202 }
        }
    }

    @Test func aClientThatHasGoneBeforeTheFirstByteIsNotWaitedFor() async throws {
        let (gate, told) = (Gate(), Watched(0))
        try await InvokeFixture.run { runtime in
            let event = try runtime.next()
            gate.pass()
            try runtime.beginStream(event)
            for _ in 0..<200 { try runtime.stream([UInt8](repeating: 0x78, count: 64 << 10)) }
            let status = try runtime.endStream()
            told.change { $0 = status }
            try runtime.hang()
        } _: { fixture in
            fixture.engine.publish(.sample())
            let connection = try await fixture.connect()
            try await connection.send(Self.path)
            try await gate.waitForArrivals(1)
            try await connection.channel.close()
            gate.open()
            try await told.wait(for: "the end of the function") { $0 == 202 }
        }
    }
}
