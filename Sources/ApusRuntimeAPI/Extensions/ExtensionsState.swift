import ApusModel

/// The extensions of one environment: which there are, and what each of them does. Pure.
///
/// - Source: Lambda developer guide, "Using the Lambda Extensions API to create extensions"; the public runtime interface emulator
///   for states and refusals.
package struct ExtensionsState: Equatable, Sendable {
    package enum Event: String, Sendable {
        case invoke = "INVOKE"
        case shutdown = "SHUTDOWN"
    }

    /// By AWS's names, which the log shows.
    package enum Phase: String, Sendable {
        /// An executable of a layer that has not registered yet.
        case started = "Started"
        case registered = "Registered"
        /// Waits for an event.
        case ready = "Ready"
        /// Works on an event, or has let go of its connection while it waited for one.
        case running = "Running"
        case initError = "InitError"
        case exitError = "ExitError"
        case launchError = "LaunchError"
        case exited = "Exited"
    }

    package struct Member: Equatable, Sendable {
        package var name: String

        /// A UUID that only the extension knows.
        package var identifier: String

        /// A process of its own, rather than a part of the runtime's.
        package var isExternal: Bool
        package var phase = Phase.started
        package var events: [Event] = []

        /// What it reported itself, or why it could not be started.
        package var errorType: String?
    }

    /// Of one environment.
    ///
    /// - Source: Lambda quotas.
    package static let limit = 10

    /// External ones first, in the order of their programs.
    package private(set) var members: [Member] = []

    /// - Parameter external: the names of the executables.
    package init(external: [String] = []) {
        members = external.map { Member(name: $0, identifier: RequestID().text, isExternal: true) }
    }

    /// The runtime may be started: every external extension has registered.
    package var areRegistered: Bool { members.allSatisfy { $0.phase != .started } }

    /// Whether init may end.
    package var areInitialized: Bool { members.allSatisfy { $0.phase == .ready } }

    /// Whether nobody works on the invocation any more.
    package var areDone: Bool { members.allSatisfy { $0.phase == .ready || !$0.events.contains(.invoke) } }

    package var hasExternal: Bool { members.contains(where: \.isExternal) }

    // MARK: What extensions ask

    /// - Parameter isOpen: the runtime has not asked for its first event yet.
    /// - Returns: where the extension stands in ``members``.
    package mutating func register(
        _ name: String, events: [String], isOpen: Bool
    ) throws(RuntimeAPIState.Refusal) -> Int {
        let place = members.firstIndex { $0.name == name }
        let isExternal = place.map { members[$0].isExternal } ?? false
        let wanted = try Self.events(events, external: isExternal)
        if let place, isExternal {
            try move(place, to: .registered, from: [.started], as: name)
            members[place].events = wanted
            return place
        }
        if !isOpen { throw .registrationClosed }
        if members.count >= Self.limit { throw .tooManyExtensions }
        if place != nil { throw .alreadyRegistered }
        members.append(
            Member(name: name, identifier: RequestID().text, isExternal: false, phase: .registered, events: wanted))
        return members.count - 1
    }

    private static func events(_ names: [String], external: Bool) throws(RuntimeAPIState.Refusal) -> [Event] {
        var events: [Event] = []
        for name in names {
            guard let event = Event(rawValue: name) else { throw .unknownEvent(name) }
            if event == .shutdown, !external { throw .shutdownIsForExternalOnes }
            if !events.contains(event) { events.append(event) }
        }
        return events
    }

    /// It waits for an event.
    package mutating func next(_ identifier: String) throws(RuntimeAPIState.Refusal) -> Int {
        guard let place = place(of: identifier) else { throw .unknownExtension("Unknown extension \(identifier)") }
        try move(place, to: .ready, from: [.registered, .running], as: identifier)
        return place
    }

    /// It reports that it cannot go on, once or several times; the first report counts.
    ///
    /// - Parameter phase: `initError` or `exitError`.
    package mutating func fail(
        _ identifier: String, _ phase: Phase, type: String
    ) throws(RuntimeAPIState.Refusal) -> Int {
        guard let place = place(of: identifier) else {
            throw .unknownExtension("Unknown Lambda-Extension-Identifier")
        }
        if members[place].phase == phase { return place }
        try move(
            place, to: phase, from: phase == .initError ? [.registered] : [.registered, .ready, .running],
            as: identifier)
        members[place].errorType = type
        return place
    }

    package func place(of identifier: String) -> Int? { members.firstIndex { $0.identifier == identifier } }

    private mutating func move(
        _ place: Int, to next: Phase, from allowed: [Phase], as subject: String
    ) throws(RuntimeAPIState.Refusal) {
        let phase = members[place].phase
        guard allowed.contains(phase) else { throw .transition(from: phase, to: next, of: subject) }
        members[place].phase = next
    }

    // MARK: What happens to them

    /// Who an event is for. Those who do not wait get it when they ask.
    package func subscribers(of event: Event) -> [Int] {
        members.indices.filter {
            members[$0].events.contains(event) && [.registered, .ready, .running].contains(members[$0].phase)
        }
    }

    /// It was given an event.
    package mutating func took(_ place: Int) { members[place].phase = .running }

    /// The connection went away on which it waited: it has to ask again.
    package mutating func letGo(_ place: Int) {
        if members[place].phase == .ready { members[place].phase = .running }
    }

    package mutating func launchFailed(_ place: Int, type: String) {
        members[place].phase = .launchError
        members[place].errorType = type
    }

    /// Its process has ended.
    ///
    /// - Returns: what that is, unless it was told to go.
    package mutating func ended(_ place: Int) -> String {
        defer { if members[place].errorType == nil { members[place].phase = .exited } }
        return switch members[place].phase {
        case .initError: "Extension.InitError"
        case .exitError: "Extension.ExitError"
        case .launchError: "Extension.LaunchError"
        case .started, .registered, .ready, .running, .exited: "Extension.Crash"
        }
    }
}
