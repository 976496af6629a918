import ApusEngine
import ApusModel
import ApusSandbox
import ApusTesting
import Testing

@Suite(.timeLimit(.minutes(1)))
struct EngineFailureTests {
    // MARK: Invocations that fail

    @Test func aCallThatTakesTooLongIsEndedAndTheRuntimeStartedAgain() async throws {
        try await EngineFixture.run { runtime in
            try runtime.serve { event in
                if event.body == "\"hang\"" { try runtime.hang() }
                return "\(runtime.process)"
            }
        } _: { fixture in
            let revision = Revision.sample(timeout: .seconds(1))
            fixture.publish(revision)
            let id = RequestID()
            #expect(
                await fixture.call(revision, id: id, payload: "\"hang\"").summary
                    == #"error {"errorType":"Sandbox.Timedout","errorMessage":"RequestId: \#(id) Error: Task timed out after 1.00 seconds"}"#
            )
            try await fixture.log.wait(for: "REPORT RequestId: \(id)")
            let lines = fixture.log.texts
            #expect(lines.contains { $0.hasSuffix("Z \(id) Task timed out after 1.00 seconds\n\n") })
            #expect(lines.last?.hasSuffix("\tStatus: timeout\n") == true)
            // `/tmp` and all else of the environment stay; the process is another.
            try await fixture.settle(revision)
            #expect(await fixture.call(revision).summary == "success 2")
            #expect(fixture.driver.sandboxes.value.map(\.processes) == [2])
            // It boots with whole cores, as in init.
            #expect(fixture.driver.sandboxes.value.first?.shares.value == [72, 0, 72])
        }
    }

    struct EndRow: Sendable {
        var exit: ScriptedRuntime.Exit
        var client: String
        var report: String
    }

    @Test(arguments: [
        EndRow(
            exit: .init(.code(0)),
            client:
                #""Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited without providing a reason""#,
            report: "Runtime.ExitError"),
        EndRow(
            exit: .init(.code(3)),
            client:
                #""Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited with error: exit status 3""#,
            report: "Runtime.ExitError"),
        EndRow(
            exit: .init(.signal(11)),
            client:
                #""Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited with error: signal: segmentation fault""#,
            report: "Runtime.ExitError"),
        EndRow(
            exit: .init(.signal(9), outOfMemory: true),
            client:
                #""Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited with error: signal: killed""#,
            report: "Runtime.OutOfMemory"),
    ])
    func aRuntimeThatEndsDuringACallFailsIt(_ row: EndRow) async throws {
        try await EngineFixture.run { runtime in
            try runtime.serve { event in
                if runtime.process == 1 { throw row.exit }
                return "\(runtime.process)"
            }
        } _: { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            let result = await fixture.call(revision, id: RequestID(existing: "ID"))
            #expect(result.summary == "error {\"errorType\":\(row.client)}")
            #expect(result.executedVersion == "$LATEST")
            try await fixture.log.wait(for: "REPORT RequestId: ID")
            #expect(fixture.log.texts.last?.hasSuffix("\tStatus: error\tError Type: \(row.report)\n") == true)
            try await fixture.settle(revision)
            #expect(await fixture.call(revision).summary == "success 2")
        }
    }

    @Test func anErrorOfTheFunctionsOwnLeavesItsEnvironmentWarm() async throws {
        let body = #"{"errorMessage":"bad","errorType":"ValueError","stackTrace":[]}"#
        try await EngineFixture.run { runtime in
            let event = try runtime.next()
            try runtime.fail(event, type: "Runtime.Unhandled", body)
            return try runtime.serve { _ in "\(runtime.process)" }
        } _: { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            #expect(await fixture.call(revision).summary == "error \(body)")
            try await fixture.settle(revision)
            #expect(await fixture.call(revision).summary == "success 1")
            #expect(fixture.driver.sandboxes.value.count == 1)
        }
    }

    @Test func aResultThatIsTooLargeFailsTheCallOnly() async throws {
        try await EngineFixture.run { runtime in
            try runtime.serve { event in
                event.body == "\"large\"" ? String(repeating: "x", count: 6_291_557) : "\(runtime.process)"
            }
        } _: { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            let large = await fixture.call(revision, payload: "\"large\"").summary
            #expect(
                large
                    == #"error {"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}"#
            )
            try await fixture.settle(revision)
            #expect(await fixture.call(revision).summary == "success 1")
            #expect(fixture.driver.sandboxes.value.map(\.processes) == [1])
        }
    }

    @Test func aRuntimeThatAsksTwiceIsEnded() async throws {
        try await EngineFixture.run { runtime in
            if runtime.process > 1 { return try runtime.serve { _ in "\(runtime.process)" } }
            _ = try runtime.next()
            _ = try? runtime.next()
            try runtime.hang()
        } _: { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            #expect(await fixture.call(revision).summary.hasPrefix(#"error {"errorType":"Runtime.ExitError""#))
            try await fixture.settle(revision)
            #expect(await fixture.call(revision).summary == "success 2")
        }
    }

    @Test func aRuntimeThatEndsAfterItsAnswerIsStartedAgain() async throws {
        try await EngineFixture.run { runtime in
            let event = try runtime.next()
            try runtime.respond(event, "\(runtime.process)")
            return 0
        } _: { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            for _ in 0..<5 { #expect(await fixture.call(revision).summary.hasPrefix("success ")) }
        }
    }

    // MARK: Init that fails

    @Test func aFailedInitRunsAgainWithinTheCall() async throws {
        try await EngineFixture.run { runtime in
            if runtime.process == 1 {
                try runtime.failInit(type: "Runtime.ImportModuleError", "{}")
                return 1
            }
            return try runtime.serve { _ in "\(runtime.process)" }
        } _: { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            #expect(await fixture.call(revision).summary == "success 2")
            try await fixture.log.wait(for: "REPORT RequestId")
            let lines = fixture.log.texts
            #expect(lines.first?.hasPrefix("INIT_START ") == true)
            #expect(
                lines.contains {
                    $0.hasSuffix("Phase: init\tStatus: error\tError Type: Runtime.ImportModuleError\n")
                })
            // Its time is in the call's duration, so the report does not name it.
            #expect(lines.last?.contains("Init Duration") == false)
            #expect(fixture.driver.sandboxes.value.map(\.processes) == [2])
        }
    }

    @Test func anInitThatFailsAgainGivesTheRuntimesError() async throws {
        let body =
            #"{"errorMessage":"no module named x","errorType":"Runtime.ImportModuleError","requestId":"","stackTrace":[]}"#
        try await EngineFixture.run { runtime in
            if runtime.process > 2 { return try runtime.serve { _ in "\(runtime.process)" } }
            try runtime.failInit(type: "Runtime.ImportModuleError", body)
            return 1
        } _: { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            let id = RequestID()
            #expect(await fixture.call(revision, id: id).summary == "error \(body)")
            try await fixture.log.wait(for: "REPORT RequestId: \(id)")
            let lines = fixture.log.texts
            #expect(
                lines.contains {
                    $0.hasSuffix("Phase: invoke\tStatus: error\tError Type: Runtime.ImportModuleError\n")
                })
            #expect(lines.contains("START RequestId: \(id) Version: $LATEST\n"))
            #expect(
                lines.last?.hasSuffix("\tStatus: error\tError Type: Runtime.ImportModuleError\n") == true)
            try await fixture.settle(revision)
            #expect(await fixture.call(revision).summary == "success 3")
        }
    }

    @Test func anInitThatTakesTooLongRunsAgainWithinTheCall() async throws {
        var limits = Engine.Limits()
        limits.initTimeout = .milliseconds(50)
        try await EngineFixture.run(limits: limits) { runtime in
            if runtime.process == 1 { try runtime.hang() }
            return try runtime.serve { _ in "\(runtime.process)" }
        } _: { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            #expect(await fixture.call(revision).summary == "success 2")
            try await fixture.log.wait(for: "Phase: init\tStatus: timeout\n")
        }
    }

    @Test func aSecondInitHasTheTimeOfTheCall() async throws {
        var limits = Engine.Limits()
        limits.initTimeout = .milliseconds(50)
        try await EngineFixture.run(limits: limits) { runtime in
            try runtime.hang()
        } _: { fixture in
            let revision = Revision.sample(timeout: .milliseconds(100))
            fixture.publish(revision)
            let summary = await fixture.call(revision).summary
            #expect(summary.contains("Task timed out after 0.10 seconds"))
            try await fixture.log.wait(for: "REPORT RequestId")
            #expect(fixture.log.texts.contains { $0.hasSuffix("Phase: invoke\tStatus: timeout\n") })
        }
    }

    @Test func aRuntimeThatCannotBeStartedAgainTakesItsEnvironmentWithIt() async throws {
        var hooks = ScriptedDriver.Hooks()
        hooks.beforeRestart = { _ in SandboxError(step: "start", subject: "the program", errno: 12) }
        try await EngineFixture.run(hooks: hooks) { runtime in
            try runtime.serve { event in
                if event.body == "\"die\"" { throw ScriptedRuntime.Exit(.code(1)) }
                return "\"\(runtime.specification.id)\""
            }
        } _: { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            #expect(await fixture.call(revision, payload: "\"die\"").summary.hasPrefix("error "))
            try await fixture.settle(revision)
            // Nobody suffers: the call goes to another environment.
            let second = await fixture.call(revision).summary
            #expect(second == "success \"\(fixture.driver.sandboxes.value.last!.id)\"")
            #expect(fixture.driver.sandboxes.value.count == 2)
            let broken = fixture.driver.sandboxes.value[0].id
            try await fixture.driver.closed.wait(for: "the broken environment to be closed") { $0 == [broken] }
        }
    }

    // MARK: Starts that fail

    @Test func aSandboxThatCannotBeMadeIsAServersFault() async throws {
        var hooks = ScriptedDriver.Hooks()
        let starts = Watched(0)
        hooks.beforeStart = { specification in
            let number = starts.change { count in
                count += 1
                return count
            }
            return number == 1 ? SandboxError(step: "clone", subject: specification.id, errno: 11) : nil
        }
        try await EngineFixture.run(hooks: hooks) { runtime in
            try runtime.serve { $0.body }
        } _: { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            #expect(await fixture.call(revision).summary == "fault ServiceException")
            #expect(fixture.credentials.revoked.value == ["ASIA1"])
            #expect(fixture.code.inUse.value == 0)
            // The next one may well succeed.
            #expect(await fixture.call(revision).summary == "success {}")
        }
    }

    @Test(arguments: [
        (CodeError.corrupt("hash"), "fault InvalidZipFileException"), (.unavailable("gone"), "fault ServiceException"),
    ])
    func codeThatCannotBeHadIsNotRun(_ error: CodeError, summary: String) async throws {
        try await EngineFixture.run(code: StubCode(failingWith: error)) { _ in
            0
        } _: { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            #expect(await fixture.call(revision).summary == summary)
            #expect(fixture.driver.sandboxes.value.isEmpty)
        }
    }

    @Test func aRuntimeThatIsNotInstalledIsNamed() async throws {
        try await EngineFixture.run { _ in
            0
        } _: { fixture in
            let revision = Revision.sample(runtime: "java21")
            fixture.publish(revision)
            guard case .fault(let fault) = await fixture.call(revision).outcome else {
                Issue.record("the call ran")
                return
            }
            #expect(fault == Fault("InvalidRuntimeException", status: 502, "java21 is not installed"))
        }
    }
}
