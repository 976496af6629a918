import ApusEngine
import ApusMetrics
import ApusModel
import ApusSandbox
import ApusTesting
import Glibc
import Testing

/// Reserved and provisioned concurrency, aliases, and what becomes of environments in between.
struct EngineConcurrencyTests {
    @Test func reservedConcurrencyIsACap() async throws {
        let gate = Gate()
        try await EngineFixture.run(program: {
            try $0.serve { _ in
                gate.pass(); return "1"
            }
        }) { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            fixture.engine.reserve(1, for: revision.function)
            async let first = fixture.call(revision).summary
            try await gate.waitForArrivals(1)
            #expect(
                await fixture.call(revision).throttleReason == "ReservedFunctionConcurrentInvocationLimitExceeded")
            fixture.engine.reserve(nil, for: revision.function)
            async let second = fixture.call(revision).summary
            try await gate.waitForArrivals(2)
            gate.open(for: 2)
            #expect(await [first, second] == ["success 1", "success 1"])
        }
    }

    @Test func provisionedEnvironmentsAreThereBeforeTheFirstCall() async throws {
        try await EngineFixture.run(program: Self.initializationType) { fixture in
            let revision = Revision.sample(version: .published(1))
            fixture.publish(revision, qualifier: "1")
            fixture.engine.provision(2, for: revision.function, qualifier: "1")
            try await fixture.driver.sandboxes.wait(for: "two environments") { $0.count == 2 }
            try await fixture.settle(revision)
            #expect(
                fixture.engine.provisioned(revision.function, qualifier: "1")
                    == ProvisionedExecutions(requested: 2, allocated: 2, available: 2, failure: nil))
            try await fixture.log.wait(for: "INIT_REPORT Init Duration: ", count: 2)
            #expect(!fixture.log.texts.contains { $0.contains("Status") })
            #expect(await fixture.call(revision, qualifier: "1").summary == "success \"provisioned-concurrency\"")
            let metrics = fixture.metrics.invocations(of: revision.function, qualifier: "1")
            #expect(metrics.provisioned.value == 1)
            try await fixture.settle(revision)
            // They stay, however long nobody calls.
            fixture.time.advance(by: .seconds(3600))
            fixture.engine.tidy()
            try await fixture.settle(revision)
            #expect(fixture.counts(revision).idle == 2)
            fixture.engine.provision(nil, for: revision.function, qualifier: "1")
            #expect(fixture.engine.provisioned(revision.function, qualifier: "1") == nil)
            try await fixture.driver.closed.wait(for: "both to be closed") { $0.count == 2 }
        }
    }

    @Test func whatIsBeyondSpillsOver() async throws {
        let gate = Gate()
        try await EngineFixture.run(program: {
            try $0.serve { _ in
                gate.pass(); return "1"
            }
        }) { fixture in
            let revision = Revision.sample(version: .published(1))
            fixture.publish(revision, qualifier: "1")
            fixture.engine.provision(1, for: revision.function, qualifier: "1")
            try await fixture.driver.sandboxes.wait(for: "an environment") { $0.count == 1 }
            try await fixture.settle(revision)
            async let first = fixture.call(revision, qualifier: "1").summary
            async let second = fixture.call(revision, qualifier: "1").summary
            try await gate.waitForArrivals(2)
            gate.open(for: 2)
            #expect(await [first, second] == ["success 1", "success 1"])
            let metrics = fixture.metrics.invocations(of: revision.function, qualifier: "1")
            #expect(metrics.provisioned.value == 1)
            #expect(metrics.spillovers.value == 1)
        }
    }

    @Test func anInitThatFailsIsTheReasonWhyNothingIsAvailable() async throws {
        try await EngineFixture.run(program: { runtime in
            try runtime.failInit(type: "Runtime.ImportModuleError", "no module")
            try runtime.hang()
        }) { fixture in
            let revision = Revision.sample(version: .published(1))
            fixture.publish(revision, qualifier: "1")
            fixture.engine.provision(1, for: revision.function, qualifier: "1")
            try await fixture.driver.closed.wait(for: "the environment to be closed") { $0.count == 1 }
            let state = try #require(fixture.engine.provisioned(revision.function, qualifier: "1"))
            #expect(state.available == 0)
            #expect(state.failure == "Runtime.ImportModuleError: no module")
            // Tried again, but not at once.
            fixture.engine.tidy()
            try await fixture.driver.sandboxes.wait(for: "another attempt") { $0.count == 2 }
        }
    }

    @Test func anAliasRunsItsVersionsByTheirWeights() async throws {
        try await EngineFixture.run(program: Self.version) { fixture in
            let (one, two) = (Revision.sample(version: .published(1)), Revision.sample(version: .published(2)))
            fixture.publish(one, qualifier: "1")
            fixture.publish(two, qualifier: "2")
            fixture.engine.route("prod", of: one.function, to: [("1", 1)])
            #expect(await fixture.call(one, qualifier: "prod").executedVersion == "1")
            fixture.engine.route("prod", of: one.function, to: [("1", 0.5), ("2", 0.5)])
            var seen: [String: Int] = [:]
            for _ in 0..<200 { seen[await fixture.call(one, qualifier: "prod").executedVersion, default: 0] += 1 }
            #expect(seen.keys.sorted() == ["1", "2"])
            #expect(seen.values.allSatisfy { $0 > 60 })
            fixture.engine.remove(one.function, qualifier: "prod")
            #expect(fixture.state(of: one.function, "prod") == "no such qualifier")
            #expect(fixture.state(of: one.function, "1") == "ready")
        }
    }

    @Test func whatIsProvisionedForAnAliasMovesWithIt() async throws {
        try await EngineFixture.run(program: Self.version) { fixture in
            let (one, two) = (Revision.sample(version: .published(1)), Revision.sample(version: .published(2)))
            fixture.publish(one, qualifier: "1")
            fixture.publish(two, qualifier: "2")
            fixture.engine.route("prod", of: one.function, to: [("1", 1)])
            fixture.engine.provision(1, for: one.function, qualifier: "prod")
            try await fixture.driver.sandboxes.wait(for: "an environment") { $0.count == 1 }
            fixture.engine.route("prod", of: one.function, to: [("2", 1)])
            try await fixture.driver.sandboxes.wait(for: "one of the new version") { $0.count == 2 }
            try await fixture.settle(two)
            #expect(fixture.engine.provisioned(one.function, qualifier: "prod")?.available == 1)
            #expect(
                fixture.driver.functions.last?.specification.variables.contains {
                    $0 == ("AWS_LAMBDA_FUNCTION_VERSION", "2")
                } == true)
            #expect(await fixture.call(two, qualifier: "prod").executedVersion == "2")
        }
    }

    // MARK: Environments

    @Test func anIdleEnvironmentIsFrozenUntilItsNextCall() async throws {
        try await EngineFixture.run(program: { try $0.serve(\.body) }) { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            _ = await fixture.call(revision)
            try await fixture.settle(revision)
            let sandbox = try #require(fixture.driver.functions.first)
            fixture.engine.settle()
            #expect(sandbox.freezes.value == [])
            fixture.time.advance(by: .milliseconds(101))
            fixture.engine.settle()
            try await sandbox.freezes.wait(for: "a freeze") { $0 == [true] }
            #expect(await fixture.call(revision).summary == "success {}")
            #expect(sandbox.freezes.value == [true, false])
        }
    }

    @Test func theNextCallDoesNotStartASecondEnvironment() async throws {
        try await EngineFixture.run(program: { try $0.serve(\.body) }) { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            for _ in 0..<300 { #expect(await fixture.call(revision).summary == "success {}") }
            #expect(fixture.driver.sandboxes.value.count == 1)
        }
    }

    @Test func aCallThatWasNeverDeliveredRunsElsewhere() async throws {
        var hooks = ScriptedDriver.Hooks()
        hooks.beforeRestart = { sandbox in SandboxError(step: "restart", subject: sandbox.id, errno: EPIPE) }
        try await EngineFixture.run(
            hooks: hooks,
            program: { runtime in
                let event = try runtime.next()
                if event.body == "1" { return 1 }
                try runtime.respond(event, event.body)
                return try runtime.serve(\.body)
            }
        ) { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            #expect(await fixture.call(revision, payload: "1").summary.hasPrefix("error"))
            // The sandbox cannot be started again; the call does not suffer from it.
            #expect(await fixture.call(revision, payload: "2").summary == "success 2")
            #expect(fixture.driver.sandboxes.value.count == 2)
        }
    }

    @Test func environmentsThatAreLostAreReplaced() async throws {
        let gate = Gate()
        try await EngineFixture.run(program: {
            try $0.serve { event in
                if event.body == "1" { gate.pass() }
                return event.body
            }
        }) { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            async let running = fixture.call(revision, payload: "1").summary
            try await gate.waitForArrivals(1)
            fixture.driver.sandboxes.value[0].lose()
            #expect(await running.hasPrefix("error {\"errorType\":\"Runtime.ExitError\""))
            gate.open()
            #expect(await fixture.call(revision, payload: "2").summary == "success 2")
            try await fixture.settle(revision)
            // An idle one is gone before anybody is given to it.
            let idle = fixture.driver.sandboxes.value[1]
            idle.lose()
            try await fixture.driver.closed.wait(for: "its environment to be closed") { $0.contains(idle.id) }
            #expect(await fixture.call(revision, payload: "3").summary == "success 3")
            #expect(fixture.driver.sandboxes.value.count == 3)
        }
    }

    private static let initializationType: ScriptedDriver.Program = { runtime in
        try runtime.serve { _ in "\"\(runtime.variable("AWS_LAMBDA_INITIALIZATION_TYPE"))\"" }
    }

    private static let version: ScriptedDriver.Program = { runtime in
        try runtime.serve { _ in runtime.variable("AWS_LAMBDA_FUNCTION_VERSION") }
    }
}

extension InvocationResult {
    /// The `Reason` of a call that was refused for its number.
    fileprivate var throttleReason: String? {
        guard case .fault(let fault) = outcome, fault.status == 429 else { return nil }
        return fault.fields.first { $0.name == "Reason" }?.value
    }
}
