import ApusEngine
import ApusModel
import ApusSandbox
import ApusTesting
import Testing

@Suite(.timeLimit(.minutes(1)))
struct EngineTests {
    /// Answers with the event.
    private static let echo: ScriptedDriver.Program = { runtime in try runtime.serve { $0.body } }

    // MARK: Environments

    @Test func aFunctionsAnswerReachesTheCaller() async throws {
        try await EngineFixture.run(program: Self.echo) { fixture in
            let revision = Revision.sample(version: .published(3))
            fixture.publish(revision, qualifier: "3")
            let result = await fixture.call(revision, qualifier: "3", payload: #"{"n":1}"#)
            #expect(result.summary == #"success {"n":1}"#)
            #expect(result.executedVersion == "3")
            #expect(result.logTail == nil)
        }
    }

    @Test func anEnvironmentIsUsedAgain() async throws {
        try await EngineFixture.run(program: Self.echo) { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            for number in 0..<50 {
                #expect(await fixture.call(revision, payload: "\(number)").summary == "success \(number)")
                try await fixture.settle(revision)
            }
            #expect(fixture.driver.sandboxes.value.map(\.processes) == [1])
        }
    }

    @Test func callsAtTheSameTimeHaveEnvironmentsOfTheirOwn() async throws {
        let gate = Gate()
        try await EngineFixture.run { runtime in
            try runtime.serve { _ in
                gate.pass()
                return "1"
            }
        } _: { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<3 { group.addTask { await fixture.call(revision).summary } }
                try await gate.waitForArrivals(3)
                gate.open(for: 3)
                for try await summary in group { #expect(summary == "success 1") }
            }
            #expect(fixture.driver.sandboxes.value.count == 3)
            #expect(Set(fixture.driver.sandboxes.value.map(\.id)).count == 3)
        }
    }

    @Test func aFreedEnvironmentServesTheCallThatWaitsForAColdOne() async throws {
        let (gate, start) = (Gate(), Watched(0))
        var hooks = ScriptedDriver.Hooks()
        hooks.beforeStart = { _ in
            // The second start takes until the end of the test.
            let number = start.change { count in
                count += 1
                return count
            }
            if number == 2 { _ = try? await start.wait(for: "the end") { $0 > 100 } }
            return nil
        }
        try await EngineFixture.run(hooks: hooks) { runtime in
            try runtime.serve { event in
                if event.body == "1" { gate.pass() }
                return event.body
            }
        } _: { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            async let first = fixture.call(revision, payload: "1").summary
            try await gate.waitForArrivals(1)
            async let second = fixture.call(revision, payload: "2").summary
            try await start.wait(for: "a second start") { $0 == 2 }
            gate.open()
            #expect(await [first, second] == ["success 1", "success 2"])
            #expect(fixture.driver.sandboxes.value.count == 1)
            start.change { $0 = 1000 }
        }
    }

    @Test func environmentsIdleForLongAreClosed() async throws {
        let code = StubCode()
        try await EngineFixture.run(code: code, program: Self.echo) { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            _ = await fixture.call(revision)
            try await fixture.settle(revision)
            let id = try #require(fixture.driver.sandboxes.value.first?.id)
            fixture.time.advance(by: .seconds(599))
            fixture.engine.tidy()
            #expect(await fixture.call(revision).summary == "success {}")
            #expect(fixture.driver.closed.value == [])
            try await fixture.settle(revision)
            fixture.time.advance(by: .seconds(601))
            fixture.engine.tidy()
            try await fixture.driver.closed.wait(for: "the environment to be closed") { $0 == [id] }
            #expect(fixture.credentials.issued.value == ["ASIA1"])
            #expect(fixture.credentials.revoked.value == ["ASIA1"])
            try await code.inUse.wait(for: "the code to be let go of") { $0 == 0 }
            #expect(await fixture.call(revision).summary == "success {}")
            #expect(fixture.driver.sandboxes.value.count == 2)
        }
    }

    // MARK: Revisions

    @Test func aNewRevisionTakesOverWithoutAFailedCall() async throws {
        try await EngineFixture.run { runtime in
            let version = runtime.specification.variables.first { $0.name == "VERSION" }?.value ?? ""
            return try runtime.serve { _ in version }
        } _: { fixture in
            func revision(_ number: Int) -> Revision { .sample(variables: [("VERSION", "\(number)")]) }
            fixture.publish(revision(0))
            let summaries = await withTaskGroup(of: [String].self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        var summaries: [String] = []
                        for _ in 0..<50 { summaries.append(await fixture.call(revision(0)).summary) }
                        return summaries
                    }
                }
                for number in 1...10 {
                    _ = await fixture.call(revision(0))
                    fixture.publish(revision(number))
                }
                return await group.reduce(into: []) { $0 += $1 }
            }
            #expect(summaries.filter { !$0.hasPrefix("success ") } == [])
            #expect(await fixture.call(revision(0)).summary == "success 10")
            // What the others had is given back.
            fixture.engine.remove(revision(0).function)
            try await fixture.driver.closed.wait(for: "the old environments to be closed") { closed in
                closed.count == fixture.driver.sandboxes.value.count
            }
            #expect(fixture.driver.sandboxes.value.map(\.id).filter { !fixture.driver.closed.value.contains($0) } == [])
        }
    }

    @Test func aCallOfTheOldRevisionRunsToItsEnd() async throws {
        let gate = Gate()
        try await EngineFixture.run { runtime in
            try runtime.serve { event in
                if event.body == "\"old\"" { gate.pass() }
                return event.body
            }
        } _: { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            async let old = fixture.call(revision, payload: "\"old\"").summary
            try await gate.waitForArrivals(1)
            fixture.publish(.sample())
            #expect(await fixture.call(revision, payload: "\"new\"").summary == "success \"new\"")
            gate.open()
            #expect(await old == "success \"old\"")
            try await fixture.driver.closed.wait(for: "the old environment to be closed") { $0.count == 1 }
            #expect(fixture.driver.closed.value == [fixture.driver.sandboxes.value[0].id])
        }
    }

    @Test func aRemovedFunctionIsNotFound() async throws {
        try await EngineFixture.run(program: Self.echo) { fixture in
            let revision = Revision.sample()
            let key = revision.function
            fixture.publish(revision)
            fixture.publish(revision, qualifier: "1")
            _ = await fixture.call(revision)
            fixture.engine.remove(key, qualifier: "1")
            #expect(fixture.state(of: key, "1") == "no such qualifier")
            #expect(fixture.state(of: key) == "ready")
            fixture.engine.suspend(key, qualifier: "$LATEST", state: "Pending")
            #expect(fixture.state(of: key) == "Pending")
            fixture.engine.remove(key)
            #expect(fixture.state(of: key) == "no such function")
            try await fixture.driver.closed.wait(for: "its environment to be closed") { $0.count == 1 }
        }
    }

    // MARK: Limits

    @Test func callsAboveTheLimitAreThrottled() async throws {
        let gate = Gate()
        var limits = Engine.Limits()
        limits.concurrency.executions = 2
        try await EngineFixture.run(limits: limits) { runtime in
            try runtime.serve { _ in
                gate.pass()
                return "1"
            }
        } _: { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            async let first = fixture.call(revision).summary
            async let second = fixture.call(revision).summary
            try await gate.waitForArrivals(2)
            guard case .fault(let fault) = await fixture.call(revision).outcome else {
                gate.open(for: 2)
                Issue.record("the third call ran")
                return
            }
            #expect(fault.code == "TooManyRequestsException")
            #expect(fault.status == 429)
            #expect(fault.message == "Rate Exceeded.")
            #expect(fault.fields.map { "\($0.name)=\($0.value)" } == ["Reason=ConcurrentInvocationLimitExceeded"])
            gate.open(for: 2)
            #expect(await [first, second] == ["success 1", "success 1"])
        }
    }

    @Test func whoHasAnAnswerMayCallAgainAtTheLimit() async throws {
        var limits = Engine.Limits()
        limits.concurrency.executions = 1
        try await EngineFixture.run(limits: limits, program: Self.echo) { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            let summaries = Watched<[String]>([])
            fixture.begin(revision) { first in
                summaries.change { $0.append(first.summary) }
                fixture.begin(revision) { second in summaries.change { $0.append(second.summary) } }
            }
            let found = try await summaries.wait(for: "both answers") { $0.count == 2 }
            #expect(found == ["success {}", "success {}"])
        }
    }

    @Test func environmentsThatAreBeingClosedTakeNoPlaceOfACall() async throws {
        let close = Watched(false)
        var hooks = ScriptedDriver.Hooks()
        hooks.beforeClose = { _ in _ = try? await close.wait(for: "the end") { $0 } }
        var limits = Engine.Limits()
        limits.concurrency.executions = 1
        try await EngineFixture.run(limits: limits, hooks: hooks, program: Self.echo) { fixture in
            defer { close.change { $0 = true } }
            let revision = Revision.sample()
            fixture.publish(revision)
            _ = await fixture.call(revision)
            // Closing the old revision's environment takes until the end of the test.
            fixture.publish(.sample())
            #expect(await fixture.call(revision).summary == "success {}")
            #expect(await fixture.call(revision).summary == "success {}")
        }
    }

    // MARK: Shutdown

    @Test func aShutdownLetsCallsEndAndTakesNoMore() async throws {
        let gate = Gate()
        try await EngineFixture.run { runtime in
            try runtime.serve { event in
                if event.body == "1" { gate.pass() }
                return event.body
            }
        } _: { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            async let running = fixture.call(revision, payload: "1").summary
            try await gate.waitForArrivals(1)
            async let shutdown: Void = fixture.engine.shutdown(grace: .seconds(30))
            // Once it has begun, nothing new is taken.
            while await fixture.call(revision, payload: "2").summary == "success 2" {}
            #expect(await fixture.call(revision, payload: "2").summary == "fault ServiceException")
            gate.open()
            #expect(await running == "success 1")
            await shutdown
            #expect(fixture.driver.isShutDown.value)
            #expect(fixture.driver.closed.value.count == fixture.driver.sandboxes.value.count)
        }
    }

    @Test func aShutdownEndsWhatWouldNotEnd() async throws {
        try await EngineFixture.run { runtime in
            _ = try runtime.next()
            try runtime.hang()
        } _: { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            async let running = fixture.call(revision).summary
            try await fixture.log.wait(for: "START RequestId")
            await fixture.engine.shutdown(grace: .milliseconds(10))
            #expect(await running.hasPrefix("error {\"errorType\":\"Runtime.ExitError\""))
            #expect(fixture.driver.closed.value.count == 1)
        }
    }

    @Test func aShutdownRefusesWhoStillWaitsForAnEnvironment() async throws {
        let start = Watched(false)
        var hooks = ScriptedDriver.Hooks()
        hooks.beforeStart = { _ in
            _ = try? await start.wait(for: "the end") { $0 }
            return nil
        }
        let code = StubCode()
        try await EngineFixture.run(code: code, hooks: hooks, program: Self.echo) { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            async let waiting = fixture.call(revision).summary
            try await code.inUse.wait(for: "the start") { $0 == 1 }
            await fixture.engine.shutdown(grace: .milliseconds(10))
            #expect(await waiting == "fault ServiceException")
            // An environment that comes up after all that is closed at once, and its code let go of.
            start.change { $0 = true }
            try await fixture.driver.closed.wait(for: "the late environment to be closed") { $0.count == 1 }
            try await code.inUse.wait(for: "the code to be let go of") { $0 == 0 }
        }
    }

    // MARK: Events

    @Test func theRuntimeIsToldWhenItsTimeIsOver() async throws {
        try await EngineFixture.run { runtime in
            try runtime.serve { event in "\"\(event.headers["lambda-runtime-deadline-ms"] ?? "")\"" }
        } _: { fixture in
            let revision = Revision.sample(timeout: .seconds(7))
            fixture.publish(revision)
            let deadline = (fixture.time.wall + .seconds(7)).milliseconds
            #expect(await fixture.call(revision).summary == "success \"\(deadline)\"")
        }
    }

    @Test func anEnvironmentHasTheFunctionsVariables() async throws {
        try await EngineFixture.run(program: Self.echo) { fixture in
            let revision = Revision.sample(
                memory: 1769,
                variables: [
                    ("PATH", "/mine"), ("LANG", "de_DE"), ("OWN", "value=1"), ("AWS_REGION", "mars"),
                    ("_HANDLER", "other"), ("AWS_LAMBDA_FUNCTION_NAME", "other"),
                ])
            fixture.publish(revision)
            _ = await fixture.call(revision)
            let specification = try #require(fixture.driver.sandboxes.value.first?.specification)
            let variables = Dictionary(specification.variables.map { ($0.name, $0.value) }) { _, _ in
                "given twice"
            }
            let expected = [
                // The user's, over those of the platform and of the runtime.
                "PATH": "/mine", "LANG": "de_DE", "OWN": "value=1",
                // The runtime's and the platform's.
                "PYTHONPATH": "/var/runtime", "TZ": ":UTC",
                // Reserved ones are not the user's to set.
                "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "_HANDLER": "app.handler",
                "AWS_LAMBDA_FUNCTION_NAME": "hello", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769", "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
                "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "LAMBDA_TASK_ROOT": "/var/task",
                "LAMBDA_RUNTIME_DIR": "/var/runtime", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/hello",
                "AWS_ACCESS_KEY_ID": "ASIA1", "AWS_SECRET_ACCESS_KEY": "secret-ASIA1",
                "AWS_SESSION_TOKEN": "token-ASIA1", "_LAMBDA_TELEMETRY_LOG_FD": "3",
            ]
            for (name, value) in expected { #expect(variables[name] == value, "\(name)") }
            #expect(variables["AWS_LAMBDA_LOG_FORMAT"] == nil)
            let stream = try #require(variables["AWS_LAMBDA_LOG_STREAM_NAME"])
            #expect(try #/2026\/11\/24\/\[\$LATEST\][0-9a-f]{32}/#.wholeMatch(in: stream) != nil)
            #expect(fixture.log.entries.value.allSatisfy { $0.destination.stream == stream })
            #expect(specification.memory == MemorySize(megabytes: 1769))
            #expect(specification.code == "/code/abababab")
            #expect(specification.temporaryBytes == 512 << 20)
            // Whole cores for init, then the function's share.
            #expect(specification.millicores == 0)
            #expect(fixture.driver.sandboxes.value.first?.shares.value == [1000])
        }
    }

    @Test func jsonLoggingIsToldToTheRuntime() async throws {
        try await EngineFixture.run(program: Self.echo) { fixture in
            let revision = Revision.sample(
                logging: LoggingSettings(format: .json, group: "/own", applicationLevel: "WARN", systemLevel: "INFO"))
            fixture.publish(revision)
            _ = await fixture.call(revision)
            let variables = fixture.driver.sandboxes.value[0].specification.variables
            #expect(variables.contains { $0 == ("AWS_LAMBDA_LOG_FORMAT", "JSON") })
            #expect(variables.contains { $0 == ("AWS_LAMBDA_LOG_LEVEL", "WARN") })
            try await fixture.log.wait(for: "platform.report")
            #expect(fixture.log.entries.value.first?.destination.group == "/own")
            #expect(fixture.log.texts.map { $0.contains("\"type\":\"platform.") }.allSatisfy { $0 })
        }
    }
}

extension EngineFixture {
    func state(of function: FunctionKey, _ qualifier: String = "$LATEST") -> String {
        switch engine.catalog.look(function, qualifier: qualifier) {
        case .found(.ready): "ready"
        case .found(.notReady(let state)): state
        case .noSuchFunction: "no such function"
        case .noSuchQualifier: "no such qualifier"
        }
    }
}
