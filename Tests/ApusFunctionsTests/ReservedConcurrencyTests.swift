import ApusFunctions
import ApusModel
import ApusServiceKit
import ApusShapes
import ApusTesting
import ApusWire
import Testing

struct ReservedConcurrencyTests {
    private static func run(_ body: (FunctionsFixture) async throws -> Void) async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create()
            try await fixture.create("other")
            fixture.sink.forget()
            try await body(fixture)
        }
    }

    private static func reserved(_ fixture: FunctionsFixture) async throws -> Int? {
        try await fixture.service.call(Lambda.getFunctionConcurrency, .init(functionName: "hello"))
            .reservedConcurrentExecutions
    }

    private static func unreserved(_ fixture: FunctionsFixture) async throws -> Int? {
        try await fixture.service.call(Lambda.getAccountSettings, .init()).accountLimit?.unreservedConcurrentExecutions
    }

    private static let belowMinimum = Fault.invalidParameter(
        "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100]."
    )

    @Test func executionsAreReservedAndReleased() async throws {
        try await Self.run { fixture in
            #expect(try await Self.reserved(fixture) == nil)
            #expect(try await fixture.reserve(0) == 0)
            #expect(try await Self.reserved(fixture) == 0)
            #expect(try await fixture.reserve(7) == 7)
            #expect(try await Self.reserved(fixture) == 7)
            #expect(try await Self.unreserved(fixture) == 993)
            let function = try await fixture.service.call(Lambda.getFunction, .init(functionName: "hello"))
            #expect(function.concurrency == Lambda.Concurrency(reservedConcurrentExecutions: 7))
            _ = try await fixture.service.call(Lambda.deleteFunctionConcurrency, .init(functionName: "hello"))
            #expect(try await Self.reserved(fixture) == nil)
            #expect(try await Self.unreserved(fixture) == 1000)
            #expect(
                try await fixture.service.call(Lambda.getFunction, .init(functionName: "hello")).concurrency == nil)
            #expect(fixture.sink.events.value == ["reserve hello 0", "reserve hello 7", "reserve hello nothing"])
        }
    }

    @Test(arguments: [(900, true), (901, false), (1000, false), (1001, false)])
    func aHundredStayUnreserved(_ executions: Int, isAllowed: Bool) async throws {
        try await Self.run { fixture in
            let fault = try await fault { try await fixture.reserve(executions) }
            #expect(fault == (isAllowed ? nil : Self.belowMinimum))
            #expect(try await Self.reserved(fixture) == (isAllowed ? executions : nil))
        }
    }

    @Test func functionsShareTheAccount() async throws {
        try await Self.run { fixture in
            try await fixture.reserve(600)
            #expect(try await fault { try await fixture.reserve(301, for: "other") } == Self.belowMinimum)
            try await fixture.reserve(300, for: "other")
            // What is one's own counts once.
            try await fixture.reserve(600)
            #expect(try await fault { try await fixture.reserve(601) } == Self.belowMinimum)
            try await fixture.delete("other")
            try await fixture.reserve(900)
            // Another region is another account in this respect.
            let elsewhere = Scope(account: .standard, region: Region("eu-west-1"))
            #expect(
                try await fixture.service.call(Lambda.getAccountSettings, .init(), in: elsewhere)
                    .accountLimit?.unreservedConcurrentExecutions == 1000)
        }
    }

    @Test func ofRequestsAtOnceNoMoreSucceedThanFit() async throws {
        try await Self.run { fixture in
            async let first = fault { try await fixture.reserve(500) }
            async let second = fault { try await fixture.reserve(500, for: "other") }
            let faults = try await [first, second]
            #expect(faults.filter { $0 == nil }.count == 1)
            #expect(faults.filter { $0 == Self.belowMinimum }.count == 1)
        }
    }

    @Test func aStartHandsReservationsOut() async throws {
        try await Self.run { fixture in
            try await fixture.reserve(0)
            let later = fixture.restarted()
            try await later.settle()
            #expect(later.sink.events.value.filter { $0.hasPrefix("reserve") } == ["reserve hello 0"])
            #expect(try await Self.reserved(later) == 0)
        }
    }

    @Test func aNewFunctionOfTheNameHasNothingReserved() async throws {
        try await Self.run { fixture in
            try await fixture.reserve(5)
            try await fixture.delete()
            #expect(try await Self.unreserved(fixture) == 1000)
            try await fixture.create()
            #expect(try await Self.reserved(fixture) == nil)
        }
    }

    @Test func functionsThatAreNotThereAreNamed() async throws {
        let missing = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:none"
        try await FunctionsFixture.run { fixture in
            let messages = [
                try await fault { try await fixture.reserve(1, for: "none") },
                try await fault {
                    _ = try await fixture.service.call(Lambda.getFunctionConcurrency, .init(functionName: "none"))
                },
                try await fault {
                    _ = try await fixture.service.call(Lambda.deleteFunctionConcurrency, .init(functionName: "none"))
                },
            ].map { $0?.message }
            #expect(messages == ["\(missing):$LATEST", missing, missing])
        }
    }

    @Test(arguments: ["1", "live", "$LATEST"])
    func qualifiersHaveNone(_ qualifier: String) async throws {
        try await Self.run { fixture in
            let fault = try await fault { try await fixture.reserve(1, for: FunctionsFixture.arn(qualifier)) }
            #expect(
                fault
                    == .invalidParameter(
                        "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN."
                    ))
        }
    }
}
