import ApusFunctions
import ApusModel
import ApusServiceKit
import ApusShapes
import ApusTesting
import ApusWire
import Testing

struct ProvisionedConcurrencyTests {
    /// A function with versions 1 and 2 and the alias `live` of version 1.
    private static func run(_ body: (FunctionsFixture) async throws -> Void) async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create(publish: true)
            try await fixture.publish(versions: 2...2)
            try await fixture.alias()
            fixture.sink.forget()
            try await body(fixture)
        }
    }

    private static func list(_ fixture: FunctionsFixture, size: Int? = nil) async throws -> [String] {
        var (arns, marker): ([String], String?) = ([], nil)
        repeat {
            let page = try await fixture.service.call(
                Lambda.listProvisionedConcurrencyConfigs, .init(functionName: "hello", marker: marker, maxItems: size))
            #expect((page.provisionedConcurrencyConfigs?.count ?? 0) <= size ?? 50)
            arns += page.provisionedConcurrencyConfigs?.compactMap(\.functionArn) ?? []
            marker = page.nextMarker
        } while marker != nil && arns.count < 20
        return arns
    }

    private static func end(_ fixture: FunctionsFixture, _ qualifier: String = "1") async throws {
        _ = try await fixture.service.call(
            Lambda.deleteProvisionedConcurrencyConfig, .init(functionName: "hello", qualifier: qualifier))
    }

    private static func unreserved(_ fixture: FunctionsFixture) async throws -> Int? {
        try await fixture.service.call(Lambda.getAccountSettings, .init()).accountLimit?.unreservedConcurrentExecutions
    }

    private static let notConfigured = Fault(
        "ProvisionedConcurrencyConfigNotFoundException", status: 404,
        "No Provisioned Concurrency Config found for this function")

    @Test func itIsAskedForAndEnded() async throws {
        try await Self.run { fixture in
            fixture.time.advance(by: .seconds(60))
            let put = try await fixture.provision(5)
            #expect(
                put
                    == Lambda.PutProvisionedConcurrencyConfigResponse(
                        requestedProvisionedConcurrentExecutions: 5, allocatedProvisionedConcurrentExecutions: 0,
                        availableProvisionedConcurrentExecutions: 0, status: "IN_PROGRESS",
                        lastModified: "2026-11-24T08:01:00.000+0000"))
            #expect(try await fixture.provisioned().status == "IN_PROGRESS")
            #expect(try await Self.unreserved(fixture) == 995)
            try await Self.end(fixture)
            #expect(try await fault { _ = try await fixture.provisioned() } == Self.notConfigured)
            #expect(try await Self.unreserved(fixture) == 1000)
            // Ending what is not there is no mistake.
            try await Self.end(fixture)
            #expect(fixture.sink.events.value.prefix(2) == ["provision hello 1 5", "provision hello 1 nothing"])
        }
    }

    @Test(
        arguments: [
            (ProvisionedExecutions(requested: 5, allocated: 3, available: 2, failure: nil), "IN_PROGRESS", nil),
            (ProvisionedExecutions(requested: 5, allocated: 5, available: 5, failure: nil), "READY", nil),
            // An attempt failed, and a later one went well.
            (ProvisionedExecutions(requested: 5, allocated: 5, available: 5, failure: "exit status 1"), "READY", nil),
            (
                ProvisionedExecutions(requested: 5, allocated: 0, available: 0, failure: "exit status 1"), "FAILED",
                "FUNCTION_ERROR_INIT_FAILURE"
            ),
            // Of before the number was changed.
            (
                ProvisionedExecutions(requested: 7, allocated: 7, available: 6, failure: "exit status 1"),
                "IN_PROGRESS", nil
            ),
        ] as [(ProvisionedExecutions, String, String?)])
    func theStatusIsThatOfTheEnvironments(
        _ now: ProvisionedExecutions, status: String, reason: String?
    ) async throws {
        try await Self.run { fixture in
            let put = try await fixture.provision(5, "live")
            fixture.sink.provisioned.change { $0 = now }
            let expected = Lambda.GetProvisionedConcurrencyConfigResponse(
                requestedProvisionedConcurrentExecutions: 5, availableProvisionedConcurrentExecutions: now.available,
                allocatedProvisionedConcurrentExecutions: now.allocated, status: status, statusReason: reason,
                lastModified: put.lastModified)
            #expect(try await fixture.provisioned("live") == expected)
            let listed = try await fixture.service.call(
                Lambda.listProvisionedConcurrencyConfigs, .init(functionName: "hello"))
            var item = Lambda.ProvisionedConcurrencyConfigListItem(expected.shapeValue)
            item.functionArn = FunctionsFixture.arn("live")
            #expect(listed.provisionedConcurrencyConfigs == [item])
        }
    }

    @Test(arguments: [1, 2, nil])
    func theyAreListedInPages(_ size: Int?) async throws {
        try await Self.run { fixture in
            try await fixture.alias("zero", "2")
            for qualifier in ["zero", "live"] { try await fixture.provision(1, qualifier) }
            _ = try await fixture.publish(content: "v3")
            try await fixture.provision(1, "3")
            #expect(
                try await Self.list(fixture, size: size)
                    == ["3", "live", "zero"].map { FunctionsFixture.arn($0) })
        }
    }

    @Test func itMovesWithItsAlias() async throws {
        try await Self.run { fixture in
            try await fixture.provision(3, "live")
            try await fixture.updateAlias { $0.functionVersion = "2" }
            #expect(
                fixture.sink.events.value == [
                    "provision hello live 3", "route hello live 2=1.0", "provision hello live 3",
                ])
            #expect(try await fixture.provisioned("live").requestedProvisionedConcurrentExecutions == 3)
            #expect(try await fault { _ = try await fixture.provisioned("2") } == Self.notConfigured)
        }
    }

    @Test func itEndsWithWhatItIsFor() async throws {
        try await Self.run { fixture in
            try await fixture.provision(3, "live")
            try await fixture.provision(2, "2")
            try await fixture.deleteAlias()
            #expect(
                try await fault { _ = try await fixture.provisioned("live") }
                    == Fault(
                        "ResourceNotFoundException", status: 404,
                        "Cannot find alias arn: \(FunctionsFixture.arn("live"))"))
            #expect(try await Self.list(fixture) == [FunctionsFixture.arn("2")])
            try await fixture.delete("hello", "2")
            #expect(try await Self.list(fixture) == [])
            try await fixture.alias()
            #expect(try await fault { _ = try await fixture.provisioned("live") } == Self.notConfigured)
            try await fixture.provision(4, "1")
            try await fixture.delete()
            #expect(try await Self.unreserved(fixture) == 1000)
        }
    }

    @Test func aStartHandsItOut() async throws {
        try await Self.run { fixture in
            let put = try await fixture.provision(3, "live")
            try await fixture.provision(2, "2")
            fixture.time.advance(by: .seconds(600))
            let later = fixture.restarted()
            try await later.settle()
            #expect(
                later.sink.events.value.suffix(3) == [
                    "route hello live 1=1.0", "provision hello live 3", "provision hello 2 2",
                ])
            #expect(try await later.provisioned("live").lastModified == put.lastModified)
        }
    }

    @Test func aVersionAndItsAliasDoNotBothHaveIt() async throws {
        let conflict = { Fault("ResourceConflictException", status: 409, $0) }
        try await Self.run { fixture in
            try await fixture.provision(1, "1")
            let taken = conflict(
                "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version")
            #expect(try await fault { try await fixture.provision(1, "live") } == taken)
            try await Self.end(fixture)
            try await fixture.provision(1, "live")
            #expect(
                try await fault { try await fixture.provision(1, "1") }
                    == conflict("Version is pointed by a Provisioned Concurrency alias"))
            // Nor does an alias come to have it by a move.
            try await fixture.provision(1, "2")
            #expect(try await fault { try await fixture.updateAlias { $0.functionVersion = "2" } } == taken)
            #expect(
                try await fault { try await fixture.updateAlias { $0.functionVersion = "$LATEST" } }
                    == .invalidParameter(
                        "Provisioned Concurrency Configs cannot be applied to unpublished function versions."))
        }
    }

    @Test func anAliasWithWeightsKeepsWhatItHas() async throws {
        let weighted = Fault.invalidParameter("Alias with weights can not be used with Provisioned Concurrency")
        try await Self.run { fixture in
            try await fixture.provision(2, "live")
            try await fixture.updateAlias { $0.routingConfig = .init(additionalVersionWeights: ["2": 0.5]) }
            #expect(try await fault { try await fixture.provision(3, "live") } == weighted)
            #expect(try await fixture.provisioned("live").requestedProvisionedConcurrentExecutions == 2)
            try await fixture.updateAlias { $0.routingConfig = .init(additionalVersionWeights: [:]) }
            try await fixture.provision(3, "live")
        }
    }

    // MARK: Limits

    private static let aboveReserved = Fault.invalidParameter(
        "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function")

    @Test func aReservationIsTheLimitOfItsFunction() async throws {
        try await Self.run { fixture in
            try await fixture.provision(2, "1")
            #expect(
                try await fault { try await fixture.reserve(1) }
                    == .invalidParameter(
                        " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned concurrency [2]."
                    ))
            try await fixture.reserve(2)
            #expect(try await fault { try await fixture.provision(1, "2") } == Self.aboveReserved)
            #expect(try await fault { try await fixture.provision(3, "1") } == Self.aboveReserved)
            try await fixture.provision(1, "1")
            try await fixture.provision(1, "2")
            // What is reserved covers what is provisioned.
            #expect(try await Self.unreserved(fixture) == 998)
        }
    }

    @Test func theAccountIsTheLimitOfAll() async throws {
        func above(_ unreserved: Int) -> Fault {
            .invalidParameter(
                "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [\(unreserved)]."
            )
        }
        let belowMinimum = Fault.invalidParameter(
            "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100]."
        )
        try await Self.run { fixture in
            #expect(try await fault { try await fixture.provision(1001) } == above(1000))
            #expect(try await fault { try await fixture.provision(1000) } == belowMinimum)
            #expect(try await fault { try await fixture.provision(901) } == belowMinimum)
            try await fixture.provision(900)
            try await fixture.provision(900)
            #expect(try await fault { try await fixture.provision(1, "2") } == belowMinimum)
            #expect(try await fault { try await fixture.provision(101, "2") } == above(100))
            try await fixture.create("other")
            #expect(
                try await fault { try await fixture.reserve(1, for: "other") }?.code == "InvalidParameterValueException"
            )
            try await fixture.provision(800)
            try await fixture.reserve(100, for: "other")
        }
    }

    // MARK: Refusals

    @Test(
        arguments: [
            ("hello", "$LATEST", nil),
            ("hello", "live2", "Cannot find alias arn: arn:aws:lambda:us-east-1:000000000000:function:hello:live2"),
            ("hello", "10", "Function not found: arn:aws:lambda:us-east-1:000000000000:function:hello:10"),
            ("none", "live", "Cannot find alias arn: arn:aws:lambda:us-east-1:000000000000:function:none:live"),
            ("none", "1", "Function not found: arn:aws:lambda:us-east-1:000000000000:function:none:1"),
        ] as [(String, String, String?)])
    func onlyVersionsAndAliasesHaveIt(_ name: String, _ qualifier: String, message: String?) async throws {
        try await Self.run { fixture in
            let put = try await fault { try await fixture.provision(1, qualifier, of: name) }
            let others = [
                try await fault { _ = try await fixture.provisioned(qualifier, of: name) },
                try await fault {
                    _ = try await fixture.service.call(
                        Lambda.deleteProvisionedConcurrencyConfig, .init(functionName: name, qualifier: qualifier))
                },
            ]
            if let message {
                let fault = Fault("ResourceNotFoundException", status: 404, message)
                #expect(put == fault)
                #expect(others.allSatisfy { $0 == fault })
            } else {
                #expect(
                    put
                        == .invalidParameter(
                            "Provisioned Concurrency Configs cannot be applied to unpublished function versions."))
                let fault = Fault.invalidParameter(
                    "The function resource provided must be an alias or a published version.")
                #expect(others.allSatisfy { $0 == fault })
            }
            #expect(fixture.sink.events.value == [])
        }
    }

    @Test func anAliasOfTheLatestHasNone() async throws {
        try await Self.run { fixture in
            try await fixture.alias("newest", "$LATEST")
            #expect(
                try await fault { try await fixture.provision(1, "newest") }
                    == .invalidParameter(
                        "Provisioned Concurrency Configs cannot be applied to unpublished function versions."))
        }
    }

    @Test func twoQualifiersThatDifferAreRefused() async throws {
        try await Self.run { fixture in
            let found = try await fault { try await fixture.provision(1, "2", of: "hello:1") }
            #expect(
                found
                    == .invalidParameter(
                        "The derived qualifier from the function name does not match the specified qualifier."))
        }
    }

    @Test func aListIsOfAFunction() async throws {
        try await FunctionsFixture.run { fixture in
            let fault = try await fault {
                _ = try await fixture.service.call(
                    Lambda.listProvisionedConcurrencyConfigs, .init(functionName: "none"))
            }
            #expect(
                fault
                    == Fault(
                        "ResourceNotFoundException", status: 404,
                        "Function not found: arn:aws:lambda:us-east-1:000000000000:function:none"))
        }
    }
}
