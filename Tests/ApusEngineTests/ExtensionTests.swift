import ApusEngine
import ApusMetrics
import ApusModel
import ApusSandbox
import ApusTesting
import Foundation
import Testing

/// What extensions do, with a driver whose programs are the test's.
@Suite(.timeLimit(.minutes(1)))
struct ExtensionTests {
    /// A revision with layers, and code whose layers have these files in `extensions`.
    private static func lend(
        _ names: [String], _ body: (Revision, StubCode) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("apus-\(UUID().uuidString)")
        let place = folder.appendingPathComponent("extensions")
        try FileManager.default.createDirectory(
            at: place.appendingPathComponent("not-one"), withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for name in names { try Data().write(to: place.appendingPathComponent(name)) }
        var revision = Revision.sample(timeout: .seconds(5))
        revision.layers = [revision.code]
        try await body(revision, StubCode(layerFolder: folder.path))
    }

    /// Takes events to the end, and notes them by their type and reason.
    private static func follow(_ process: ScriptedProcess, _ seen: Watched<[String]>) throws -> Int32 {
        let identifier = try process.register(#"["INVOKE","SHUTDOWN"]"#)
        while true {
            let event = try process.event(identifier)
            let isShutdown = event.contains(#""eventType":"SHUTDOWN""#)
            let reason = event.split(separator: #""shutdownReason":""#).dropFirst().first?.prefix { $0 != "\"" }
            seen.change { $0.append("\(process.name) \(reason ?? "invoke")") }
            if isShutdown { return 0 }
        }
    }

    private static func runtime(_ process: ScriptedProcess, _ seen: Watched<[String]>) throws -> Int32 {
        seen.change { $0.append("runtime") }
        try process.serve { event in
            if event == #""hang""# {
                process.waitForSignal()
                seen.change { $0.append("runtime told to end") }
            }
            return event
        }
    }

    @Test func externalOnesRunBesideTheRuntimeAndAreToldOfItsEnd() async throws {
        let seen = Watched<[String]>([])
        try await Self.lend(["b", "a"]) { revision, code in
            try await EngineFixture.run(code: code) { sandbox in
                try sandbox.supervise { process in
                    process.name == "runtime" ? try Self.runtime(process, seen) : try Self.follow(process, seen)
                }
            } _: { fixture in
                fixture.publish(revision)
                #expect(await fixture.call(revision, payload: "1").summary == "success 1")
                try await fixture.settle(revision)
                #expect(await fixture.call(revision, payload: "2").summary == "success 2")
                try await fixture.settle(revision)
                let sandbox = try #require(fixture.driver.sandboxes.value.first)
                #expect(
                    sandbox.specification.arguments == [
                        "/var/rapid/init", "programs", "/opt/extensions/a", "/opt/extensions/b", "--",
                        "/var/runtime/bootstrap",
                    ])
                try await fixture.log.wait(for: "EXTENSION", count: 2)
                #expect(seen.value.first == "runtime")
                #expect(Set(seen.value.dropFirst()) == ["a invoke", "b invoke"])
                #expect(
                    fixture.log.texts.filter { $0.hasPrefix("EXTENSION") }.sorted()
                        == ["a", "b"].map {
                            "EXTENSION\tName: \($0)\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n"
                        })
                // Frozen or not, they hear of the end; the runtime, which does not listen to signals, is killed before.
                fixture.time.advance(by: .seconds(1))
                fixture.engine.settle()
                fixture.time.advance(by: .seconds(700))
                fixture.engine.tidy()
                try await fixture.driver.closed.wait(for: "the end") { $0.count == 1 }
                #expect(sandbox.freezes.value == [true, false])
                #expect(Set(seen.value.suffix(2)) == ["a spindown", "b spindown"])
            }
        }
    }

    @Test func anInvocationLastsUntilItsExtensionsAreDone() async throws {
        let (seen, gate) = (Watched<[String]>([]), Watched(false))
        try await Self.lend(["slow"]) { revision, code in
            try await EngineFixture.run(code: code) { sandbox in
                try sandbox.supervise { process in
                    if process.name == "runtime" { return try Self.runtime(process, seen) }
                    let identifier = try process.register(#"["INVOKE"]"#)
                    while true {
                        _ = try process.event(identifier)
                        while !gate.value { Thread.sleep(forTimeInterval: 0.001) }
                    }
                }
            } _: { fixture in
                fixture.publish(revision)
                // The client does not wait for it.
                #expect(await fixture.call(revision, payload: "1").summary == "success 1")
                #expect(fixture.counts(revision).idle == 0)
                gate.change { $0 = true }
                try await fixture.settle(revision)
                #expect(fixture.counts(revision).idle == 1)
            }
        }
    }

    @Test func aTimeoutIsToldAndTheNextCallHasThemAnew() async throws {
        let seen = Watched<[String]>([])
        try await Self.lend(["a"]) { revision, code in
            var revision = revision
            revision.timeout = .seconds(1)
            try await EngineFixture.run(code: code) { sandbox in
                try sandbox.supervise { process in
                    process.name == "runtime" ? try Self.runtime(process, seen) : try Self.follow(process, seen)
                }
            } _: { fixture in
                fixture.publish(revision)
                let result = await fixture.call(revision, payload: #""hang""#)
                #expect(result.summary.contains("Sandbox.Timedout"))
                try await fixture.settle(revision)
                #expect(seen.value == ["runtime", "a invoke", "runtime told to end", "a timeout"])
                #expect(await fixture.call(revision, payload: "2").summary == "success 2")
                try await fixture.settle(revision)
                #expect(Array(seen.value.dropFirst(4)) == ["runtime", "a invoke"])
                #expect(fixture.driver.sandboxes.value.map(\.processes) == [2])
            }
        }
    }

    @Test func aCrashEndsTheCallAndTheNextOneWorks() async throws {
        let seen = Watched<[String]>([])
        try await Self.lend(["a", "b"]) { revision, code in
            try await EngineFixture.run(code: code) { sandbox in
                try sandbox.supervise { process in
                    if process.name == "runtime" { return try Self.runtime(process, seen) }
                    if process.name == "b" { return try Self.follow(process, seen) }
                    let identifier = try process.register(#"["INVOKE"]"#)
                    while sandbox.process > 1 { _ = try process.event(identifier) }
                    _ = try process.event(identifier)
                    return 3
                }
            } _: { fixture in
                fixture.publish(revision)
                let id = RequestID()
                let result = await fixture.call(revision, id: id, payload: #""hang""#)
                #expect(
                    result.summary
                        == #"error {"errorType":"Extension.Crash","errorMessage":"RequestId: \#(id) Error: exit status 3"}"#
                )
                try await fixture.settle(revision)
                #expect(seen.value.last == "b failure")
                try await fixture.log.wait(for: "RequestId: \(id) Error: exit status 3\nExtension.Crash\n")
                #expect(fixture.log.texts.last?.hasSuffix("\tStatus: error\tError Type: Extension.Crash\n") == true)
                #expect(await fixture.call(revision, payload: "2").summary == "success 2")
            }
        }
    }

    @Test func whatFailsBeforeTheRuntimeStartsIsAFailedInit() async throws {
        try await Self.lend(["a"]) { revision, code in
            try await EngineFixture.run(code: code) { sandbox in
                try sandbox.supervise { process in
                    if process.name == "runtime" {
                        process.waitForSignal()
                        return 0
                    }
                    let identifier = try process.register("[]")
                    _ = try process.call(
                        "POST", "/2020-01-01/extension/init/error",
                        headers: [
                            ("Lambda-Extension-Identifier", identifier),
                            ("Lambda-Extension-Function-Error-Type", "Agent.NoKey"),
                        ])
                    return 0
                }
            } _: { fixture in
                fixture.publish(revision)
                let id = RequestID()
                let result = await fixture.call(revision, id: id)
                #expect(
                    result.summary
                        == #"error {"errorType":"Extension.InitError","errorMessage":"RequestId: \#(id) Error: exit code 0"}"#
                )
                let state = "EXTENSION\tName: a\tState: InitError\tEvents: []\tError Type: Agent.NoKey\n"
                try await fixture.log.wait(for: state, count: 2)
                #expect(
                    fixture.log.texts.contains {
                        $0.hasPrefix("INIT_REPORT") && $0.hasSuffix("Status: error\tError Type: Extension.InitError\n")
                    })
            }
        }
    }

    @Test func theRuntimesOwnEndIsToldAsAlways() async throws {
        let seen = Watched<[String]>([])
        try await Self.lend(["a"]) { revision, code in
            try await EngineFixture.run(code: code) { sandbox in
                try sandbox.supervise { process in
                    if process.name == "a" { return try Self.follow(process, seen) }
                    _ = try process.call("GET", "/2018-06-01/runtime/invocation/next")
                    return 7
                }
            } _: { fixture in
                fixture.publish(revision)
                let result = await fixture.call(revision)
                #expect(result.summary.contains("Runtime exited with error: exit status 7"))
                try await fixture.settle(revision)
                #expect(seen.value == ["a invoke", "a failure"])
            }
        }
    }

    @Test func oneThatDoesNotEndIsKilledWhenItsTimeIsOver() async throws {
        var limits = Engine.Limits()
        limits.shutdown.external = .milliseconds(50)
        try await Self.lend(["deaf"]) { revision, code in
            try await EngineFixture.run(limits: limits, code: code) { sandbox in
                try sandbox.supervise { process in
                    if process.name == "runtime" { try process.serve { $0 } }
                    let identifier = try process.register(#"["SHUTDOWN"]"#)
                    _ = try process.event(identifier)
                    process.waitForSignal()
                    return 0
                }
            } _: { fixture in
                fixture.publish(revision)
                _ = await fixture.call(revision)
                try await fixture.settle(revision)
                fixture.engine.remove(revision.function)
                try await fixture.driver.closed.wait(for: "the end") { $0.count == 1 }
            }
        }
    }

    @Test func aPartOfTheRuntimeIsAnExtensionToo() async throws {
        let events = Watched<[String]>([])
        try await EngineFixture.run { runtime in
            let part = ScriptedProcess("part", port: runtime.port)
            let identifier = try part.register(#"["INVOKE"]"#)
            Thread.detachNewThread {
                while let event = try? part.event(identifier) { events.change { $0.append(event) } }
            }
            return try runtime.serve { $0.body }
        } _: { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            #expect(await fixture.call(revision, payload: "1").summary == "success 1")
            try await fixture.settle(revision)
            #expect(await fixture.call(revision, payload: "2").summary == "success 2")
            try await fixture.settle(revision)
            #expect(events.value.count == 2)
            try await fixture.log.wait(for: "EXTENSION")
            #expect(
                fixture.log.texts.filter { $0.hasPrefix("EXTENSION") } == [
                    "EXTENSION\tName: part\tState: Ready\tEvents: [INVOKE]\n"
                ])
            let sandbox = try #require(fixture.driver.sandboxes.value.first)
            fixture.engine.remove(revision.function)
            try await fixture.driver.closed.wait(for: "the end") { $0.count == 1 }
            #expect(sandbox.terminations.value == 1)
        }
    }

    @Test func aRuntimeWithExtensionsMayEndByItself() async throws {
        let wasKilled = Watched<[Bool]>([])
        try await EngineFixture.run { runtime in
            let part = ScriptedProcess("part", port: runtime.port)
            let identifier = try part.register("[]")
            Thread.detachNewThread { _ = try? part.event(identifier) }
            Thread.detachNewThread { _ = try? runtime.serve { $0.body } }
            runtime.waitForSignal()
            wasKilled.change { $0.append(runtime.isKilled) }
            return 0
        } _: { fixture in
            let revision = Revision.sample()
            fixture.publish(revision)
            #expect(await fixture.call(revision, payload: "1").summary == "success 1")
            try await fixture.settle(revision)
            fixture.engine.remove(revision.function)
            try await fixture.driver.closed.wait(for: "the end") { $0.count == 1 }
            #expect(wasKilled.value == [false])
            #expect(fixture.driver.sandboxes.value.first?.terminations.value == 1)
        }
    }
}
