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

@Suite(.timeLimit(.minutes(1)))
struct InvokeChannelHandlerTests {
    private static let path = "/2015-03-31/functions/hello/invocations"

    // MARK: Routes

    @Test(arguments: [
        ("hello", "hello:$LATEST"), ("hello?", "hello:$LATEST"), ("hello?X=1", "hello:$LATEST"),
        ("hello?Qualifier=live", "hello:live"), ("hello?X=1&Qualifier=7&Y", "hello:7"),
        ("hello?Qualifier=%24LATEST", "hello:$LATEST"), ("hello:7", "hello:7"), ("hello%3A7", "hello:7"),
        ("arn:aws:lambda:us-east-1:000000000000:function:hello", "hello:$LATEST"),
        ("arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Ahello%3Alive", "hello:live"),
    ])
    func aFunctionIsNamedByPathAndQuery(_ text: String, resource: String) async throws {
        try await InvokeFixture.run { fixture in
            let parts = text.split(separator: "?", omittingEmptySubsequences: false)
            let query = parts.count > 1 ? "?\(parts[1])" : ""
            let reply = try await fixture.call("\(parts[0])/invocations\(query)")
            #expect(reply.status == 404)
            #expect(reply.headers["x-amzn-ErrorType"] == ["ResourceNotFoundException"])
            #expect(
                reply.body.contains(
                    "Function not found: arn:aws:lambda:us-east-1:000000000000:function:\(resource)\""))
        }
    }

    @Test(arguments: [
        ("GET", path), ("PUT", path), ("POST", "\(path)/"), ("POST", "/2015-03-31/functions"),
        ("POST", "/2015-03-31/functions//invocations"), ("POST", "/2015-03-31/functions/invocations"),
        ("POST", "/2015-03-31/functions/a/b/invocations"), ("POST", "/2015-03-31/functions/hello/versions"),
        ("POST", "/2014-11-13/functions/hello/invoke-async"), ("POST", "/x?y=/2015-03-31/functions/hello/invocations"),
        ("POST", "/"),
    ])
    func otherRequestsPassUntouched(_ method: String, _ target: String) async throws {
        try await InvokeFixture.run { fixture in
            let connection = try await fixture.connect()
            let headers = [("Host", "x"), ("Expect", "100-continue"), ("X-Amz-Invocation-Type", "Nonsense")]
            let request = FrontConnection.request(target, headers, body: "body", method: method)
            try await connection.send(text: request)
            #expect(try await connection.passed() == request)
            #expect(try await connection.channel.readOutbound(as: ByteBuffer.self) == nil)
        }
    }

    @Test func oneConnectionServesBothKinds() async throws {
        try await InvokeFixture.run { fixture in
            fixture.engine.publish(.sample())
            let connection = try await fixture.connect()
            for round in 0..<3 {
                try await connection.send(Self.path, body: "\(round)")
                #expect(try await connection.reply().body == "\(round)")
                try await connection.send("/2015-03-31/functions", method: "GET")
                #expect(try await connection.passed() == "GET /2015-03-31/functions HTTP/1.1\r\n\r\n")
                try await connection.answerFromBehind()
                #expect(try await connection.reply().status == 200)
            }
            #expect(connection.channel.isActive)
        }
    }

    // MARK: Answers

    @Test func anAnswerHasItsHeaders() async throws {
        try await InvokeFixture.run { runtime in
            try runtime.serve { event in "\"\(event.id)\"" }
        } _: { fixture in
            fixture.engine.publish(.sample(version: .published(3)), qualifier: "3")
            let reply = try await fixture.call("hello:3/invocations", body: "{}")
            let id = try #require(reply.headers["x-amzn-RequestId"].first)
            #expect(reply.status == 200)
            // The context, the answer and the log name the same request.
            #expect(reply.body == "\"\(id)\"")
            #expect(reply.headers["Content-Type"] == ["application/json"])
            #expect(reply.headers["Content-Length"] == ["38"])
            #expect(reply.headers["X-Amz-Executed-Version"] == ["3"])
            #expect(reply.headers["X-Amz-Function-Error"] == [])
            #expect(reply.headers["X-Amz-Log-Result"] == [])
            #expect(reply.headers["Date"] == ["Tue, 24 Nov 2026 08:00:00 GMT"])
            #expect(reply.headers["Connection"] == [])
            let trace = try #require(reply.headers["X-Amzn-Trace-Id"].first)

            #expect(
                trace.wholeMatch(of: /Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0/) != nil)
        }
    }

    @Test func theFunctionGetsWhatTheCallerSent() async throws {
        try await InvokeFixture.run { runtime in
            try runtime.serve { event in
                let fields = ["arn": "invoked-function-arn", "trace": "trace-id", "context": "client-context"]
                let values = fields.map { name, field in
                    (name, event.headers["lambda-runtime-\(field)"] ?? "none")
                }.sorted { $0.0 < $1.0 }
                return values.map { "\($0.0)=\($0.1)" }.joined(separator: "\n") + "\n" + event.body
            }
        } _: { fixture in
            fixture.engine.publish(.sample())
            let context = Base64.encode(Array("{\"custom\":\n{\"a\":\"b\"}}".utf8))
            let reply = try await fixture.call(
                "hello/invocations?Qualifier=$LATEST",
                headers: [("X-Amz-Client-Context", context), ("X-Amzn-Trace-Id", "Root=1-2-3")], body: " [1,2] ")
            #expect(
                reply.body == """
                    arn=arn:aws:lambda:us-east-1:000000000000:function:hello:$LATEST
                    context={"custom": {"a":"b"}}
                    trace=Root=1-2-3
                     [1,2]\u{20}
                    """)
            #expect(reply.headers["X-Amzn-Trace-Id"] == ["Root=1-2-3"])
            // Named without a qualifier, the ARN has none.
            let plain = try await fixture.call("hello/invocations")
            #expect(plain.body.hasPrefix("arn=arn:aws:lambda:us-east-1:000000000000:function:hello\ncontext=none\n"))
            // No body is an empty event.
            #expect(plain.body.hasSuffix("\n{}"))
        }
    }

    @Test func aFunctionsErrorIsAnAnswer() async throws {
        try await InvokeFixture.run { runtime in
            let event = try runtime.next()
            try runtime.fail(event, type: "Runtime.Unhandled", #"{"errorMessage":"bad"}"#)
            try runtime.hang()
        } _: { fixture in
            fixture.engine.publish(.sample())
            let reply = try await fixture.call("hello/invocations")
            #expect(reply.status == 200)
            #expect(reply.headers["X-Amz-Function-Error"] == ["Unhandled"])
            #expect(reply.body == #"{"errorMessage":"bad"}"#)
        }
    }

    @Test func theTailOfTheLogComesWithTheAnswer() async throws {
        try await InvokeFixture.run { runtime in
            try runtime.serve { _ in
                runtime.print("hello from inside\n")
                return "1"
            }
        } _: { fixture in
            fixture.engine.publish(.sample())
            let reply = try await fixture.call("hello/invocations", headers: [("X-Amz-Log-Type", "Tail")])
            let tail = try #require(reply.headers["X-Amz-Log-Result"].first.flatMap { Base64.decode($0) })
            let text = String(decoding: tail, as: UTF8.self)
            #expect(text.contains("hello from inside\n"))
            #expect(text.contains("REPORT RequestId: \(reply.headers["x-amzn-RequestId"].first ?? "?")"))
        }
    }

    @Test func aDryRunChecksAndDoesNotRun() async throws {
        try await InvokeFixture.run { fixture in
            fixture.engine.publish(.sample())
            let reply = try await fixture.call(
                "hello/invocations", headers: [("X-Amz-Invocation-Type", "DryRun")], body: "{}")
            #expect(reply.status == 204)
            #expect(reply.headers["Content-Length"] == [])
            #expect(reply.body == "")
            #expect(fixture.engine.driver.sandboxes.value.isEmpty)
            let missing = try await fixture.call(
                "other/invocations", headers: [("X-Amz-Invocation-Type", "DryRun")])
            #expect(missing.status == 404)
        }
    }

    @Test func aFunctionThatIsNotActiveIsNotCalled() async throws {
        try await InvokeFixture.run { fixture in
            fixture.engine.engine.suspend(Revision.sample().function, qualifier: "$LATEST", state: "Pending")
            let reply = try await fixture.call("hello/invocations")
            #expect(reply.status == 409)
            #expect(reply.headers["x-amzn-ErrorType"] == ["ResourceConflictException"])
            #expect(
                reply.body.contains(
                    "The operation cannot be performed at this time. The function is currently in the following state: Pending"
                ))
        }
    }

    @Test func aThrottledCallSaysWhyAndWhenToComeBack() async throws {
        var limits = Engine.Limits()
        limits.concurrency.executions = 0
        try await InvokeFixture.run(limits: limits) { fixture in
            fixture.engine.publish(.sample())
            let reply = try await fixture.call("hello/invocations")
            #expect(reply.status == 429)
            #expect(reply.headers["x-amzn-ErrorType"] == ["TooManyRequestsException"])
            #expect(reply.headers["Retry-After"] == ["1"])
            #expect(reply.body.contains(#""Reason":"ConcurrentInvocationLimitExceeded""#))
            #expect(reply.body.contains("Rate Exceeded."))
        }
    }

    @Test func whoMayNotCallIsToldSo() async throws {
        struct Nobody: Authorizer {
            func authorize(_ principal: Principal, action: String, resource: String) throws(Fault) {
                throw Fault("AccessDeniedException", status: 403, "\(action) \(resource)")
            }
        }
        try await InvokeFixture.run(authorizer: Nobody()) { fixture in
            fixture.engine.publish(.sample())
            let reply = try await fixture.call("hello:$LATEST/invocations")
            #expect(reply.status == 403)
            #expect(
                reply.body.contains("lambda:InvokeFunction arn:aws:lambda:us-east-1:000000000000:function:hello\""))
            #expect(fixture.engine.driver.sandboxes.value.isEmpty)
        }
    }

    // MARK: Checks

    struct Check: Sendable, CustomTestStringConvertible {
        var headers: [(String, String)] = []
        var body = ""
        var status = 400
        var code: String
        var message: String

        var testDescription: String { message }
    }

    static let checks: [Check] = [
        Check(
            headers: [("X-Amz-Invocation-Type", "event")], code: "ValidationException",
            message:
                "1 validation error detected: Value 'event' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]"
        ),
        Check(
            headers: [("X-Amz-Log-Type", "All")], code: "ValidationException",
            message:
                "1 validation error detected: Value 'All' at 'logType' failed to satisfy constraint: Member must satisfy enum value set: [None, Tail]"
        ),
        Check(
            body: "{", code: "InvalidRequestContentException",
            message:
                "Could not parse request body into json: Could not parse payload into json: Unexpected end-of-input"),
        Check(
            body: "{\"a\": nope}", code: "InvalidRequestContentException",
            message:
                "Could not parse request body into json: Could not parse payload into json: Unrecognized token 'nope'"),
        Check(
            body: "1 2", code: "InvalidRequestContentException",
            message: "Could not parse request body into json: Could not parse payload into json: "),
        Check(
            headers: [("X-Amz-Client-Context", "?")], code: "InvalidRequestContentException",
            message: "Client context must be a valid Base64-encoded JSON object."),
        Check(
            headers: [("X-Amz-Client-Context", Base64.encode(Array("nope".utf8)))],
            code: "InvalidRequestContentException",
            message: "Client context must be a valid Base64-encoded JSON object."),
        Check(
            headers: [("X-Amz-Client-Context", Base64.encode([0x22, 0xFF, 0x22]))],
            code: "InvalidRequestContentException",
            message: "Client context must be a valid Base64-encoded JSON object."),
        Check(
            headers: [
                ("X-Amz-Client-Context", Base64.encode(Array("\"\(String(repeating: "x", count: 2686))\"".utf8)))
            ],
            code: "InvalidRequestContentException",
            message: "Client context must be a valid Base64-encoded JSON object."),
        Check(
            headers: [("X-Amz-Invocation-Type", "Event")], body: "\"\(String(repeating: "x", count: 1 << 20))\"",
            status: 413, code: "RequestTooLargeException",
            message: "Request must be smaller than 1048576 bytes for the InvokeFunction operation"),
    ]

    @Test(arguments: checks)
    func aCallThatIsWrongIsRefusedBeforeItRuns(_ check: Check) async throws {
        try await InvokeFixture.run { fixture in
            fixture.engine.publish(.sample())
            let reply = try await fixture.call("hello/invocations", headers: check.headers, body: check.body)
            #expect(reply.status == check.status)
            #expect(reply.headers["x-amzn-ErrorType"] == [check.code])
            #expect(JSON(parsing: reply.body).map { $0.contains(check.message) } ?? false, "\(reply.body)")
            #expect(fixture.engine.driver.sandboxes.value.isEmpty)
        }
    }

    @Test func aQualifierMayHave128Characters() async throws {
        try await InvokeFixture.run { fixture in
            let longest = String(repeating: "q", count: 128)
            #expect(try await fixture.call("hello/invocations?Qualifier=\(longest)").status == 404)
            let reply = try await fixture.call("hello/invocations?Qualifier=\(longest)q")
            #expect(reply.status == 400)
            #expect(reply.headers["x-amzn-ErrorType"] == ["ValidationException"])
        }
    }

    // MARK: Bodies

    @Test func aBodyMayComeInPieces() async throws {
        try await InvokeFixture.run { fixture in
            fixture.engine.publish(.sample())
            let connection = try await fixture.connect()
            try await connection.begin(Self.path)
            for piece in ["{\"a\"", ":", "1}"] { try await connection.send(chunk: ByteBuffer(string: piece)) }
            try await connection.end()
            #expect(try await connection.reply().body == "{\"a\":1}")
        }
    }

    @Test(arguments: [(6_291_556, 200), (6_291_557, 413)])
    func aPayloadHasSixMegabytesAtTheMost(_ size: Int, status: Int) async throws {
        try await InvokeFixture.run { runtime in
            try runtime.serve { "\($0.body.utf8.count)" }
        } _: { fixture in
            fixture.engine.publish(.sample())
            let connection = try await fixture.connect()
            try await connection.begin(Self.path)
            try await connection.send(chunk: ByteBuffer(string: "\""))
            try await connection.send(chunk: ByteBuffer(repeating: 0x78, count: size - 2))
            try await connection.send(chunk: ByteBuffer(string: "\""))
            try await connection.end()
            let reply = try await connection.reply()
            #expect(reply.status == status)
            if status == 200 { #expect(reply.body == "\(size)") }
            if status == 413 {
                #expect(
                    reply.body.contains("Request must be smaller than 6291456 bytes for the InvokeFunction operation"))
            }
            // The connection goes on.
            try await connection.send(Self.path, body: "1")
            #expect(try await connection.reply().status == 200)
        }
    }

    @Test func aBodyWithoutEndEndsTheConnection() async throws {
        try await InvokeFixture.run { fixture in
            let connection = try await fixture.connect()
            try await connection.begin(Self.path)
            let megabyte = ByteBuffer(repeating: 0x78, count: 1 << 20)
            for _ in 0..<100 { try await connection.send(chunk: megabyte) }
            #expect(connection.channel.isActive)
            try await connection.send(chunk: megabyte)
            #expect(!connection.channel.isActive)
        }
    }

    @Test(arguments: ["100-continue", "100-Continue"])
    func aClientThatAsksForConsentGetsIt(_ expectation: String) async throws {
        try await InvokeFixture.run { fixture in
            fixture.engine.publish(.sample())
            let connection = try await fixture.connect()
            try await connection.begin(Self.path, [("Expect", expectation)])
            #expect(try await connection.reply().status == 100)
            try await connection.send(chunk: ByteBuffer(string: "[]"))
            try await connection.end()
            #expect(try await connection.reply().body == "[]")
        }
    }

    // MARK: Bytes

    @Test func aRequestMayComeByteByByte() async throws {
        try await InvokeFixture.run { fixture in
            fixture.engine.publish(.sample())
            let connection = try await fixture.connect()
            let request = FrontConnection.request(Self.path, [("Host", "x")], body: "[1]")
            for byte in request.utf8 { try await connection.send(text: String(decoding: [byte], as: UTF8.self)) }
            #expect(try await connection.reply().body == "[1]")
        }
    }

    @Test func whatIsSentAheadIsAnsweredInOrder() async throws {
        try await InvokeFixture.run { fixture in
            fixture.engine.publish(.sample())
            let connection = try await fixture.connect()
            let requests = (0..<20).map { FrontConnection.request(Self.path, body: "\($0)") }
            try await connection.send(text: requests.joined())
            for round in 0..<20 { #expect(try await connection.reply().body == "\(round)") }
        }
    }

    @Test func aCallBehindAnotherRequestWaitsForItsAnswer() async throws {
        try await InvokeFixture.run { fixture in
            fixture.engine.publish(.sample())
            let connection = try await fixture.connect()
            let other = FrontConnection.request("/x", body: "body", method: "PUT")
            try await connection.send(text: other + FrontConnection.request(Self.path, body: "1"))
            #expect(try await connection.passed() == other)
            #expect(fixture.engine.driver.sandboxes.value.isEmpty)
            try await connection.answerFromBehind(status: .imATeapot)
            #expect(try await connection.reply().status == 418)
            #expect(try await connection.reply().body == "1")
        }
    }

    @Test func anAnswerMayComeBeforeTheRequestHasEnded() async throws {
        try await InvokeFixture.run { fixture in
            fixture.engine.publish(.sample())
            let connection = try await fixture.connect()
            try await connection.begin("/x")
            try await connection.answerFromBehind(status: .payloadTooLarge)
            #expect(try await connection.reply().status == 413)
            try await connection.send(chunk: ByteBuffer(string: "rest"))
            try await connection.end()
            #expect(
                try await connection.passed()
                    == "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nrest\r\n0\r\n\r\n")
            try await connection.send(Self.path, body: "1")
            #expect(try await connection.reply().body == "1")
        }
    }

    @Test(arguments: ["nonsense\r\n\r\n", "POST \(path) HTTP/1.1\r\nContent-Length: x\r\n\r\n"])
    func whatIsNotHTTPIsLeftToTheCodec(_ text: String) async throws {
        try await InvokeFixture.run { fixture in
            let connection = try await fixture.connect()
            try await connection.send(text: text)
            try await connection.send(text: "more")
            #expect(try await connection.passed() == text + "more")
        }
    }

    @Test func aBodyWithBrokenFramingEndsTheConnection() async throws {
        try await InvokeFixture.run { fixture in
            fixture.engine.publish(.sample())
            let connection = try await fixture.connect()
            try await connection.begin(Self.path)
            try await connection.send(text: "nonsense\r\n")
            let reply = try await connection.reply()
            #expect(reply.status == 400)
            #expect(reply.headers["x-amzn-ErrorType"] == ["BadRequestException"])
            try await connection.waitForEnd()
            #expect(try await connection.passed() == "")
            #expect(fixture.engine.driver.sandboxes.value.isEmpty)
        }
    }

    @Test func whoSendsFarAheadIsNotReadUntilTheAnswer() async throws {
        let gate = Gate()
        try await InvokeFixture.run { runtime in
            try runtime.serve { event in
                gate.pass()
                return "1"
            }
        } _: { fixture in
            fixture.engine.publish(.sample())
            let connection = try await fixture.connect()
            try await connection.send(Self.path, body: "1")
            try await gate.waitForArrivals(1)
            let before = connection.reads.value
            try await connection.send(Self.path, body: "\"\(String(repeating: "x", count: 100 << 10))\"")
            try await connection.read()
            #expect(connection.reads.value == before)
            gate.open()
            #expect(try await connection.reply().status == 200)
            #expect(try await connection.reply().status == 200)
            #expect(connection.reads.value > before)
        }
    }

    // MARK: Ends of connections

    @Test(arguments: [
        ("HTTP/1.1", nil, true), ("HTTP/1.1", "close", false), ("HTTP/1.1", "TE, Close", false),
        ("HTTP/1.0", nil, false), ("HTTP/1.0", "keep-alive", true),
    ])
    func theConnectionIsKeptAsTheClientWishes(_ version: String, _ field: String?, isKept: Bool) async throws {
        try await InvokeFixture.run { fixture in
            fixture.engine.publish(.sample())
            let connection = try await fixture.connect()
            let headers = field.map { [("Connection", $0)] } ?? []
            try await connection.send(Self.path, headers, body: "1", version: version)
            let reply = try await connection.reply()
            #expect(reply.status == 200)
            #expect(reply.headers["Connection"].contains("close") == !isKept)
            if isKept {
                #expect(connection.channel.isActive)
            } else {
                try await connection.waitForEnd()
            }
        }
    }

    @Test func aConnectionThatOwesNothingEndsAtOnceWhenTheServerGoesDown() async throws {
        try await InvokeFixture.run { fixture in
            let connection = try await fixture.connect()
            try await connection.quiesce()
            #expect(!connection.channel.isActive)
        }
    }

    @Test func aCallIsAnsweredBeforeTheConnectionEnds() async throws {
        let gate = Gate()
        try await InvokeFixture.run { runtime in
            try runtime.serve { event in
                gate.pass()
                return event.body
            }
        } _: { fixture in
            fixture.engine.publish(.sample())
            let connection = try await fixture.connect()
            try await connection.send(Self.path, body: "1")
            try await gate.waitForArrivals(1)
            let events = Watched(0)
            try await connection.channel.pipeline.addHandler(EventProbe(count: events))
            try await connection.quiesce()
            #expect(connection.channel.isActive)
            // Who stands behind has no request and would close the connection.
            #expect(events.value == 0)
            gate.open()
            #expect(try await connection.reply().body == "1")
            try await connection.waitForEnd()
        }
    }

    @Test func whoSendsSlowlyCannotKeepTheServerUp() async throws {
        try await InvokeFixture.run { fixture in
            let connection = try await fixture.connect()
            try await connection.begin(Self.path)
            try await connection.send(chunk: ByteBuffer(string: "{"))
            try await connection.quiesce()
            #expect(!connection.channel.isActive)
        }
    }

    @Test func anAnswerFromBehindGoesOutBeforeTheConnectionEnds() async throws {
        try await InvokeFixture.run { fixture in
            let connection = try await fixture.connect()
            try await connection.send("/2015-03-31/functions", method: "GET")
            try await connection.quiesce()
            #expect(connection.channel.isActive)
            try await connection.answerFromBehind()
            #expect(try await connection.reply().status == 200)
            try await connection.waitForEnd()
        }
    }

    @Test func aClientThatSendsNoMoreGetsItsAnswer() async throws {
        let gate = Gate()
        try await InvokeFixture.run { runtime in
            try runtime.serve { event in
                gate.pass()
                return event.body
            }
        } _: { fixture in
            fixture.engine.publish(.sample())
            let connection = try await fixture.connect()
            let ends = Watched(0)
            try await connection.channel.pipeline.addHandler(EventProbe(count: ends))
            try await connection.send(Self.path, body: "1")
            try await gate.waitForArrivals(1)
            try await connection.trigger(ChannelEvent.inputClosed)
            #expect(ends.value == 0)
            gate.open()
            #expect(try await connection.reply().body == "1")
            // Who stands behind closes the connection then.
            try await ends.wait(for: "the end of input") { $0 == 1 }
        }
    }

    @Test func aClientThatLeavesDoesNotStopTheFunction() async throws {
        let gate = Gate()
        try await InvokeFixture.run { runtime in
            try runtime.serve { event in
                gate.pass()
                return event.body
            }
        } _: { fixture in
            fixture.engine.publish(.sample())
            let connection = try await fixture.connect()
            try await connection.send(Self.path, body: "1")
            try await gate.waitForArrivals(1)
            try await connection.channel.close().get()
            gate.open()
            try await fixture.engine.log.wait(for: "REPORT RequestId")
        }
    }
}

/// Counts the events that reach the handlers behind.
private final class EventProbe: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    private let count: Watched<Int>

    init(count: Watched<Int>) { self.count = count }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) { count.change { $0 += 1 } }
}

/// The texts of a JSON answer's members.
private struct JSON {
    private let text: String

    init?(parsing text: String) {
        guard JSONScan.isValid(ByteBuffer(string: text)) else { return nil }
        self.text = text.replacing("\\\"", with: "\"").replacing("\\/", with: "/")
    }

    func contains(_ message: String) -> Bool { text.contains(message) }
}
