import ApusModel
import ApusRuntimeAPI
import ApusTesting
import Testing

struct ExtensionsAPITests {
    // MARK: Registration

    @Test func aRegistrationTellsOfTheFunction() async throws {
        try await ExtensionsFixture.run { fixture in
            let connection = try fixture.connect()
            let body = Array(#"{"events":["INVOKE"]}"#.utf8)
            let plain = try connection.call(
                "POST", LoopbackConnection.register, headers: [("Lambda-Extension-Name", "a")], body: body)
            #expect(plain.status == 200)
            #expect(plain.headers["lambda-extension-identifier"]?.count == 36)
            #expect(plain.text == #"{"functionName":"f","functionVersion":"$LATEST","handler":"a.\"b"}"# + "\n")
            let more = try connection.call(
                "POST", LoopbackConnection.register,
                headers: [("Lambda-Extension-Name", "b"), ("Lambda-Extension-Accept-Feature", "x, accountId ")],
                body: body)
            #expect(more.text.hasPrefix(#"{"accountId":"000000000000","functionName":"f""#))
            #expect(fixture.events.value == ["registered", "registered"])
        }
    }

    @Test(arguments: [
        ("", #"{"events":[]}"#, "Extension.InvalidExtensionName"),
        ("a", "", "InvalidRequestFormat"), ("a", "[]", "InvalidRequestFormat"), ("a", "{", "InvalidRequestFormat"),
        ("a", #"{"events":["INVOKE",1]}"#, "InvalidRequestFormat"), ("a", #"{"events":{}}"#, "InvalidRequestFormat"),
        ("a", #"{"events":[],"configurationKeys":["A"]}"#, "InvalidRequestFormat"),
        ("a", String(repeating: "[", count: 60_000), "InvalidRequestFormat"),
        ("a", String(repeating: " ", count: 70_000), "InvalidRequestFormat"),
        ("a", #"{"events":["\"\u0000\\"]}"#, "Extension.InvalidEventType"),
        ("a", "{\"events\":[\"\u{FFFF}\u{1F600}\"]}", "Extension.InvalidEventType"),
    ])
    func aRegistrationThatMakesNoSenseIsRefused(_ name: String, _ body: String, _ type: String) async throws {
        try await ExtensionsFixture.run { fixture in
            let reply = try fixture.connect().call(
                "POST", LoopbackConnection.register, headers: name.isEmpty ? [] : [("Lambda-Extension-Name", name)],
                body: Array(body.utf8))
            #expect(reply.status == 403)
            #expect(reply.text.hasSuffix(#""errorType":"\#(type)"}"# + "\n"), "\(reply.text)")
            #expect(!reply.body.dropLast().contains { $0 < 0x20 })
            #expect(fixture.events.value.isEmpty)
        }
    }

    @Test func registrationEndsWithTheRuntimesFirstCall() async throws {
        try await ExtensionsFixture.run { fixture in
            let runtime = try fixture.connect()
            try runtime.send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n")
            try await fixture.expect(last: "ready true")
            let reply = try fixture.connect().call(
                "POST", LoopbackConnection.register, headers: [("Lambda-Extension-Name", "late")],
                body: Array("{}".utf8))
            #expect(reply.text.contains("Extension.RegistrationClosed"))
        }
    }

    @Test(arguments: [
        ("GET", LoopbackConnection.next), ("POST", "/2020-01-01/extension/init/error"),
        ("POST", "/2020-01-01/extension/exit/error"), ("PUT", "/2022-07-01/telemetry"), ("PUT", "/2020-08-15/logs"),
    ])
    func everyOtherCallNeedsAnIdentifier(_ method: String, _ path: String) async throws {
        try await ExtensionsFixture.run { fixture in
            let connection = try fixture.connect()
            func type(_ identifier: String?) throws -> String {
                var headers = [(name: "Lambda-Extension-Function-Error-Type", value: "A.B")]
                if let identifier { headers.append(("Lambda-Extension-Identifier", identifier)) }
                let reply = try connection.call(method, path, headers: headers)
                #expect(reply.status == 403)
                return reply.text.split(separator: "\"").suffix(2).first.map(String.init) ?? ""
            }
            #expect(try type(nil) == "Extension.MissingExtensionIdentifier")
            for identifier in [
                "a", "01234567-89ab-cdef-0123-456789abcdeg", "0123456789abcdef0123456789abcdef\u{E9}\u{E9}",
            ] {
                #expect(try type(identifier) == "Extension.InvalidExtensionIdentifier")
            }
            #expect(
                try type("01234567-89ab-cdef-0123-456789abcdef") == "Extension.UnknownExtensionIdentifier")
        }
    }

    @Test func anErrorReportNeedsAType() async throws {
        try await ExtensionsFixture.run { fixture in
            let connection = try fixture.connect()
            let identifier = try connection.register("part")
            let path = "/2020-01-01/extension/init/error"
            let missing = try connection.call("POST", path, headers: [("Lambda-Extension-Identifier", identifier)])
            #expect(
                missing.text
                    == #"{"errorMessage":"Lambda-Extension-Function-Error-Type not found","#
                    + #""errorType":"Extension.MissingHeader"}"# + "\n")
            let reply = try connection.call(
                "POST", path,
                headers: [
                    ("Lambda-Extension-Identifier", identifier), ("Lambda-Extension-Function-Error-Type", "Part.NoKey"),
                ])
            #expect(reply.status == 202)
            #expect(reply.text == #"{"status":"OK"}"# + "\n")
            try await fixture.expect(last: #"gave up Extension.InitError reported(type: "Part.NoKey")"#)
        }
    }

    // MARK: Events

    @Test func theEnvironmentIsReadyWhenEveryOneWaits() async throws {
        try await ExtensionsFixture.run { fixture in
            let (part, runtime) = (try fixture.connect(), try fixture.connect())
            let identifier = try part.register("part")
            try runtime.send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n")
            try part.ask(identifier)
            try await fixture.expect(last: "ready true")
            #expect(fixture.events.value == ["registered", "ready true"])

            #expect(try await fixture.deliver(trace: "Root=1-5"))
            let event = try part.reply()
            #expect(event.headers["lambda-extension-event-identifier"]?.count == 36)
            #expect(
                event.text
                    == #"{"eventType":"INVOKE","deadlineMs":1795508130007,"requestId":"id-1","#
                    + #""invokedFunctionArn":"arn:f","tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1-5"}}"# + "\n")
            _ = try runtime.reply()
            _ = try runtime.call("POST", "/2018-06-01/runtime/invocation/id-1/response")
            try runtime.send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n")
            try await fixture.expect(last: "responded")
            try part.ask(identifier)
            try await fixture.expect(last: "ready false")
        }
    }

    @Test func anEventWaitsForAnExtensionThatHasLostItsConnection() async throws {
        try await ExtensionsFixture.run { fixture in
            let runtime = try fixture.connect()
            var part = try fixture.connect()
            let identifier = try part.register("part")
            try runtime.send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n")
            try part.ask(identifier)
            try await fixture.expect(last: "ready true")
            part.disconnect()
            while try await fixture.onServer({ $0.members[0].phase }) == .ready { await Task.yield() }
            #expect(try await fixture.deliver())
            part = try fixture.connect()
            try part.ask(identifier)
            #expect(try part.reply().text.hasPrefix(#"{"eventType":"INVOKE","#))
        }
    }

    // MARK: Programs

    @Test func theRuntimeStartsWhenTheExtensionsHaveRegistered() async throws {
        try await ExtensionsFixture.run(external: ["a", "b"]) { fixture in
            let supervisor = try fixture.supervise()
            #expect(try [supervisor.line(), supervisor.line()] == ["run 1", "run 2"])
            let connection = try fixture.connect()
            _ = try connection.register("b")
            _ = try connection.register("a", #"["SHUTDOWN"]"#)
            #expect(try supervisor.line() == "run 0")
            try supervisor.send("exited 0 3")
            try await fixture.expect(last: "runtime ended exited(3)")
            // Ended is ended.
            try supervisor.send("killed 0 9")
            try supervisor.send("killed 2 9")
            try await fixture.expect(
                last:
                    #"ended Extension.Crash ended(ApusRuntimeAPI.ProgramEnd.killed(signal: 9), path: "/opt/extensions/b")"#
            )
            #expect(fixture.events.value.count { $0.hasPrefix("runtime ended") } == 1)
        }
    }

    @Test func atTheEndTheOnesThatWantToKnowAreToldAndTheOthersKilled() async throws {
        try await ExtensionsFixture.run(external: ["deaf", "keen"]) { fixture in
            let supervisor = try fixture.supervise()
            let keen = try fixture.connect()
            _ = try fixture.connect().register("deaf")
            let identifier = try keen.register("keen", #"["SHUTDOWN"]"#)
            for _ in 1...3 { _ = try supervisor.line() }
            try await fixture.onServer { server in
                server.abandonRuntime()
                server.terminateRuntime()
                server.shutDownExtensions(.spindown, deadline: .init(milliseconds: 1_795_508_130_007))
            }
            #expect(try supervisor.line() == "terminate 0")
            #expect(try supervisor.line() == "kill 1")
            // It was busy, and hears of it when it asks.
            try keen.ask(identifier)
            #expect(
                try keen.reply().text
                    == #"{"eventType":"SHUTDOWN","shutdownReason":"spindown","deadlineMs":1795508130007}"# + "\n")
            #expect(try await fixture.onServer { $0.hasLivingExtensions })
            try supervisor.send("killed 1 9")
            try supervisor.send("exited 2 0")
            try await fixture.expect(
                last: #"ended Extension.Crash ended(ApusRuntimeAPI.ProgramEnd.exited(0), path: "/opt/extensions/keen")"#
            )
            #expect(try await fixture.onServer { !$0.hasLivingExtensions })
        }
    }

    @Test(arguments: [(Int32(13), "PermissionDenied"), (8, "UnknownError"), (2, "UnknownError")])
    func whatCannotBeExecutedIsALaunchError(_ error: Int32, _ type: String) async throws {
        try await ExtensionsFixture.run(external: ["a"]) { fixture in
            let supervisor = try fixture.supervise()
            try supervisor.send("failed 1 \(error)")
            try await fixture.events.wait(for: "its end") { $0.last?.hasPrefix("ended Extension.LaunchError") == true }
            let member = try await fixture.onServer { $0.members[0] }
            #expect(member.phase == .launchError)
            #expect(member.errorType == type)
        }
    }

    @Test func elevenExecutablesAreNotStarted() async throws {
        let names = (1...11).map { "e\($0)" }
        try await ExtensionsFixture.run(external: names) { fixture in
            _ = try fixture.supervise()
            try await fixture.expect(last: "ended Extension.LaunchError tooMany")
            #expect(try await fixture.onServer { $0.members[10].errorType } == "TooManyExtensions")
        }
    }

    /// A function can say anything there.
    @Test func thereIsOneSupervisorAndOnlyWhereItIsExpected() async throws {
        try await ExtensionsFixture.run { fixture in
            let reply = try fixture.connect().call("GET", "/apus/programs")
            #expect(reply.status == 404)
        }
        try await ExtensionsFixture.run(external: ["a"]) { fixture in
            let supervisor = try fixture.supervise()
            #expect(try supervisor.line() == "run 1")
            let reply = try fixture.connect().call("GET", "/apus/programs")
            #expect(reply.status == 404)
            for line in [
                "exited", "exited 1", "exited 99999999999999999999 0", "exited -1 0", "exited 0 0", "exited 7 0",
                "exited 1 -5", "exited 1 0 0", "ended 1 0", "", "\u{0}\u{FF}", "exited 1  0",
            ] { try supervisor.send(line) }
            try supervisor.send("exited 1 0")
            try await fixture.events.wait(for: "the true end") { $0.count == 1 }
            try supervisor.send(String(repeating: "x", count: 100))
            #expect(try supervisor.line() == "")
        }
    }
}
