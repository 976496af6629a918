import ApusModel
import ApusRuntimeAPI
import ApusTesting
import NIOCore
import Testing

@Suite(.timeLimit(.minutes(1)))
struct RuntimeAPIServerTests {
    private static let next = "/2018-06-01/runtime/invocation/next"
    private static func response(_ id: String) -> String { "/2018-06-01/runtime/invocation/\(id)/response" }
    private static func error(_ id: String) -> String { "/2018-06-01/runtime/invocation/\(id)/error" }

    // MARK: Events

    @Test func anEventGoesToTheRuntimeThatWaits() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.park()
            try await fixture.expect(["ready true"])
            var invocation = RuntimeInvocation(
                requestID: RequestID(existing: "id-1"), deadline: Timestamp(milliseconds: 1_795_508_130_007),
                invokedFunctionARN: "arn:aws:lambda:us-east-1:000000000000:function:f:live",
                traceID: "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700", clientContext: #"{"custom":{}}"#,
                cognitoIdentity: #"{"cognitoIdentityId":"i"}"#, payload: ByteBuffer(string: #"{"key":"value"}"#))
            #expect(try await fixture.deliver(invocation))
            let event = try runtime.reply()
            #expect(event.status == 200)
            #expect(event.text == #"{"key":"value"}"#)
            #expect(
                event.headers == [
                    "content-type": "application/json", "lambda-runtime-aws-request-id": "id-1",
                    "lambda-runtime-deadline-ms": "1795508130007",
                    "lambda-runtime-invoked-function-arn": "arn:aws:lambda:us-east-1:000000000000:function:f:live",
                    "lambda-runtime-trace-id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
                    "lambda-runtime-client-context": #"{"custom":{}}"#,
                    "lambda-runtime-cognito-identity": #"{"cognitoIdentityId":"i"}"#, "content-length": "15",
                ])
            // Nobody waits now.
            invocation.requestID = RequestID(existing: "id-2")
            #expect(try await !fixture.deliver(invocation))
        }
    }

    @Test func whatAnEventDoesNotHaveIsLeftOut() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.park()
            #expect(try await fixture.deliver(payload: ""))
            let event = try runtime.reply()
            #expect(
                event.headers.keys.sorted() == [
                    "content-length", "content-type", "lambda-runtime-aws-request-id", "lambda-runtime-deadline-ms",
                    "lambda-runtime-invoked-function-arn",
                ])
            #expect(event.headers["content-length"] == "0")
        }
    }

    @Test(arguments: [Input("x\r\nInjected: 1"), "x\nInjected: 1", "x\rInjected: 1", "x\0\u{7F}\u{1}"])
    func aFieldsValueCannotBeginAnotherField(_ input: Input) async throws {
        let text = input.text
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.park()
            let invocation = RuntimeInvocation(
                requestID: RequestID(existing: text), deadline: Timestamp(seconds: 0), invokedFunctionARN: text,
                traceID: text, clientContext: text, cognitoIdentity: text, contentType: text,
                payload: ByteBuffer(string: "body"))
            #expect(try await fixture.deliver(invocation))
            let event = try runtime.reply()
            let harmless = String(
                decoding: text.utf8.map { $0 < 0x20 || $0 == 0x7F ? 0x20 : $0 }, as: UTF8.self)
            #expect(event.headers["injected"] == nil)
            #expect(event.headers.count == 8)
            #expect(event.headers["lambda-runtime-trace-id"]?.contains(harmless.prefix(2)) == true)
            #expect(event.text == "body")
        }
    }

    @Test func noEventIsDeliveredBeforeTheRuntimeAsks() async throws {
        try await RuntimeAPIFixture.run { fixture in
            _ = try fixture.connect()
            #expect(try await !fixture.deliver())
            try await fixture.expect([])
        }
    }

    // MARK: Answers

    @Test func anAnswerIsAcceptedAndTheNextEventWaitedFor() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.work()
            let reply = try runtime.call("POST", Self.response("id-1"), body: Array("\"ok\"".utf8))
            #expect(reply.status == 202)
            #expect(reply.text == "{\"status\":\"OK\"}\n")
            #expect(reply.headers["content-type"] == "application/json")
            try runtime.send("GET \(Self.next) HTTP/1.1\r\n\r\n")
            try await fixture.events.wait(for: "the next event to be asked for") { $0.count == 3 }
            try await fixture.expect(["ready true", "response id-1 success \"ok\"", "ready false"])
        }
    }

    /// An answer and the call for the next event, sent together.
    private static func answerAndNext(_ id: String) -> String {
        "POST \(response(id)) HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}GET \(next) HTTP/1.1\r\n\r\n"
    }

    @Test func whoAsksAheadIsToldWithTheNextEvent() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.work()
            for round in 1..<20 {
                try runtime.send(Self.answerAndNext("id-\(round)"))
                try await fixture.events.wait(for: "the next event to be asked for") { $0.count == 1 + 2 * round }
                #expect(try await fixture.deliver("id-\(round + 1)"))
                #expect(try runtime.reply().status == 202)
                #expect(try runtime.reply().headers["lambda-runtime-aws-request-id"] == "id-\(round + 1)")
            }
        }
    }

    @Test func whoAsksAheadIsToldSoonEvenIfNoEventComes() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.work()
            for _ in 0..<2 {
                try runtime.send(Self.answerAndNext("id-1"))
                #expect(try runtime.reply().status == 202)
                #expect(try await fixture.deliver("id-1"))
                #expect(try runtime.reply().status == 200)
            }
        }
    }

    @Test func anAnswerMayComeInChunksAndPieces() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.work()
            for piece in [
                "POST \(Self.response("id-1")) HT", "TP/1.1\r\nTransfer-Encoding: chun", "ked\r\n\r\n3\r\n\"o",
                "k\r\n1\r\n\"\r\n0\r", "\n\r\n",
            ] {
                try runtime.send(piece)
            }
            #expect(try runtime.reply().status == 202)
            try await fixture.expect(last: "response id-1 success \"ok\"")
        }
    }

    @Test func aClientThatAsksForConsentGetsIt() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.work()
            try runtime.send(
                "POST \(Self.response("id-1")) HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
            #expect(try runtime.reply().status == 100)
            try runtime.send("{}")
            #expect(try runtime.reply().status == 202)
        }
    }

    @Test func anErrorKeepsItsBodyUnchanged() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.work()
            let body = #"{"errorMessage":"bad","errorType":"ValueError","stackTrace":[]}"#
            let reply = try runtime.call(
                "POST", Self.error("id-1"), headers: [("lambda-runtime-function-error-type", "Function.Broken")],
                body: Array(body.utf8))
            #expect(reply.status == 202)
            try await fixture.expect(last: "response id-1 failure Function.Broken \(body)")
        }
    }

    @Test(arguments: [
        (nil, "Runtime.Unknown"), ("", "Runtime.Unknown"), ("Runtime.ImportModuleError", "Runtime.ImportModuleError"),
        ("Function.Broken", "Function.Broken"), ("Function.broken", "Function.Unknown"),
        ("Function.Bro ken", "Function.Unknown"), ("Function.A.B", "Function.Unknown"),
        ("Function.", "Function.Unknown"),
        ("Runtime.X1", "Runtime.Unknown"), ("Runtime.X", "Runtime.Unknown"), ("ValueError", "Runtime.Unknown"),
        ("runtime.Broken", "Runtime.Unknown"), ("Runtime.Bröken", "Runtime.Unknown"),
    ])
    func errorTypesThatAWSDoesNotKnowAreFiledUnderUnknown(_ given: String?, kept: String) async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.work()
            let headers = given.map { [(name: "Lambda-Runtime-Function-Error-Type", value: $0)] } ?? []
            #expect(try runtime.call("POST", Self.error("id-1"), headers: headers, body: []).status == 202)
            try await fixture.expect(last: "response id-1 failure \(kept) ")
        }
    }

    // MARK: Refusals

    @Test func anAnswerToAnotherEventIsRefused() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.work()
            let reply = try runtime.call("POST", Self.response("id-2"), body: Array("1".utf8))
            #expect(reply.status == 400)
            #expect(reply.text == "{\"errorMessage\":\"Invalid request ID\",\"errorType\":\"InvalidRequestID\"}\n")
            // The environment is as sound as it was.
            #expect(try runtime.call("POST", Self.response("id-1"), body: Array("2".utf8)).status == 202)
            try await fixture.expect(["ready true", "response id-1 success 2"])
        }
    }

    @Test func aSecondAnswerIsRefused() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.work()
            #expect(try runtime.call("POST", Self.response("id-1"), body: Array("1".utf8)).status == 202)
            let reply = try runtime.call("POST", Self.response("id-1"), body: Array("2".utf8))
            #expect(reply.status == 403)
            #expect(
                reply.text
                    == "{\"errorMessage\":\"State transition is not allowed\",\"errorType\":\"InvalidStateTransition\"}\n"
            )
            #expect(try runtime.call("POST", Self.error("id-1"), body: []).status == 403)
            try await fixture.expect(["ready true", "response id-1 success 1"])
        }
    }

    @Test func anAnswerThatWasOvertakenIsNotTakenForTheNextEvents() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.work("id-1")
            let slow = try fixture.connect()
            try slow.send("POST \(Self.response("id-1")) HTTP/1.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
            #expect(try slow.reply().status == 100)
            #expect(try runtime.call("POST", Self.response("id-1"), body: Array("1".utf8)).status == 202)
            try runtime.send("GET \(Self.next) HTTP/1.1\r\n\r\n")
            try await fixture.events.wait(for: "the next event to be asked for") { $0.last == "ready false" }
            #expect(try await fixture.deliver("id-2"))
            try slow.send("late")
            #expect(try slow.reply().status == 400)
            #expect(!fixture.events.value.contains { $0.hasPrefix("response id-2") })
        }
    }

    @Test func askingAgainWithoutAnAnswerIsFatal() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.work()
            let reply = try runtime.call("GET", Self.next)
            #expect(reply.status == 403)
            try await fixture.expect(["ready true", "misbehaved"])
            #expect(try runtime.call("POST", Self.response("id-1"), body: []).status == 403)
        }
    }

    @Test func onlyOneConnectionMayWait() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.park()
            let second = try fixture.connect()
            #expect(try second.call("GET", Self.next).status == 403)
            try await fixture.expect(["ready true"])
            #expect(try await fixture.deliver())
            #expect(try runtime.reply().status == 200)
        }
    }

    @Test(arguments: [
        ("GET", "/"), ("GET", "/2018-06-01/runtime/invocation/next/"), ("POST", "/2018-06-01/runtime/invocation/next"),
        ("GET", "/2018-06-01/runtime/invocation/id-1/response"), ("POST", "/2018-06-01/runtime/invocation/id-1/other"),
        ("POST", "/2018-06-01/runtime/invocation//id-1/response"), ("PUT", "/2018-06-01/runtime/init/error"),
        ("POST", "/2015-01-01/runtime/init/error"), ("GET", "/ping/"),
    ])
    func otherCallsDoNotExist(_ method: String, _ path: String) async throws {
        try await RuntimeAPIFixture.run { fixture in
            let reply = try fixture.connect().call(method, path)
            #expect(reply.status == 404)
            try await fixture.expect([])
        }
    }

    @Test func thePulseCanBeFelt() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let reply = try fixture.connect().call("GET", "/ping")
            #expect(reply.text == "pong")
        }
    }

    @Test func whatIsNotHTTPEndsItsConnection() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let connection = try fixture.connect()
            try connection.send("nonsense\r\n\r\n")
            #expect(try connection.reply().status == 400)
            #expect(try connection.readToEnd() == [])
        }
    }

    // MARK: Init

    @Test func aFailedInitIsReportedOnce() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try fixture.connect()
            let body = #"{"errorMessage":"no module","errorType":"Runtime.ImportModuleError"}"#
            func report() throws -> Int {
                try runtime.call(
                    "POST", "/2018-06-01/runtime/init/error",
                    headers: [("Lambda-Runtime-Function-Error-Type", "Runtime.ImportModuleError")],
                    body: Array(body.utf8)
                ).status
            }
            #expect(try report() == 202)
            #expect(try report() == 403)
            #expect(try runtime.call("GET", Self.next).status == 403)
            try await fixture.expect(["init error Runtime.ImportModuleError \(body)"])
        }
    }

    @Test func initCannotFailOnceItIsOver() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.work()
            #expect(try runtime.call("POST", "/2018-06-01/runtime/init/error", body: []).status == 403)
            try await fixture.expect(["ready true"])
        }
    }

    // MARK: Sizes

    @Test func aResultMayHaveSixMebibytesAndAHundredBytes() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.work()
            let body = [UInt8](repeating: UInt8(ascii: "x"), count: 6_291_556)
            #expect(try runtime.call("POST", Self.response("id-1"), body: body).status == 202)
            let events = try await fixture.events.wait(for: "the outcome") { $0.count == 2 }
            #expect(events.last?.utf8.count == "response id-1 success ".utf8.count + 6_291_556)
        }
    }

    @Test func aLargerResultIsNone() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.work()
            let body = [UInt8](repeating: UInt8(ascii: "x"), count: 6_291_557)
            let reply = try runtime.call("POST", Self.response("id-1"), body: body)
            #expect(reply.status == 413)
            #expect(reply.text.contains("RequestEntityTooLarge"))
            try await fixture.expect(
                last:
                    #"response id-1 unusable Function.ResponseSizeTooLarge {"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}"#
            )
            // The next event can be taken all the same.
            try runtime.send("GET \(Self.next) HTTP/1.1\r\n\r\n")
            try await fixture.events.wait(for: "the next event to be asked for") { $0.last == "ready false" }
        }
    }

    // MARK: Ends of connections

    @Test func anAnswerThatBreaksOffIsATruncatedOne() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.work()
            try runtime.send("POST \(Self.response("id-1")) HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf")
            runtime.disconnect()
            try await fixture.expect(
                last: #"response id-1 unusable Runtime.TruncatedResponse {"errorType":"Runtime.TruncatedResponse"}"#)
        }
    }

    @Test func anAnswerWithBrokenFramingIsATruncatedOne() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.work()
            try runtime.send("POST \(Self.response("id-1")) HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalfXX")
            #expect(try runtime.reply().status == 400)
            try await fixture.events.wait(for: "the outcome") { $0.count == 2 }
            #expect(fixture.events.value.last?.contains("Runtime.TruncatedResponse") == true)
        }
    }

    @Test func aWaitingConnectionThatEndsTakesNoEventWithIt() async throws {
        try await RuntimeAPIFixture.run { fixture in
            try await fixture.park().disconnect()
            try await fixture.events.wait(for: "the loss of the connection") { $0.last == "not ready" }
            #expect(try await !fixture.deliver())
            let again = try await fixture.park()
            try await fixture.expect(["ready true", "not ready", "ready false"])
            #expect(try await fixture.deliver())
            #expect(try again.reply().status == 200)
        }
    }

    @Test func aClientThatWantsTheConnectionClosedGetsItClosed() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let runtime = try await fixture.work()
            let reply = try runtime.call(
                "POST", Self.response("id-1"), headers: [("Connection", "close")], body: Array("1".utf8))
            #expect(reply.status == 202)
            #expect(try runtime.readToEnd() == [])
            try await fixture.expect(["ready true", "response id-1 success 1"])
        }
    }

    @Test func aCallThatWaitedWhenTheProcessEndedIsNotTheNextOnes() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let late = try await fixture.reset(before: "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n")
            #expect(throws: (any Error).self) { try late.reply() }
            let next = try await fixture.park()
            try await fixture.expect(["ready true"])
            #expect(try await fixture.deliver())
            #expect(try next.reply().status == 200)
        }
    }

    @Test func anAbandonedRuntimeIsNotHeard() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let abandoned = try await fixture.work()
            try await fixture.abandon()
            #expect(try abandoned.readToEnd() == [])
            let refused = try fixture.connect()
            #expect(try refused.call("GET", "/2018-06-01/runtime/invocation/next").status == 403)
            try await fixture.expect(["ready true"])
        }
    }

    @Test func aResetForgetsTheRuntimeThatWas() async throws {
        try await RuntimeAPIFixture.run { fixture in
            let old = try await fixture.work()
            try await fixture.reset()
            #expect(try old.readToEnd() == [])
            let new = try await fixture.park()
            try await fixture.expect(["ready true", "ready true"])
            #expect(try await fixture.deliver("id-2"))
            #expect(try new.reply().headers["lambda-runtime-aws-request-id"] == "id-2")
        }
    }
}
