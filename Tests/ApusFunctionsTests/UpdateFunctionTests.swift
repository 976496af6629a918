import ApusFunctions
import ApusModel
import ApusServiceKit
import ApusShapes
import ApusTesting
import ApusWire
import Testing

struct UpdateFunctionTests {
    private static let inProgress = Fault(
        "ResourceConflictException", status: 409,
        "The operation cannot be performed at this time. An update is in progress for resource: arn:aws:lambda:us-east-1:000000000000:function:hello"
    )

    @Test func newCodeTakesEffectAndOldRunsUntilThen() async throws {
        try await FunctionsFixture.run { fixture in
            let created = try await fixture.create()
            fixture.sink.forget()
            fixture.time.advance(by: .seconds(90))
            let reply = try await fixture.updateCode("v2")
            #expect(reply.state == "Active")
            #expect(reply.lastUpdateStatus == "InProgress")
            #expect(reply.lastUpdateStatusReason == "The function is being created.")
            #expect(reply.lastUpdateStatusReasonCode == "Creating")
            #expect(reply.codeSha256 != created.codeSha256)
            #expect(reply.lastModified == "2026-11-24T08:01:30.000+0000")
            // Nothing is suspended meanwhile.
            #expect(fixture.sink.events.value == [])
            try await fixture.settle()
            #expect(fixture.sink.events.value == ["publish hello $LATEST"])
            let settled = try await fixture.configuration()
            #expect(settled.lastUpdateStatus == "Successful")
            #expect(settled.lastUpdateStatusReason == nil)
            #expect(settled.revisionId != reply.revisionId)
        }
    }

    @Test func aConfigurationChangesWhereTheRequestSaysSo() async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create { $0.environment = Lambda.Environment(variables: ["A": "1"]) }
            let before = try await fixture.configuration()
            let reply = try await fixture.update { request in
                request.timeout = 9
                request.loggingConfig = Lambda.LoggingConfig(logFormat: "JSON", systemLogLevel: "WARN")
            }
            var expected = before
            expected.timeout = 9
            expected.loggingConfig = Lambda.LoggingConfig(
                logFormat: "JSON", applicationLogLevel: "INFO", systemLogLevel: "WARN", logGroup: "/aws/lambda/hello")
            expected.revisionId = reply.revisionId
            expected.lastUpdateStatus = "InProgress"
            expected.lastUpdateStatusReason = "The function is being created."
            expected.lastUpdateStatusReasonCode = "Creating"
            #expect(reply == expected)
            try await fixture.settle()
            let cleared = try await fixture.update { $0.environment = Lambda.Environment(variables: [:]) }
            #expect(cleared.environment == Lambda.EnvironmentResponse(variables: [:]))
            #expect(cleared.timeout == 9)
        }
    }

    private static let logLevelOfText = Fault.invalidParameter(
        #"LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request or change the LogFormat to "Json" and try again."#
    )

    struct LoggingRow: Sendable {
        var before: Lambda.LoggingConfig?
        var request: Lambda.LoggingConfig
        /// Nil for a refusal.
        var after: Lambda.LoggingConfig?
    }

    @Test(arguments: [
        LoggingRow(request: .init(logGroup: "/own"), after: .init(logFormat: "Text", logGroup: "/own")),
        LoggingRow(request: .init(applicationLogLevel: "DEBUG")),
        LoggingRow(request: .init(logFormat: "Text", systemLogLevel: "WARN")),
        LoggingRow(
            request: .init(logFormat: "JSON", applicationLogLevel: "TRACE"),
            after: .init(
                logFormat: "JSON", applicationLogLevel: "TRACE", systemLogLevel: "INFO", logGroup: "/aws/lambda/hello")),
        LoggingRow(
            before: .init(logFormat: "JSON", applicationLogLevel: "ERROR", logGroup: "/own"),
            request: .init(systemLogLevel: "DEBUG"),
            after: .init(
                logFormat: "JSON", applicationLogLevel: "ERROR", systemLogLevel: "DEBUG", logGroup: "/own")),
        LoggingRow(
            before: .init(logFormat: "JSON", applicationLogLevel: "ERROR"), request: .init(logFormat: "Text"),
            after: .init(logFormat: "Text", logGroup: "/aws/lambda/hello")),
    ])
    func aLogLevelNeedsTheJSONFormat(_ row: LoggingRow) async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create { $0.loggingConfig = row.before }
            guard let after = row.after else {
                let found = try await fault { try await fixture.update { $0.loggingConfig = row.request } }
                #expect(found == Self.logLevelOfText)
                return
            }
            #expect(try await fixture.update { $0.loggingConfig = row.request }.loggingConfig == after)
        }
    }

    @Test func oneUpdateAtATime() async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create()
            try await fixture.updateCode("v2")
            #expect(try await fault { try await fixture.updateCode("v3") } == Self.inProgress)
            #expect(try await fault { try await fixture.update { $0.timeout = 9 } } == Self.inProgress)
            #expect(try await fault { try await fixture.publish() } == Self.inProgress)
            let tag = Lambda.TagResourceRequest(
                resource: "arn:aws:lambda:us-east-1:000000000000:function:hello", tags: ["a": "b"])
            #expect(
                try await fault { _ = try await fixture.service.call(Lambda.tagResource, tag) } == Self.inProgress)
            try await fixture.settle()
            try await fixture.update { $0.timeout = 9 }
        }
    }

    @Test func ofManyUpdatesAtOnceOneSucceeds() async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create()
            let codes = await withTaskGroup(of: String.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        do {
                            try await fixture.update { $0.timeout = 10 + number }
                            return "updated"
                        } catch {
                            return (error as? Fault)?.code ?? "\(error)"
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(codes.sorted() == [String](repeating: "ResourceConflictException", count: 7) + ["updated"])
        }
    }

    @Test func aRevisionThatIsNotTheLatestIsRefused() async throws {
        let mismatch = Fault(
            "PreconditionFailedException", status: 412,
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
        )
        try await FunctionsFixture.run { fixture in
            let created = try await fixture.create()
            let stale = created.revisionId
            #expect(try await fault { try await fixture.updateCode("v2") { $0.revisionId = stale } } == mismatch)
            #expect(try await fault { try await fixture.update { $0.revisionId = stale } } == mismatch)
            #expect(try await fault { try await fixture.publish { $0.revisionId = stale } } == mismatch)
            let latest = try await fixture.configuration().revisionId
            try await fixture.update { request in
                request.revisionId = latest
                request.timeout = 5
            }
        }
    }

    @Test func aDryRunChangesNothing() async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create()
            let before = try await fixture.configuration()
            let reply = try await fixture.updateCode("v2") { $0.dryRun = true }
            #expect(reply.codeSha256 != before.codeSha256)
            #expect(try await fixture.configuration() == before)
            let bad = try await fault {
                try await fixture.updateCode("v2") { request in
                    request.dryRun = true
                    request.zipFile = [1, 2, 3]
                }
            }
            #expect(bad?.message.hasPrefix("Could not unzip uploaded file.") == true)
        }
    }

    @Test func anUpdateMayPublish() async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create()
            let reply = try await fixture.updateCode("v2") { $0.publish = true }
            #expect(reply.version == "1")
            #expect(reply.functionArn == FunctionsFixture.arn("1"))
            #expect(reply.state == "Pending")
            #expect(reply.stateReasonCode == "Creating")
            #expect(reply.lastUpdateStatus == nil)
            #expect(fixture.sink.events.value.last == "suspend hello 1 Pending")
            try await fixture.settle()
            #expect(fixture.sink.events.value.last == "publish hello 1")
            #expect(try await fixture.configuration("hello", "1").state == "Active")
        }
    }

    @Test(arguments: [
        ("missing", "Function not found: arn:aws:lambda:us-east-1:000000000000:function:missing"),
        (
            "arn:aws:lambda:us-east-1:000000000000:function:missing",
            "Function not found: arn:aws:lambda:us-east-1:000000000000:function:missing"
        ),
    ])
    func aFunctionThatIsNotThereIsNamed(_ name: String, message: String) async throws {
        try await FunctionsFixture.run { fixture in
            let faults = [
                try await fault {
                    _ = try await fixture.service.call(
                        Lambda.updateFunctionConfiguration, .init(functionName: name))
                },
                try await fault { _ = try await fixture.configuration(name) },
                try await fault { try await fixture.delete(name) },
                try await fault {
                    _ = try await fixture.service.call(Lambda.publishVersion, .init(functionName: name))
                },
            ]
            #expect(faults.allSatisfy { $0 == Fault("ResourceNotFoundException", status: 404, message) })
        }
    }

    @Test func refusalsAreThoseOfCreation() async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create()
            let before = try await fixture.configuration()
            let requests: [(String, (inout Lambda.UpdateFunctionConfigurationRequest) -> Void)] = [
                ("The runtime parameter of nodejs14.x", { $0.runtime = "nodejs14.x" }),
                ("The runtime java21 is not available on this host", { $0.runtime = "java21" }),
                ("Cannot reference more than 5 layers.", { $0.layers = (0..<6).map { "l\($0)" } }),
                (
                    "Lambda was unable to configure",
                    { $0.environment = Lambda.Environment(variables: ["AWS_REGION": "x"]) }
                ),
                ("1 validation error detected: Value '901'", { $0.timeout = 901 }),
            ]
            for (message, change) in requests {
                let fault = try await fault { try await fixture.update(change) }
                #expect(fault?.message.hasPrefix(message) == true, "\(message)")
            }
            #expect(try await fixture.configuration() == before)
        }
    }
}
