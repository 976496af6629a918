import ApusEngine
import ApusMetrics
import ApusModel
import ApusSandbox
import ApusTesting
import Glibc
import Testing

struct CellTests {
    private let least = 4

    @Test func aCellBecomesTheFunctionsEnvironment() async throws {
        try await Self.run(.booted) { fixture, revision in
            try await fixture.driver.waitForCells(least)
            #expect(await fixture.call(revision).summary == "success {}")
            let sandbox = try #require(fixture.driver.functions.first)
            guard case .booted(let cell) = sandbox.origin else {
                Issue.record("it was \(sandbox.origin)")
                return
            }
            #expect(cell.arguments == ["/var/runtime/bootstrap", "cell"])
            #expect(
                cell.variables.map(\.name).sorted()
                    == ["AWS_XRAY_CONTEXT_MISSING", "LANG", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "TZ"])
            #expect(sandbox.specification.variables.contains { $0 == ("_HANDLER", "app.handler") })
            #expect(fixture.starts(revision) == [.cell: 1])
            #expect(await fixture.call(revision).summary == "success {}")
            #expect(fixture.starts(revision) == [.cell: 1, .warm: 1])
        }
    }

    @Test func forkedCellsComeFromAZygoteThatIsNeverUsedItself() async throws {
        try await Self.run(.forked) { fixture, revision in
            try await fixture.driver.waitForCells(least + 1)
            let zygote = try #require(fixture.driver.sandboxes.value.first)
            _ = await fixture.call(revision)
            #expect(fixture.driver.functions.map(\.origin) == [.forked(from: zygote.id)])
            #expect(zygote.function == nil)
        }
    }

    @Test func aBurstIsServedByForksOfTheZygote() async throws {
        let gate = Gate()
        try await Self.run(
            .forked,
            program: {
                try $0.serve { _ in
                    gate.pass(); return "1"
                }
            }
        ) { fixture, revision in
            try await fixture.driver.waitForCells(least + 1)
            let callers = least + 8
            await withTaskGroup(of: String.self) { group in
                for _ in 0..<callers { group.addTask { await fixture.call(revision).summary } }
                try? await gate.waitForArrivals(callers)
                gate.open(for: callers)
                for await summary in group { #expect(summary == "success 1") }
            }
            let starts = fixture.starts(revision)
            #expect(starts[.direct] == nil)
            #expect((starts[.cell] ?? 0) + (starts[.zygote] ?? 0) == callers)
        }
    }

    @Test func whatIsReadAtBootHasTheRuntimeStartedDirectly() async throws {
        try await Self.run(.booted, variables: [("PYTHONHASHSEED", "1")]) { fixture, revision in
            try await fixture.driver.waitForCells(least)
            _ = await fixture.call(revision)
            #expect(fixture.driver.functions.map(\.origin) == [.started])
        }
    }

    @Test func whatTheRuntimeSetsAnywayDoesNot() async throws {
        try await Self.run(.booted, variables: [("PYTHONPATH", "/mine")]) { fixture, revision in
            try await fixture.driver.waitForCells(least)
            _ = await fixture.call(revision)
            #expect(fixture.starts(revision) == [.cell: 1])
        }
    }

    @Test func cellsOfOneMemorySizeServeNoOther() async throws {
        let bundle = RuntimeBundle(
            id: "java17", arguments: ["/usr/bin/java", "-XX:MaxRAM={memory}m"], mounts: [], variables: [],
            executionEnvironment: nil, hasFramedLogs: true, version: "java:17.v1", cell: .booted)
        var limits = Engine.Limits()
        limits.waitingCells = 16
        try await EngineFixture.run(
            limits: limits, runtimes: StubRuntimes([bundle]), makesCells: true, program: { try $0.serve(\.body) }
        ) { fixture in
            for megabytes in [128, 1024] {
                let revision = Revision.sample("of-\(megabytes)-mb", memory: megabytes, runtime: bundle.id)
                fixture.publish(revision)
                // Fewer of each than of other runtimes, as there may be many sizes.
                let sandboxes = try await fixture.driver.sandboxes.wait(for: "two cells of the size") { sandboxes in
                    sandboxes.count { $0.isBooted(for: megabytes) } >= 2
                }
                #expect(await fixture.call(revision).summary == "success {}")
                let function = try #require(fixture.driver.functions.last)
                #expect(function.isBooted(for: megabytes))
                #expect(sandboxes.allSatisfy { $0.isBooted(for: 128) || $0.isBooted(for: megabytes) })
            }
        }
    }

    @Test func aCellThatCannotBeUsedIsReplacedByADirectStart() async throws {
        var hooks = ScriptedDriver.Hooks()
        hooks.beforeSpecialize = { sandbox, _ in SandboxError(step: "mount", subject: sandbox.id, errno: EIO) }
        try await Self.run(.booted, hooks: hooks) { fixture, revision in
            try await fixture.driver.waitForCells(least)
            #expect(await fixture.call(revision).summary == "success {}")
            #expect(fixture.starts(revision) == [.direct: 1])
            // The others of the stock are not trusted either.
            try await fixture.driver.closed.wait(for: "the cells to be closed") { $0.count >= least }
        }
    }

    @Test func aCellThatEndsIsClosedAndReplaced() async throws {
        try await Self.run(.booted) { fixture, revision in
            try await fixture.driver.waitForCells(least)
            let cell = try #require(fixture.driver.sandboxes.value.first)
            cell.kill()
            try await fixture.driver.closed.wait(for: "the cell to be closed") { $0 == [cell.id] }
            try await fixture.driver.waitForCells(least + 1)
            #expect(fixture.driver.functions.isEmpty)
            #expect(await fixture.call(revision).summary == "success {}")
        }
    }

    @Test func whatDemandNoLongerAsksForIsGivenBack() async throws {
        let gate = Gate()
        try await Self.run(
            .booted,
            program: {
                try $0.serve { _ in
                    gate.pass(); return "1"
                }
            }
        ) { fixture, revision in
            try await fixture.driver.waitForCells(least)
            let callers = 8
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<callers { group.addTask { _ = await fixture.call(revision) } }
                try? await gate.waitForArrivals(callers)
                gate.open(for: callers)
            }
            // Half more than were taken at once.
            fixture.time.advance(by: .seconds(1))
            let waiting: @Sendable ([ScriptedSandbox]) -> Int = { $0.count { $0.function == nil && !$0.hasEnded } }
            fixture.engine.settle()
            try await fixture.driver.sandboxes.wait(for: "a larger stock") { waiting($0) == 12 }
            for _ in 0..<200 { fixture.engine.tidy() }
            try await fixture.driver.closed.wait(for: "the surplus to be closed") { $0.count == 12 - 4 }
            #expect(waiting(fixture.driver.sandboxes.value) == 4)
        }
    }

    @Test func aZygoteThatEndsIsReplaced() async throws {
        try await Self.run(.forked) { fixture, revision in
            try await fixture.driver.waitForCells(least + 1)
            let zygote = try #require(fixture.driver.sandboxes.value.first)
            zygote.kill()
            try await fixture.driver.sandboxes.wait(for: "another zygote") { sandboxes in
                sandboxes.filter { if case .booted = $0.origin { true } else { false } }.count == 2
            }
            #expect(await fixture.call(revision).summary == "success {}")
        }
    }

    @Test func aZygoteThatWasTooSlowIsNotAskedAgain() async throws {
        let forks = Watched(0)
        var hooks = ScriptedDriver.Hooks()
        hooks.beforeFork = { origin in
            let number = forks.change { forks in
                forks += 1
                return forks
            }
            return number == 1 ? SandboxError(step: "wait for the fork", subject: origin.id, errno: ETIMEDOUT) : nil
        }
        try await Self.run(.forked, hooks: hooks) { fixture, revision in
            let zygote = try await fixture.driver.sandboxes.wait(for: "a zygote") { !$0.isEmpty }[0]
            try await fixture.driver.closed.wait(for: "its end") { $0.contains(zygote.id) }
            #expect(await fixture.call(revision).summary == "success {}")
        }
    }

    @Test func aShutdownClosesWhatWaits() async throws {
        try await Self.run(.forked) { fixture, _ in
            try await fixture.driver.waitForCells(least + 1)
            await fixture.engine.shutdown(grace: .zero)
            #expect(Set(fixture.driver.closed.value) == Set(fixture.driver.sandboxes.value.map(\.id)))
        }
    }

    @Test func demandIsFollowedAtOnceAndForgottenSlowly() {
        var demand = CellDemand(least: 4)
        #expect(demand.target == 4)
        for _ in 0..<20 { demand.take() }
        #expect(demand.target == 30)
        for _ in 0..<10 { demand.tick() }
        #expect((24...26).contains(demand.target))
        for _ in 0..<1000 { demand.take() }
        #expect(demand.target == CellDemand.most)
        for _ in 0..<1000 { demand.tick() }
        #expect(demand.target == 4)
    }

    @Test(arguments: [(1 << 29, 4), (8 << 30, 8), (23 << 30, 23), (512 << 30, 24)])
    func largeHostsKeepMore(_ memory: Int, _ least: Int) {
        #expect(CellDemand.least(onHostWith: memory) == least)
    }

    private static func run(
        _ cell: RuntimeBundle.Cell, variables: [(name: String, value: String)] = [],
        hooks: ScriptedDriver.Hooks = ScriptedDriver.Hooks(),
        program: @escaping ScriptedDriver.Program = { try $0.serve(\.body) },
        _ body: (EngineFixture, Revision) async throws -> Void
    ) async throws {
        var limits = Engine.Limits()
        limits.waitingCells = 4
        try await EngineFixture.run(
            limits: limits, runtimes: StubRuntimes([.scripted(cell: cell)]), hooks: hooks, makesCells: true,
            program: program
        ) { fixture in
            let revision = Revision.sample(variables: variables)
            fixture.publish(revision)
            try await body(fixture, revision)
        }
    }
}

extension ScriptedDriver {
    /// Those that became a function's.
    var functions: [ScriptedSandbox] { sandboxes.value.filter { $0.function != nil } }

    func waitForCells(_ count: Int) async throws {
        try await sandboxes.wait(for: "\(count) cells") { $0.count >= count }
    }
}

extension ScriptedSandbox {
    fileprivate func isBooted(for megabytes: Int) -> Bool {
        guard case .booted(let cell) = origin else { return false }
        return cell.arguments.contains("-XX:MaxRAM=\(megabytes)m")
    }
}

extension EngineFixture {
    /// How calls of a version came to their environments; those that none did are missing.
    func starts(_ revision: Revision) -> [StartPath: Int] {
        let metrics = metrics.environments(of: revision.function, version: revision.version)
        let counts = StartPath.allCases.map { ($0, metrics.starts($0).value) }
        return Dictionary(uniqueKeysWithValues: counts.filter { $0.1 > 0 })
    }
}
