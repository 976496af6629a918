import ApusModel
import Glibc
import NIOCore

/// What became of extensions. Called on the server's event loop.
package protocol ExtensionsDelegate: AnyObject {
    /// The environment has an extension now, and gets time to shut down.
    func extensionRegistered()

    /// The process of an external one has ended, or could not be started.
    func extensionEnded(_ failure: ExtensionFailure)

    /// An internal one gave up, which has no process that could end.
    func extensionGaveUp(_ failure: ExtensionFailure)

    /// The runtime's process has ended, in an environment where external extensions run beside it.
    func runtimeEnded(_ end: ProgramEnd)

    /// - Throws: what the extension is told.
    func subscribe(_ name: String, to subscription: TelemetrySubscription) throws(RuntimeAPIState.Refusal)
}

/// An environment cannot go on without one of its extensions.
package struct ExtensionFailure: Equatable, Sendable {
    package enum Cause: Equatable, Sendable {
        /// Its process, with the path of the executable.
        case ended(ProgramEnd, path: String)
        /// What it said itself, without a process of its own that could end.
        case reported(type: String)
        /// There are more than may be.
        case tooMany
    }

    /// `Extension.Crash`, `Extension.InitError`, `Extension.ExitError` or `Extension.LaunchError`.
    package var type: String
    package var cause: Cause
}

/// The part of the server that extensions talk to, in an environment that has some. Lives on its event loop.
final class ExtensionsAPI {
    private(set) var state: ExtensionsState
    private let external: [String]
    private let function: FunctionDescription
    private weak var delegate: (any ExtensionsDelegate)?

    /// Who waits in `event/next`, and events for those who do not, by their places in ``ExtensionsState/members``.
    private var waiting: [Int: RuntimeAPIConnection] = [:]
    private var pending: [Int: ByteBuffer] = [:]

    private var programs: ProgramChannel?
    private var running: Set<Int> = []
    private var isRuntimeStarted = false
    private var isEnding = false

    /// - Parameter external: the names of the executables, which are programs 1… of the sandbox.
    init(external: [String], function: FunctionDescription, delegate: any ExtensionsDelegate) {
        self.external = external
        self.function = function
        self.delegate = delegate
        state = ExtensionsState(external: external)
    }

    var hasLivingExtensions: Bool { running.contains { $0 > 0 } }
    var hasLivingRuntime: Bool { running.contains(0) }

    // MARK: Calls

    /// - Parameter isOpen: the runtime has not asked for its first event yet.
    /// - Returns: the answer; nil when it is to come later.
    func answer(
        _ call: ExtensionCall, _ body: ByteBuffer, isOpen: Bool, on connection: RuntimeAPIConnection
    ) throws(RuntimeAPIState.Refusal) -> ByteBuffer? {
        switch call {
        case .register(let name, let wantsAccount):
            let place = try state.register(name, events: ExtensionCall.events(body), isOpen: isOpen)
            delegate?.extensionRegistered()
            startRuntime()
            return ExtensionReply.registered(
                function, as: state.members[place].identifier, withAccount: wantsAccount)
        case .next(let identifier):
            let place = try state.next(identifier)
            if let event = pending.removeValue(forKey: place) {
                state.took(place)
                return event
            }
            waiting[place] = connection
            return nil
        case .fail(let identifier, let phase, let type):
            let place = try state.fail(identifier, phase, type: type)
            waiting[place] = nil
            if !state.members[place].isExternal {
                delegate?.extensionGaveUp(ExtensionFailure(type: state.ended(place), cause: .reported(type: type)))
            }
            return ExtensionReply.accepted
        case .subscribe(let identifier, let api):
            guard let place = state.place(of: identifier) else {
                throw .unknownExtension("Unknown Lambda-Extension-Identifier")
            }
            let subscription = try TelemetrySubscription(api: api, body: body)
            try delegate?.subscribe(state.members[place].name, to: subscription)
            return ExtensionReply.subscribed
        case .refused(let refusal): throw refusal
        case .programs: return nil
        }
    }

    /// A connection went away.
    func disconnected(_ connection: RuntimeAPIConnection) {
        for (place, other) in waiting where other === connection {
            waiting[place] = nil
            state.letGo(place)
        }
    }

    // MARK: Events

    func invoke(_ invocation: RuntimeInvocation) { send(.invoke, ExtensionReply.invoke(invocation)) }

    /// Tells those who want to know, and kills the others.
    func shutDown(_ reason: ShutdownReason, deadline: Timestamp) {
        let told = state.subscribers(of: .shutdown)
        send(.shutdown, ExtensionReply.shutdown(reason, deadline: deadline))
        for number in running where number > 0 && !told.contains(number - 1) { programs?.send(.kill, number) }
    }

    private func send(_ event: ExtensionsState.Event, _ bytes: @autoclosure () -> ByteBuffer) {
        for place in state.subscribers(of: event) {
            guard let connection = waiting.removeValue(forKey: place) else {
                pending[place] = bytes()
                continue
            }
            state.took(place)
            connection.send(bytes())
        }
    }

    // MARK: Programs

    /// Whoever comes first is the program that starts the others: none of them runs before.
    ///
    /// - Returns: nil when there are no programs to start, or they were started before.
    func adopt(_ connection: RuntimeAPIConnection) -> ProgramChannel? {
        guard !external.isEmpty, programs == nil else { return nil }
        let channel = ProgramChannel(connection) { [weak self] in self?.reported($0) }
        programs = channel
        if external.count > ExtensionsState.limit { refuseToStart() } else { startExtensions() }
        return channel
    }

    /// The environment is about to end: a runtime that has not been started never is.
    func abandonRuntime() { isEnding = true }

    func order(_ order: ProgramChannel.Order) {
        if hasLivingRuntime { programs?.send(order, 0) }
    }

    private func startExtensions() {
        for number in 1...external.count { run(number) }
    }

    private func refuseToStart() {
        state.launchFailed(ExtensionsState.limit, type: "TooManyExtensions")
        delegate?.extensionEnded(ExtensionFailure(type: "Extension.LaunchError", cause: .tooMany))
    }

    private func startRuntime() {
        guard programs != nil, !isRuntimeStarted, !isEnding, state.areRegistered else { return }
        isRuntimeStarted = true
        run(0)
    }

    private func run(_ number: Int) {
        running.insert(number)
        programs?.send(.run, number)
    }

    private func reported(_ report: ProgramReport) {
        guard running.remove(report.number) != nil else { return }
        guard report.number > 0 else {
            delegate?.runtimeEnded(report.end)
            return
        }
        let place = report.number - 1
        if case .failed(let error) = report.end {
            state.launchFailed(place, type: error == EACCES ? "PermissionDenied" : "UnknownError")
        }
        delegate?.extensionEnded(
            ExtensionFailure(
                type: state.ended(place), cause: .ended(report.end, path: "/opt/extensions/\(external[place])")))
    }
}
