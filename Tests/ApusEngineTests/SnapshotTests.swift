import ApusEngine
import ApusMetrics
import ApusModel
import ApusSandbox
import ApusTesting
import Glibc
import Testing

struct SnapshotTests {
    @Test func environmentsAreForksOfAnInitThatRanOnce() async throws {
        let inits = Watched(0)
        try await Self.run { runtime in
            if runtime.specification.isTemplate {
                inits.change { $0 += 1 }
                try runtime.awaitRestore()
            }
            return try runtime.serve { _ in "\"\(runtime.variable("AWS_LAMBDA_INITIALIZATION_TYPE"))\"" }
        } _: { fixture, revision in
            #expect(await fixture.engine.snapshot(revision) == .taken)
            fixture.publish(revision, qualifier: "1")
            #expect(await fixture.call(revision, qualifier: "1").summary == "success \"snap-start\"")
            #expect(inits.value == 1)
            #expect(fixture.starts(revision) == [.template: 1])
            let template = try #require(fixture.driver.sandboxes.value.first { $0.function?.isTemplate == true })
            #expect(template.freezes.value.last == true)
            let fork = try #require(fixture.driver.functions.last)
            #expect(fork.origin == .forked(from: template.id))
            try await fixture.log.wait(for: "REPORT RequestId")
            #expect(fixture.log.texts.contains { $0.hasPrefix("RESTORE_START") })
            #expect(fixture.log.texts.contains { $0.hasPrefix("RESTORE_REPORT Restore Duration: ") })
            let report = try #require(fixture.log.texts.first { $0.hasPrefix("REPORT RequestId") })
            #expect(report.contains("\tRestore Duration: "))
            #expect(!report.contains("Init Duration"))
        }
    }

    @Test func anInitThatFailsIsTold() async throws {
        try await Self.run { runtime in
            try runtime.failInit(type: "Runtime.ImportModuleError", "{\"errorMessage\":\"no module\"}")
            try runtime.hang()
        } _: { fixture, revision in
            let outcome = await fixture.engine.snapshot(revision)
            #expect(
                outcome == .failed(type: "Runtime.ImportModuleError", message: "{\"errorMessage\":\"no module\"}"))
            try await fixture.driver.closed.wait(for: "the environment to be closed") { $0.count == 1 }
        }
    }

    @Test func threadsThatAForkWouldLoseHaveEachEnvironmentRunTheInit() async throws {
        var hooks = ScriptedDriver.Hooks()
        hooks.beforeFork = { origin in
            origin.function == nil ? nil : SandboxError(step: "count threads", subject: origin.id, errno: EBUSY)
        }
        try await Self.run(hooks: hooks, program: Self.templateOrEcho) { fixture, revision in
            guard case .unforkable(let reason) = await fixture.engine.snapshot(revision) else {
                Issue.record("it was forked")
                return
            }
            #expect(reason.contains("threads"))
            fixture.publish(revision, qualifier: "1")
            #expect(await fixture.call(revision, qualifier: "1").summary == "success {}")
            #expect(fixture.starts(revision)[.template] == nil)
            try await fixture.log.wait(for: "SnapStart: \(reason)")
        }
    }

    @Test func aRuntimeThatAsksForEventsAtOnceCannotBeForked() async throws {
        try await Self.run {
            try $0.serve(\.body)
        } _: { fixture, revision in
            guard case .unforkable = await fixture.engine.snapshot(revision) else {
                Issue.record("it was forked")
                return
            }
            fixture.publish(revision, qualifier: "1")
            #expect(await fixture.call(revision, qualifier: "1").summary == "success {}")
        }
    }

    @Test func theFirstCallHasTheTemplateMadeWhenThereIsNone() async throws {
        try await Self.run(program: Self.templateOrEcho) { fixture, revision in
            fixture.publish(revision, qualifier: "1")
            #expect(await fixture.call(revision, qualifier: "1").summary == "success {}")
            #expect(fixture.starts(revision) == [.template: 1])
            #expect(fixture.driver.functions.filter(\.specification.isTemplate).count == 1)
        }
    }

    @Test func aForkThatBreaksIsReplacedByAnother() async throws {
        try await Self.run { runtime in
            if runtime.specification.isTemplate { try runtime.awaitRestore() }
            return try runtime.serve { event in
                if event.body == "1" { throw ScriptedRuntime.Exit(.code(1)) }
                return event.body
            }
        } _: { fixture, revision in
            fixture.publish(revision, qualifier: "1")
            #expect(await fixture.call(revision, qualifier: "1", payload: "1").summary.hasPrefix("error"))
            #expect(await fixture.call(revision, qualifier: "1", payload: "2").summary == "success 2")
            #expect(fixture.starts(revision) == [.template: 2])
        }
    }

    @Test func aTemplateThatEndsIsMadeAnew() async throws {
        try await Self.run(program: Self.templateOrEcho) { fixture, revision in
            #expect(await fixture.engine.snapshot(revision) == .taken)
            let template = try #require(fixture.driver.functions.first)
            template.kill()
            try await fixture.driver.closed.wait(for: "the template to be closed") { $0.contains(template.id) }
            // The engine hears of it a moment later.
            let isTemplate: @Sendable (ScriptedSandbox) -> Bool = { $0.function?.isTemplate == true }
            while fixture.driver.sandboxes.value.count(where: isTemplate) < 2 {
                _ = await fixture.engine.snapshot(revision)
            }
            #expect(await fixture.engine.snapshot(revision) == .taken)
        }
    }

    @Test func aTemplateThatCannotBeForkedAnyMoreIsReplaced() async throws {
        let (first, gate) = (Watched(""), Gate())
        var hooks = ScriptedDriver.Hooks()
        hooks.beforeFork = { origin in
            guard origin.function != nil else { return nil }
            // Of the first template only the first fork goes well.
            let isSpent = first.change { first in
                defer { if first.isEmpty { first = origin.id } }
                return first == origin.id
            }
            return isSpent ? SandboxError(step: "fork", subject: origin.id, errno: ETIMEDOUT) : nil
        }
        try await Self.run(hooks: hooks) { runtime in
            if runtime.specification.isTemplate { try runtime.awaitRestore() }
            return try runtime.serve { event in
                if event.body == "1" { gate.pass() }
                return event.body
            }
        } _: { fixture, revision in
            fixture.publish(revision, qualifier: "1")
            async let held = fixture.call(revision, qualifier: "1", payload: "1").summary
            try await gate.waitForArrivals(1)
            #expect(await fixture.call(revision, qualifier: "1", payload: "2").summary == "success 2")
            #expect(fixture.driver.functions.filter(\.specification.isTemplate).count == 2)
            gate.open()
            #expect(await held == "success 1")
        }
    }

    @Test func aFunctionWhoseForksAllFailRunsItsInitItself() async throws {
        var hooks = ScriptedDriver.Hooks()
        hooks.beforeSpecialize = { sandbox, _ in
            sandbox.isForkOfTemplate ? SandboxError(step: "find", subject: sandbox.id, errno: ENOENT) : nil
        }
        try await Self.run(hooks: hooks, program: Self.templateOrEcho) { fixture, revision in
            fixture.publish(revision, qualifier: "1")
            #expect(await fixture.call(revision, qualifier: "1").summary == "success {}")
            #expect(fixture.starts(revision)[.template] == nil)
        }
    }

    @Test func aRestoreThatFailsIsTheCallersError() async throws {
        try await Self.run { runtime in
            if runtime.specification.isTemplate { try runtime.awaitRestore() }
            try runtime.failInit(type: "Runtime.RestoreHookUserError", "{}")
            try runtime.hang()
        } _: { fixture, revision in
            #expect(await fixture.engine.snapshot(revision) == .taken)
            fixture.publish(revision, qualifier: "1")
            #expect(await fixture.call(revision, qualifier: "1").summary == "fault SnapStartException")
            try await fixture.log.wait(for: "RESTORE_REPORT Restore Duration: ")
        }
    }

    @Test func aRemovedVersionTakesItsTemplateAlong() async throws {
        try await Self.run(program: Self.templateOrEcho) { fixture, revision in
            #expect(await fixture.engine.snapshot(revision) == .taken)
            fixture.publish(revision, qualifier: "1")
            let template = try #require(fixture.driver.functions.first)
            fixture.engine.remove(revision.function, qualifier: "1")
            try await fixture.driver.closed.wait(for: "the template to be closed") { $0.contains(template.id) }
        }
    }

    private static let templateOrEcho: ScriptedDriver.Program = { runtime in
        if runtime.specification.isTemplate { try runtime.awaitRestore() }
        return try runtime.serve(\.body)
    }

    private static func run(
        hooks: ScriptedDriver.Hooks = ScriptedDriver.Hooks(), program: @escaping ScriptedDriver.Program,
        _ body: (EngineFixture, Revision) async throws -> Void
    ) async throws {
        var limits = Engine.Limits()
        limits.waitingCells = 1
        try await EngineFixture.run(
            limits: limits, runtimes: StubRuntimes([.scripted(cell: .forked)]), hooks: hooks, makesCells: true,
            program: program
        ) { fixture in
            var revision = Revision.sample(version: .published(1))
            revision.startsFromSnapshot = true
            try await body(fixture, revision)
        }
    }
}
