import ApusEngine
import ApusModel
import ApusSandbox
import ApusTesting
import Testing

struct LayerTests {
    private static let layers = ["ab", "cd"].map { CodeReference(sha256: String(repeating: $0, count: 32)) }
    private static let mount = SandboxSpecification.Mount(source: "/code/abababab+cdcdcdcd", target: "/opt")

    @Test(arguments: [nil, RuntimeBundle.Cell.booted, .forked])
    func environmentsHaveTheirLayersMounted(_ cell: RuntimeBundle.Cell?) async throws {
        try await Self.run(cell) { fixture, revision in
            fixture.publish(revision)
            #expect(await fixture.call(revision).summary == "success {}")
            #expect(fixture.driver.functions.map(\.specification.mounts) == [[Self.mount]])
        }
    }

    @Test func withoutLayersNothingIsMounted() async throws {
        try await Self.run(.forked) { fixture, revision in
            var revision = revision
            revision.layers = []
            fixture.publish(revision)
            #expect(await fixture.call(revision).summary == "success {}")
            #expect(fixture.driver.functions.map(\.specification.mounts) == [[]])
        }
    }

    @Test func forksOfATemplateKeepItsLayers() async throws {
        try await Self.run(.forked) { fixture, revision in
            var revision = revision
            revision.startsFromSnapshot = true
            #expect(await fixture.engine.snapshot(revision) == .taken)
            fixture.publish(revision)
            #expect(await fixture.call(revision).summary == "success {}")
            #expect(fixture.driver.functions.allSatisfy { $0.specification.mounts == [Self.mount] })
            // The template's code and layers; its fork holds the same.
            #expect(fixture.code.inUse.value == 2)
        }
    }

    @Test func directoriesAreReleasedAfterTheEnvironment() async throws {
        try await Self.run(nil) { fixture, revision in
            fixture.publish(revision)
            _ = await fixture.call(revision)
            #expect(fixture.code.inUse.value == 2)
            fixture.engine.remove(revision.function, qualifier: nil)
            try await fixture.code.inUse.wait(for: "nothing in use") { $0 == 0 }
        }
    }

    private static func run(
        _ cell: RuntimeBundle.Cell?, _ body: (EngineFixture, Revision) async throws -> Void
    ) async throws {
        try await EngineFixture.run(
            runtimes: StubRuntimes([.scripted(cell: cell)]), makesCells: cell != nil,
            program: { runtime in
                if runtime.specification.isTemplate { try runtime.awaitRestore() }
                return try runtime.serve(\.body)
            }
        ) { fixture in
            var revision = Revision.sample()
            revision.layers = layers
            try await body(fixture, revision)
        }
    }
}
