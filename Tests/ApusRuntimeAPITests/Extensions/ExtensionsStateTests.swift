import ApusRuntimeAPI
import Testing

struct ExtensionsStateTests {
    typealias Refusal = RuntimeAPIState.Refusal

    private static func type(_ body: () throws(Refusal) -> Void) -> String? {
        do throws(Refusal) {
            try body()
            return nil
        } catch {
            return "\(error.status) \(error.type): \(error.message)"
        }
    }

    /// One external extension `agent` that has registered, and an internal one `part`.
    private static func registered() throws -> ExtensionsState {
        var state = ExtensionsState(external: ["agent"])
        _ = try state.register("agent", events: ["INVOKE", "SHUTDOWN"], isOpen: true)
        _ = try state.register("part", events: ["INVOKE"], isOpen: true)
        return state
    }

    @Test func theRuntimeMayStartWhenAllExternalOnesHaveRegistered() throws {
        var state = ExtensionsState(external: ["a", "b"])
        _ = try state.register("b", events: [], isOpen: true)
        #expect(!state.areRegistered)
        _ = try state.register("c", events: [], isOpen: true)
        #expect(!state.areRegistered)
        _ = try state.register("a", events: [], isOpen: true)
        #expect(state.areRegistered)
        #expect(state.members.map(\.name) == ["a", "b", "c"])
        #expect(state.members.map(\.isExternal) == [true, true, false])
    }

    @Test func initIsOverWhenEveryOneWaits() throws {
        var state = try Self.registered()
        _ = try state.next(state.members[0].identifier)
        #expect(!state.areInitialized)
        _ = try state.next(state.members[1].identifier)
        #expect(state.areInitialized)
    }

    @Test func anInvocationIsOverWhenItsSubscribersWaitAgain() throws {
        var state = ExtensionsState(external: ["quiet", "busy"])
        _ = try state.register("quiet", events: ["SHUTDOWN"], isOpen: true)
        _ = try state.register("busy", events: ["INVOKE"], isOpen: true)
        for place in 0...1 { _ = try state.next(state.members[place].identifier) }
        #expect(state.subscribers(of: .invoke) == [1])
        state.took(1)
        #expect(!state.areDone)
        _ = try state.next(state.members[1].identifier)
        #expect(state.areDone)
        // One that is not interested does not count even when it is away.
        state.letGo(0)
        #expect(state.areDone)
        #expect(state.subscribers(of: .shutdown) == [0])
    }

    @Test func eventsAreKeptOnceAndInTheirOrder() throws {
        var state = ExtensionsState(external: ["agent"])
        _ = try state.register("agent", events: ["SHUTDOWN", "INVOKE", "SHUTDOWN"], isOpen: true)
        #expect(state.members[0].events == [.shutdown, .invoke])
    }

    @Test(arguments: [
        ("new", ["FOO"], true, "403 Extension.InvalidEventType: FOO: ErrorInvalidEventType"),
        (
            "new", ["INVOKE", "SHUTDOWN"], true,
            "403 Extension.InvalidEventType: SHUTDOWN: ShutdownEventNotSupportedForInternalExtension"
        ),
        ("new", ["INVOKE"], false, "403 Extension.RegistrationClosed: Extension registration closed already"),
        ("part", ["INVOKE"], true, "403 Extension.InvalidExtensionState: Extension with this name already registered"),
        (
            "agent", ["INVOKE"], true,
            "403 Extension.InvalidExtensionState: State transition from Registered to Registered failed for extension "
                + "agent. Error: State transition is not allowed"
        ),
    ])
    func whatCannotRegisterIsToldWhy(_ name: String, _ events: [String], _ isOpen: Bool, _ expected: String) throws {
        var state = try Self.registered()
        let before = state
        let refusal = Self.type { () throws(Refusal) in
            _ = try state.register(name, events: events, isOpen: isOpen)
        }
        #expect(refusal == expected)
        #expect(state == before)
    }

    @Test func theEleventhIsRefused() throws {
        var state = ExtensionsState(external: ["agent"])
        for number in 2...10 { _ = try state.register("part \(number)", events: [], isOpen: true) }
        let refusal = Self.type { () throws(Refusal) in _ = try state.register("part", events: [], isOpen: true) }
        #expect(refusal == "403 Extension.TooManyExtensions: Extension limit (10) reached")
    }

    @Test func nobodyAsksTwiceAtATime() throws {
        var state = try Self.registered()
        let identifier = state.members[0].identifier
        _ = try state.next(identifier)
        #expect(
            Self.type { () throws(Refusal) in _ = try state.next(identifier) }
                == "403 Extension.InvalidExtensionState: State transition from Ready to Ready failed for extension "
                + "\(identifier). Error: State transition is not allowed")
        #expect(
            Self.type { () throws(Refusal) in _ = try state.next("other") }
                == "403 Extension.UnknownExtensionIdentifier: Unknown extension other")
    }

    @Test func whoReportsAnErrorIsHeardOnce() throws {
        var state = try Self.registered()
        let identifier = state.members[0].identifier
        _ = try state.fail(identifier, .initError, type: "Agent.NoKey")
        _ = try state.fail(identifier, .initError, type: "Agent.Other")
        #expect(state.members[0].errorType == "Agent.NoKey")
        #expect(state.members[0].phase == .initError)
        let next = Self.type { () throws(Refusal) in _ = try state.next(identifier) }
        #expect(
            next?.hasPrefix("403 Extension.InvalidExtensionState: State transition from InitError to Ready") == true)
        #expect(state.ended(0) == "Extension.InitError")
        #expect(state.members[0].phase == .initError)
    }

    @Test func anInitErrorAfterInitIsNone() throws {
        var state = try Self.registered()
        let identifier = state.members[0].identifier
        _ = try state.next(identifier)
        let refusal = Self.type { () throws(Refusal) in _ = try state.fail(identifier, .initError, type: "A.B") }
        #expect(
            refusal?.hasPrefix("403 Extension.InvalidExtensionState: State transition from Ready to InitError") == true)
        _ = try state.fail(identifier, .exitError, type: "A.B")
        #expect(state.ended(0) == "Extension.ExitError")
        let unknown = Self.type { () throws(Refusal) in _ = try state.fail("x", .exitError, type: "A.B") }
        #expect(unknown == "403 Extension.UnknownExtensionIdentifier: Unknown Lambda-Extension-Identifier")
    }

    @Test func anEndWithoutAReportIsACrash() throws {
        var state = try Self.registered()
        #expect(state.ended(0) == "Extension.Crash")
        #expect(state.members[0].phase == .exited)
        var other = ExtensionsState(external: ["agent"])
        other.launchFailed(0, type: "PermissionDenied")
        #expect(other.ended(0) == "Extension.LaunchError")
        #expect(other.members[0].phase == .launchError)
    }
}
