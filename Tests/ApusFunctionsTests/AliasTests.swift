import ApusFunctions
import ApusModel
import ApusServiceKit
import ApusShapes
import ApusTesting
import ApusWire
import Testing

struct AliasTests {
    private static let arn = FunctionsFixture.arn("live")

    /// A function with versions 1, 2 and 3, and a sink that has forgotten how they came about.
    private static func run(_ body: (FunctionsFixture) async throws -> Void) async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create(publish: true)
            try await fixture.publish(versions: 2...3)
            fixture.sink.forget()
            try await body(fixture)
        }
    }

    private static func get(
        _ fixture: FunctionsFixture, _ name: String = "live"
    ) async throws -> Lambda.AliasConfiguration {
        try await fixture.service.call(Lambda.getAlias, .init(functionName: "hello", name: name))
    }

    @Test func anAliasNamesAVersion() async throws {
        try await Self.run { fixture in
            let latest = try await fixture.configuration().revisionId
            let created = try await fixture.alias()
            #expect(
                created
                    == Lambda.AliasConfiguration(
                        aliasArn: Self.arn, name: "live", functionVersion: "1", description: "",
                        revisionId: created.revisionId))
            #expect(created.revisionId?.utf8.count == 36)
            #expect(try await Self.get(fixture) == created)
            #expect(fixture.sink.events.value == ["route hello live 1=1.0"])
            // The function itself has not changed.
            #expect(try await fixture.configuration().revisionId == latest)
        }
    }

    @Test func itMayNameTheLatest() async throws {
        try await Self.run { fixture in
            #expect(try await fixture.alias("live", "$LATEST").functionVersion == "$LATEST")
            #expect(fixture.sink.events.value == ["route hello live $LATEST=1.0"])
            let configuration = try await fixture.configuration("hello", "live")
            #expect(configuration.version == "$LATEST")
            #expect(configuration.functionArn == Self.arn)
        }
    }

    @Test func callsAreSplitByWeight() async throws {
        try await Self.run { fixture in
            let created = try await fixture.alias(weights: ["2": 0.25])
            #expect(created.routingConfig == .init(additionalVersionWeights: ["2": 0.25]))
            #expect(try await Self.get(fixture) == created)
            #expect(fixture.sink.events.value == ["route hello live 1=0.75 2=0.25"])
        }
    }

    @Test func noWeightsAreNoRouting() async throws {
        try await Self.run { fixture in
            #expect(try await fixture.alias(weights: [:]).routingConfig == nil)
            try await fixture.alias("other", weights: ["2": 0.5])
            let updated = try await fixture.updateAlias("other") {
                $0.routingConfig = .init(additionalVersionWeights: [:])
            }
            #expect(updated.routingConfig == nil)
            #expect(fixture.sink.events.value.last == "route hello other 1=1.0")
        }
    }

    @Test func anUpdateChangesWhatItNames() async throws {
        try await Self.run { fixture in
            let created = try await fixture.alias(weights: ["2": 0.5])
            let unchanged = try await fixture.updateAlias()
            var expected = created
            expected.revisionId = unchanged.revisionId
            #expect(unchanged == expected)
            #expect(unchanged.revisionId != created.revisionId)
            let moved = try await fixture.updateAlias { request in
                request.functionVersion = "3"
                request.description = "moved"
                request.revisionId = unchanged.revisionId
            }
            #expect(moved.functionVersion == "3")
            #expect(moved.description == "moved")
            #expect(moved.routingConfig == created.routingConfig)
            #expect(fixture.sink.events.value.last == "route hello live 3=0.5 2=0.5")
        }
    }

    @Test func qualifiersAreAliasesToo() async throws {
        try await Self.run { fixture in
            try await fixture.alias("live", "2", weights: ["3": 0.1])
            var expected = try await fixture.configuration("hello", "2")
            expected.functionArn = Self.arn
            #expect(try await fixture.configuration("hello", "live") == expected)
            #expect(try await fixture.configuration(Self.arn) == expected)
            #expect(try await fixture.configuration("hello:live") == expected)
            let got = try await fixture.service.call(
                Lambda.getFunction, .init(functionName: "hello", qualifier: "live"))
            #expect(got.configuration == expected)
        }
    }

    @Test func deletionEndsItAndMayBeRepeated() async throws {
        try await Self.run { fixture in
            try await fixture.alias()
            try await fixture.deleteAlias()
            #expect(fixture.sink.events.value.last == "remove hello live")
            #expect(
                try await fault { _ = try await Self.get(fixture) }?.message == "Cannot find alias arn: \(Self.arn)")
            #expect(try await fault { _ = try await fixture.configuration("hello", "live") }?.status == 404)
            try await fixture.deleteAlias()
            try await fixture.alias("live", "2")
        }
    }

    @Test func aliasesOfTheFunctionGoWithIt() async throws {
        try await Self.run { fixture in
            try await fixture.alias()
            try await fixture.delete()
            try await fixture.create(publish: true)
            #expect(try await fault { _ = try await Self.get(fixture) }?.status == 404)
            try await fixture.alias()
        }
    }

    @Test func aVersionThatAnAliasNamesStays() async throws {
        try await Self.run { fixture in
            try await fixture.alias("a", "1")
            try await fixture.alias("b", "2", weights: ["1": 0.5])
            let inUse = Fault(
                "ResourceConflictException", status: 409,
                "Unable to delete version because the following aliases reference it: [a, b]")
            #expect(try await fault { try await fixture.delete("hello", "1") } == inUse)
            #expect(try await fixture.configuration("hello", "1").version == "1")
            try await fixture.delete("hello", "3")
            try await fixture.deleteAlias("a")
            try await fixture.deleteAlias("b")
            try await fixture.delete("hello", "1")
        }
    }

    @Test func aStartHandsAliasesOut() async throws {
        try await Self.run { fixture in
            try await fixture.alias("live", "1", weights: ["2": 0.5])
            let later = fixture.restarted()
            try await later.settle()
            let events = later.sink.events.value
            #expect(events.last == "route hello live 1=0.5 2=0.5")
            // Where it leads is there before it.
            #expect(events.contains("publish hello 2"))
        }
    }

    @Test func ofTwoMovesAtOnceTheOneThatIsStoredLastStays() async throws {
        try await Self.run { fixture in
            try await fixture.alias()
            let gate = Gate()
            fixture.sink.gates.change { $0["route hello live 2=1.0"] = gate }
            async let late = fixture.updateAlias { $0.functionVersion = "2" }
            try await gate.waitForArrivals(1)
            try await fixture.updateAlias { $0.functionVersion = "3" }
            gate.open()
            _ = try await late
            #expect(
                fixture.sink.events.value.suffix(3)
                    == ["route hello live 3=1.0", "route hello live 2=1.0", "route hello live 3=1.0"])
        }
    }

    // MARK: Lists

    private static func names(
        _ fixture: FunctionsFixture, version: String? = nil, size: Int? = nil
    ) async throws -> (names: [String], pages: Int) {
        var (names, marker, pages): ([String], String?, Int) = ([], nil, 0)
        repeat {
            let page = try await fixture.service.call(
                Lambda.listAliases,
                .init(functionName: "hello", functionVersion: version, marker: marker, maxItems: size))
            names += page.aliases?.compactMap(\.name) ?? []
            marker = page.nextMarker
            pages += 1
        } while marker != nil && pages < 20
        return (names, pages)
    }

    @Test(arguments: [(1, 5), (2, 3), (5, 1), (nil, 1)])
    func pagesJoinToTheWholeList(_ size: Int?, pages: Int) async throws {
        try await Self.run { fixture in
            for name in ["b", "a", "c_1", "2024-01-02", "c-1"] { try await fixture.alias(name) }
            let found = try await Self.names(fixture, size: size)
            #expect(found.names == ["2024-01-02", "a", "b", "c-1", "c_1"])
            #expect(found.pages == pages)
        }
    }

    @Test func aVersionsAliasesAreListed() async throws {
        try await Self.run { fixture in
            for (name, version) in [("a", "1"), ("b", "2"), ("c", "1"), ("d", "$LATEST")] {
                try await fixture.alias(name, version)
            }
            #expect(try await Self.names(fixture, version: "1", size: 1).names == ["a", "c"])
            #expect(try await Self.names(fixture, version: "$LATEST").names == ["d"])
            #expect(try await Self.names(fixture, version: "3").names == [])
        }
    }

    @Test func anotherFunctionsAliasesAreNotListed() async throws {
        try await Self.run { fixture in
            try await fixture.create("hello-2", publish: true)
            _ = try await fixture.service.call(
                Lambda.createAlias, .init(functionName: "hello-2", name: "other", functionVersion: "1"))
            #expect(try await Self.names(fixture).names == [])
        }
    }

    // MARK: Refusals

    struct Refusal: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var call: @Sendable (FunctionsFixture) async throws -> Void
        var fault: Fault
    }

    private static func notFound(_ message: String) -> Fault {
        Fault("ResourceNotFoundException", status: 404, message)
    }

    static let refusals: [Refusal] = [
        Refusal(
            testDescription: "a name that is taken", call: { try await $0.alias("taken") },
            fault: Fault(
                "ResourceConflictException", status: 409,
                "Alias already exists: \(FunctionsFixture.arn("taken"))")),
        Refusal(
            testDescription: "two weights", call: { try await $0.alias(weights: ["1": 0.8, "2": 0.2]) },
            fault: .invalidParameter("Number of items in AdditionalVersionWeights cannot be greater than 1")),
        Refusal(
            testDescription: "one version twice", call: { try await $0.alias(weights: ["1": 0.5]) },
            fault: .invalidParameter(
                "Invalid function version 1. Function version 1 is already included in routing configuration.")),
        Refusal(
            testDescription: "$LATEST with weights",
            call: { try await $0.alias("live", "$LATEST", weights: ["1": 0.5]) },
            fault: .invalidParameter("$LATEST is not supported for an alias pointing to more than 1 version")),
        Refusal(
            testDescription: "a version that is not there",
            call: { try await $0.alias("live", "10", weights: ["2": 0.5]) },
            fault: notFound("Function not found: \(FunctionsFixture.arn("10"))")),
        Refusal(
            testDescription: "a weight of a version that is not there",
            call: { try await $0.alias(weights: ["10": 0.5]) },
            fault: notFound("Function not found: \(FunctionsFixture.arn("10"))")),
        Refusal(
            testDescription: "a move to a version that is not there",
            call: { try await $0.updateAlias("taken") { $0.functionVersion = "10" } },
            fault: notFound("Function not found: \(FunctionsFixture.arn("10"))")),
        Refusal(
            testDescription: "a move onto the weighted version",
            call: { fixture in
                try await fixture.updateAlias("taken") {
                    $0.routingConfig = .init(additionalVersionWeights: ["2": 0.5])
                }
                try await fixture.updateAlias("taken") { $0.functionVersion = "2" }
            },
            fault: .invalidParameter(
                "Invalid function version 2. Function version 2 is already included in routing configuration.")),
        Refusal(
            testDescription: "versions with different roles",
            call: { fixture in
                try await fixture.update { $0.role = "arn:aws:iam::000000000000:role/other" }
                try await fixture.settle()
                _ = try await fixture.publish()
                try await fixture.alias(weights: ["4": 0.5])
            },
            fault: .invalidParameter("Specified versions must be associated with the same execution role")),
        Refusal(
            testDescription: "an update of what is not there", call: { try await $0.updateAlias("none") },
            fault: notFound("Alias not found: \(FunctionsFixture.arn("none"))")),
        Refusal(
            testDescription: "another revision",
            call: { try await $0.updateAlias("taken") { $0.revisionId = "other" } },
            fault: Fault(
                "PreconditionFailedException", status: 412,
                "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
            )),
        Refusal(
            testDescription: "a function that is not there",
            call: {
                _ = try await $0.service.call(
                    Lambda.createAlias, .init(functionName: "none", name: "live", functionVersion: "1"))
            }, fault: notFound("Function not found: arn:aws:lambda:us-east-1:000000000000:function:none:1")),
        Refusal(
            testDescription: "a qualified function",
            call: {
                _ = try await $0.service.call(
                    Lambda.createAlias, .init(functionName: "hello:1", name: "live", functionVersion: "1"))
            },
            fault: .invalidParameter(
                "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN."
            )),
        Refusal(
            testDescription: "deletion through DeleteFunction", call: { try await $0.delete("hello", "taken") },
            fault: .invalidParameter("Deletion of aliases is not currently supported.")),
        Refusal(
            testDescription: "a list for a function that is not there",
            call: { _ = try await $0.service.call(Lambda.listAliases, .init(functionName: "none")) },
            fault: notFound("Function not found: arn:aws:lambda:us-east-1:000000000000:function:none")),
    ]

    @Test(arguments: refusals)
    func whatCannotBeIsRefusedInAWSsWords(_ refusal: Refusal) async throws {
        try await Self.run { fixture in
            try await fixture.alias("taken")
            #expect(try await fault { try await refusal.call(fixture) } == refusal.fault)
            #expect(try await fault { _ = try await Self.get(fixture) }?.status == 404, "something was created")
        }
    }
}
