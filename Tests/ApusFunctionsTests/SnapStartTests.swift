import ApusFunctions
import ApusModel
import ApusServiceKit
import ApusShapes
import ApusTesting
import ApusWire
import Testing

struct SnapStartTests {
    private static let published = Lambda.SnapStart(applyOn: "PublishedVersions")

    private static func run(_ body: (FunctionsFixture) async throws -> Void) async throws {
        try await FunctionsFixture.runReconciling({ $0.snapStart = Self.published }, body)
    }

    /// Waits until the version has left its first state, by its own event.
    private static func end(_ fixture: FunctionsFixture, _ outcome: SnapshotOutcome, _ event: String) async throws {
        fixture.sink.outcome.change { $0 = outcome }
        try await fixture.sink.events.wait(for: event) { $0.last == event }
    }

    /// What a version is once the store has it.
    private static func version(
        _ fixture: FunctionsFixture, _ qualifier: String = "1", in state: String
    ) async throws -> Lambda.FunctionConfiguration {
        for _ in 0..<10_000 {
            let version = try await fixture.configuration("hello", qualifier)
            if version.state == state { return version }
            await Task.yield()
        }
        throw DeadlineMissed(what: state, found: "\(try await fixture.configuration("hello", qualifier))")
    }

    @Test func theWishIsKept() async throws {
        try await FunctionsFixture.run { fixture in
            let created = try await fixture.create { $0.snapStart = Self.published }
            let off = Lambda.SnapStartResponse(applyOn: "PublishedVersions", optimizationStatus: "Off")
            #expect(created.snapStart == off)
            #expect(fixture.sink.revisions.value.map(\.startsFromSnapshot) == [false])
            #expect(try await fixture.update { $0.timeout = 9 }.snapStart == off)
            try await fixture.settle()
            let none = try await fixture.update { $0.snapStart = Lambda.SnapStart(applyOn: "None") }
            #expect(none.snapStart == Lambda.SnapStartResponse(applyOn: "None", optimizationStatus: "Off"))
        }
    }

    @Test(arguments: [SnapshotOutcome.taken, .unforkable(reason: "it has threads")])
    func aVersionIsPendingUntilItHasItsSnapshot(_ outcome: SnapshotOutcome) async throws {
        try await Self.run { fixture in
            let reply = try await fixture.publish()
            #expect(reply.version == "1")
            #expect(reply.state == "Pending")
            #expect(reply.stateReason == "The function is being created.")
            #expect(reply.stateReasonCode == "Creating")
            #expect(reply.snapStart?.optimizationStatus == "Off")
            try await fixture.sink.events.wait(for: "the snapshot") { $0.last == "snapshot hello 1" }
            #expect(try await fixture.configuration("hello", "1") == reply)
            #expect(!fixture.sink.events.value.contains("publish hello 1"))
            #expect(fixture.sink.events.value.first == "suspend hello 1 Pending")

            try await Self.end(fixture, outcome, "publish hello 1")
            #expect(fixture.sink.revisions.value.last?.startsFromSnapshot == true)
            let version = try await Self.version(fixture, in: "Active")
            var expected = reply
            expected.state = "Active"
            expected.stateReason = nil
            expected.stateReasonCode = nil
            expected.lastUpdateStatus = "Successful"
            expected.snapStart?.optimizationStatus = "On"
            expected.revisionId = version.revisionId
            #expect(version == expected)
            #expect(version.revisionId != reply.revisionId)
            // Nothing has changed since it was published.
            #expect(try await fixture.publish() == version)
        }
    }

    @Test func aFailedInitIsAFailedVersion() async throws {
        try await Self.run { fixture in
            _ = try await fixture.publish()
            try await fixture.sink.events.wait(for: "the snapshot") { $0.last == "snapshot hello 1" }
            try await Self.end(
                fixture, .failed(type: "Runtime.ImportModuleError", message: "no"), "suspend hello 1 Failed")
            let version = try await Self.version(fixture, in: "Failed")
            #expect(version.stateReason == "An error occurred during function initialization.")
            #expect(version.stateReasonCode == "FunctionError")
            #expect(version.lastUpdateStatus == "Failed")
            #expect(version.snapStart?.optimizationStatus == "Off")
            #expect(
                try await fault { try await fixture.alias() }
                    == Fault(
                        "ResourceConflictException", status: 409,
                        "The operation cannot be performed at this time. The resource \(FunctionsFixture.arn("1")) is currently in the following state: 'Failed'. StateReasonCode: 'FunctionError'"
                    ))
            // It stays so over a start.
            let later = fixture.restarted()
            try await later.settle()
            #expect(later.sink.events.value.last == "suspend hello 1 Failed")
        }
    }

    @Test func anAliasMayNameAVersionThatIsStillPending() async throws {
        try await Self.run { fixture in
            _ = try await fixture.publish()
            #expect(try await fixture.alias().functionVersion == "1")
        }
    }

    @Test func aSnapshotKeepsNothingElseWaiting() async throws {
        try await Self.run { fixture in
            _ = try await fixture.publish()
            try await fixture.sink.events.wait(for: "the snapshot") { $0.last == "snapshot hello 1" }
            try await fixture.updateCode("v2")
            try await fixture.sink.events.wait(for: "the update") { $0.last == "publish hello $LATEST" }
        }
    }

    @Test func aStartTakesUpWhatIsPending() async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create { $0.snapStart = Self.published }
            _ = try await fixture.publish()
            let later = fixture.restarted()
            // Serving does not wait for it.
            try await later.settle()
            #expect(later.sink.events.value.last == "suspend hello 1 Pending")
            later.sink.outcome.change { $0 = .taken }
            try await later.reconciling {
                try await later.sink.events.wait(for: "the version") { $0.last == "publish hello 1" }
            }
        }
    }

    @Test func theEndOfTheServerFailsNoVersion() async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create { $0.snapStart = Self.published }
            _ = try await fixture.publish()
            try await fixture.reconciling {
                try await fixture.sink.events.wait(for: "the snapshot") { $0.contains("snapshot hello 1") }
            }
            #expect(try await fixture.configuration("hello", "1").state == "Pending")
        }
    }

    @Test func aStartHandsOutWhatIsActiveWithoutAnotherSnapshot() async throws {
        try await Self.run { fixture in
            _ = try await fixture.publish()
            try await Self.end(fixture, .taken, "publish hello 1")
            _ = try await Self.version(fixture, in: "Active")
            let later = fixture.restarted()
            try await later.settle()
            #expect(later.sink.events.value == ["publish hello $LATEST", "publish hello 1"])
            #expect(later.sink.revisions.value.last?.startsFromSnapshot == true)
            #expect(later.sink.revisions.value.first?.startsFromSnapshot == false)
        }
    }

    @Test func aVersionThatIsDeletedMeanwhileDoesNotComeBack() async throws {
        try await Self.run { fixture in
            _ = try await fixture.publish()
            try await fixture.sink.events.wait(for: "the snapshot") { $0.last == "snapshot hello 1" }
            try await fixture.delete("hello", "1")
            fixture.sink.outcome.change { $0 = .taken }
            try await fixture.sink.events.wait(for: "the end") {
                $0.last == "remove hello 1" && $0.contains("publish hello 1")
            }
        }
    }

    @Test func aFunctionThatIsDeletedMeanwhileDoesNotComeBack() async throws {
        try await Self.run { fixture in
            _ = try await fixture.publish()
            try await fixture.sink.events.wait(for: "the snapshot") { $0.last == "snapshot hello 1" }
            try await fixture.delete()
            fixture.sink.outcome.change { $0 = .taken }
            try await fixture.sink.events.wait(for: "the end") {
                $0.last == "remove hello all" && $0.contains("publish hello 1")
            }
        }
    }

    @Test func aVersionOfTheSameNumberIsNotMistakenForTheOneBefore() async throws {
        try await Self.run { fixture in
            _ = try await fixture.publish()
            try await fixture.sink.events.wait(for: "the snapshot") { $0.last == "snapshot hello 1" }
            try await fixture.delete()
            // Without SnapStart this time; its version is active at once.
            _ = try await fixture.service.call(Lambda.createFunction, FunctionsFixture.request())
            try await fixture.sink.events.wait(for: "the function") { $0.last == "publish hello $LATEST" }
            let second = try await fixture.publish()
            fixture.sink.outcome.change { $0 = .taken }
            try await fixture.sink.events.wait(for: "both versions") {
                $0.filter { $0 == "publish hello 1" }.count == 3
            }
            #expect(try await fixture.configuration("hello", "1") == second)
            #expect(fixture.sink.revisions.value.last?.startsFromSnapshot == false)
        }
    }

    // MARK: Rules

    struct Refusal: Sendable, CustomTestStringConvertible {
        var runtime: String
        var storage: Int?
        var message: String?

        var testDescription: String { "\(runtime), \(storage ?? 512) MB" }
    }

    static let refusals: [Refusal] = [
        Refusal(runtime: "python3.12"),
        Refusal(runtime: "python3.14", storage: 512),
        Refusal(runtime: "dotnet8"),
        Refusal(runtime: "python3.11", message: "python3.11 is not supported for SnapStart enabled functions."),
        Refusal(runtime: "nodejs22.x", message: "nodejs22.x is not supported for SnapStart enabled functions."),
        Refusal(
            runtime: "provided.al2023", message: "provided.al2023 is not supported for SnapStart enabled functions."),
        Refusal(
            runtime: "python3.13", storage: 513,
            message: "Ephemeral storage greater than 512 MB is not supported for SnapStart enabled functions."),
    ]

    @Test(arguments: refusals)
    func someFunctionsCannotHaveIt(_ refusal: Refusal) async throws {
        try await FunctionsFixture.run { fixture in
            let created = try await fault {
                try await fixture.create("other") { request in
                    request.runtime = refusal.runtime
                    request.ephemeralStorage = refusal.storage.map { Lambda.EphemeralStorage(size: $0) }
                    request.snapStart = Self.published
                }
            }
            #expect(created == refusal.message.map(Fault.invalidParameter))
            try await fixture.create { request in
                request.runtime = refusal.runtime
                request.ephemeralStorage = refusal.storage.map { Lambda.EphemeralStorage(size: $0) }
            }
            let updated = try await fault { try await fixture.update { $0.snapStart = Self.published } }
            #expect(updated == refusal.message.map(Fault.invalidParameter))
        }
    }

    @Test func aFunctionThatHasItKeepsToItsRules() async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create { $0.snapStart = Self.published }
            #expect(
                try await fault {
                    try await fixture.update { $0.ephemeralStorage = Lambda.EphemeralStorage(size: 1024) }
                }
                    == .invalidParameter(
                        "Ephemeral storage greater than 512 MB is not supported for SnapStart enabled functions."))
            #expect(
                try await fault { try await fixture.update { $0.runtime = "nodejs22.x" } }
                    == .invalidParameter("nodejs22.x is not supported for SnapStart enabled functions."))
            // Both at once are fine.
            try await fixture.update { request in
                request.runtime = "nodejs22.x"
                request.snapStart = Lambda.SnapStart(applyOn: "None")
            }
        }
    }

    @Test func itDoesNotGoWithProvisionedConcurrency() async throws {
        let refused = Fault.invalidParameter(
            "Provisioned concurrency is not supported for SnapStart enabled functions.")
        try await Self.run { fixture in
            fixture.sink.outcome.change { $0 = .taken }
            _ = try await fixture.publish()
            try await fixture.alias()
            #expect(try await fault { try await fixture.provision(1) } == refused)
            #expect(try await fault { try await fixture.provision(1, "live") } == refused)
        }
    }
}

/// `$LATEST` starts from a snapshot when the function's tag says so.
struct SnapshotTagTests {
    private static let arn = FunctionsFixture.arn()

    @Test(arguments: [("on", true), ("off", false), ("ON", false), ("", false)])
    func theTagDecides(_ value: String, startsFromSnapshot: Bool) async throws {
        try await FunctionsFixture.run { fixture in
            try await fixture.create(publish: true) { request in
                request.runtime = "nodejs22.x"
                request.tags = ["apus:snapshot": value]
            }
            let revisions = fixture.sink.revisions.value
            #expect(revisions.last { $0.version == .latest }?.startsFromSnapshot == startsFromSnapshot)
            // Versions go by what AWS has for them.
            #expect(revisions.last { $0.version == .published(1) }?.startsFromSnapshot == false)
        }
    }

    private static func tag(_ fixture: FunctionsFixture, _ tags: WireMap<String>) async throws {
        _ = try await fixture.service.call(Lambda.tagResource, .init(resource: arn, tags: tags))
    }

    @Test func aChangeOfTheTagIsANewRevision() async throws {
        try await FunctionsFixture.runReconciling { fixture in
            for (place, isOn) in [true, false, true].enumerated() {
                try await Self.tag(fixture, ["apus:snapshot": isOn ? "on" : "off"])
                let revisions = try await fixture.sink.revisions.wait(for: "another revision") { $0.count > place }
                #expect(revisions.map(\.startsFromSnapshot).last == isOn)
            }
            _ = try await fixture.service.call(
                Lambda.untagResource, .init(resource: Self.arn, tagKeys: ["apus:snapshot"]))
            let revisions = try await fixture.sink.revisions.wait(for: "the last revision") { $0.count > 3 }
            #expect(revisions.map(\.startsFromSnapshot) == [true, false, true, false])
            #expect(Set(revisions.map(\.id)).count == 4)
        }
    }

    @Test func otherTagsChangeNothing() async throws {
        try await FunctionsFixture.runReconciling { fixture in
            try await Self.tag(fixture, ["a": "b"])
            try await Self.tag(fixture, ["apus:snapshot": "on"])
            try await fixture.sink.revisions.wait(for: "the revision with the tag") { !$0.isEmpty }
            try await Self.tag(fixture, ["apus:snapshot": "on", "a": "c"])
            try await fixture.update { $0.timeout = 9 }
            let revisions = try await fixture.sink.revisions.wait(for: "the update") { $0.last?.timeout == .seconds(9) }
            #expect(revisions.map(\.startsFromSnapshot) == [true, true])
        }
    }
}
