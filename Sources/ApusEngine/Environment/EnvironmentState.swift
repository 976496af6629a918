package import ApusModel
package import ApusRuntimeAPI

/// The life of one environment. Pure: each event returns what the shell must do, in order.
///
/// - Source: Lambda developer guide, "Understanding the Lambda execution environment lifecycle".
package struct EnvironmentState: Equatable, Sendable {
    package enum Phase: Equatable, Sendable {
        /// The sandbox is being made.
        case starting
        /// The runtime boots and runs the function's static code; 10 s at the most.
        case initializing
        case idle
        case running(RequestID)
        /// Has answered, and has not asked for the next event yet.
        case finishing(RequestID)
        /// There is no runtime process to trust; the next invocation starts one in the same sandbox.
        case broken
        /// A new runtime process boots within an invocation's time ("suppressed init").
        case restarting(RequestID)
        /// Has run the init and waits to be forked; it never takes an invocation itself.
        case template
        /// Its extensions have some time to end.
        case shuttingDown(then: Sequel)
        case closed
    }

    /// What follows when the extensions have ended.
    package enum Sequel: Equatable, Sendable {
        /// Whether the owner has to be told that it can take an invocation, which it could not before.
        case broken(offers: Bool)
        case restarting(RequestID)
        case givenUp(Failure)
        case closed
    }

    /// Why an invocation ended without an answer of the function's.
    package enum Failure: Equatable, Sendable {
        case timedOut
        case exited
        /// The init error that the runtime reported.
        case initFailed
        case extensionFailed

        var shutdownReason: ShutdownReason { self == .timedOut ? .timeout : .failure }
    }

    package enum Action: Equatable, Sendable {
        /// Starts the 10 s of init.
        case beginInit
        /// Init has ended well; how long it took belongs into the next report.
        case endInit
        /// Init has failed: log it.
        case reportInit(Failure)
        case deliver
        /// The function has answered the current invocation.
        case complete
        /// The current invocation ends without an answer; `wasDelivered` tells whether the function ever saw it.
        case fail(Failure, wasDelivered: Bool)
        /// The current invocation never reached the function and is to be given to another environment.
        case putBack
        /// Have the runtime and the extensions end, within the time that there is for that.
        case shutDown(ShutdownReason)
        /// Kill the runtime process, keep the sandbox.
        case kill
        /// Start a runtime process again.
        case restart
        /// Tell the owner that an invocation can be taken.
        case offer
        /// Tell the owner that the process can be forked.
        case offerTemplate
        /// Tell the owner that nothing came of the init; the sandbox is to be taken down.
        case giveUp(Failure)
        /// The sandbox is to be taken down.
        case close
    }

    package private(set) var phase = Phase.starting

    /// There are extensions beside the runtime process that runs now, or was last.
    private var hasExtensions = false

    /// Without, another environment takes the place of one whose runtime has failed: it is started ahead of the next invocation,
    /// and not in the same sandbox within it.
    private let retriesInit: Bool

    /// - Parameter retriesInit: a runtime that has failed is started again within the next invocation.
    package init(retriesInit: Bool = true) { self.retriesInit = retriesInit }

    package mutating func launched() -> [Action] {
        guard phase == .starting else { return [] }
        phase = .initializing
        return [.beginInit]
    }

    /// The pool gives it an invocation.
    ///
    /// - Precondition: the environment was offered, and has not been given an invocation since.
    package mutating func assign(_ id: RequestID) -> [Action] {
        switch phase {
        case .idle:
            phase = .running(id)
            return [.deliver]
        case .broken:
            return restart(for: id)
        case .shuttingDown(then: .broken(offers: false)):
            phase = .shuttingDown(then: .restarting(id))
            return []
        case .closed, .shuttingDown(then: .closed):
            return [.putBack]
        case .starting, .initializing, .running, .finishing, .restarting, .template, .shuttingDown:
            preconditionFailure("an invocation was assigned to an environment in \(phase)")
        }
    }

    /// The runtime waits for an event.
    package mutating func runtimeReady() -> [Action] {
        switch phase {
        case .initializing:
            phase = .idle
            return [.endInit, .offer]
        case .restarting(let id):
            phase = .running(id)
            return [.deliver]
        case .finishing:
            phase = .idle
            return [.offer]
        case .starting, .idle, .running, .broken, .template, .shuttingDown, .closed:
            return []
        }
    }

    /// From now on the end takes time.
    package mutating func extensionRegistered() { hasExtensions = true }

    /// The runtime has run its init and waits to be forked.
    package mutating func runtimeAwaitsRestore() -> [Action] {
        guard phase == .initializing else { return [] }
        phase = .template
        return [.endInit, .offerTemplate]
    }

    package mutating func runtimeResponded(to id: RequestID) -> [Action] {
        guard phase == .running(id) else { return [] }
        phase = .finishing(id)
        return [.complete]
    }

    package mutating func runtimeInitFailed() -> [Action] { stop(.initFailed) }

    /// The process ended by itself, or broke the protocol.
    package mutating func runtimeEnded() -> [Action] { stop(.exited) }

    /// An extension ended by itself, could not be started, or gave up.
    package mutating func extensionFailed() -> [Action] { stop(.extensionFailed) }

    /// The fork of a template could not be made an environment.
    package mutating func specializationFailed() -> [Action] {
        guard phase == .initializing else { return [] }
        phase = .closed
        return [.giveUp(.initFailed)]
    }

    package mutating func initTimedOut() -> [Action] {
        guard phase == .initializing else { return [] }
        return stop(.timedOut)
    }

    /// The function's time is over. A runtime that has answered by then, but not asked for the next event, is stopped too.
    package mutating func invocationTimedOut(_ id: RequestID) -> [Action] {
        switch phase {
        case .running(id), .restarting(id), .finishing(id):
            return stop(.timedOut)
        case .shuttingDown(then: .restarting(id)):
            phase = .shuttingDown(then: .broken(offers: true))
            return [.fail(.timedOut, wasDelivered: false)]
        default:
            return []
        }
    }

    /// The extensions have ended, or their time is over.
    package mutating func shutDownEnded() -> [Action] {
        guard case .shuttingDown(let sequel) = phase else { return [] }
        switch sequel {
        case .broken(let offers):
            phase = .broken
            return offers ? [.kill, .offer] : [.kill]
        case .restarting(let id):
            return [.kill] + restart(for: id)
        case .givenUp(let failure):
            phase = .closed
            return [.giveUp(failure)]
        case .closed:
            phase = .closed
            return [.close]
        }
    }

    /// A runtime process could not be started again: the sandbox is of no use any more.
    package mutating func restartFailed() -> [Action] {
        guard case .restarting = phase else { return [] }
        phase = .closed
        return [.putBack, .close]
    }

    /// The sandbox has gone, with everything in it.
    package mutating func sandboxLost() -> [Action] {
        defer { phase = .closed }
        switch phase {
        case .running: return [.fail(.exited, wasDelivered: true), .close]
        case .restarting, .shuttingDown(then: .restarting): return [.putBack, .close]
        case .shuttingDown(then: .givenUp(let failure)): return [.giveUp(failure)]
        case .closed: return []
        case .starting, .initializing, .idle, .finishing, .broken, .template, .shuttingDown: return [.close]
        }
    }

    package mutating func close() -> [Action] {
        if phase == .closed { return [] }
        let failed = failureOfTheCurrent
        if case .shuttingDown = phase {
            phase = .shuttingDown(then: .closed)
            return failed
        }
        let ends = hasExtensions && phase != .broken
        phase = ends ? .shuttingDown(then: .closed) : .closed
        return failed + [ends ? .shutDown(.spindown) : .close]
    }

    /// What becomes of the current invocation, if there is one.
    private var failureOfTheCurrent: [Action] {
        switch phase {
        case .running: [.fail(.exited, wasDelivered: true)]
        case .restarting, .shuttingDown(then: .restarting): [.fail(.exited, wasDelivered: false)]
        case .starting, .initializing, .idle, .finishing, .broken, .template, .shuttingDown, .closed: []
        }
    }

    private mutating func restart(for id: RequestID) -> [Action] {
        phase = .restarting(id)
        hasExtensions = false
        return [.restart]
    }

    private mutating func stop(_ failure: Failure) -> [Action] {
        if hasExtensions { return shutDown(failure) }
        let (actions, isBroken) = ending(failure)
        guard isBroken else { return actions }
        phase = retriesInit && phase != .template ? .broken : .closed
        return actions
    }

    /// What ``stop(_:)`` does at once comes when the extensions have ended, but for the answer to the client.
    private mutating func shutDown(_ failure: Failure) -> [Action] {
        let told: [Action]
        var sequel = retriesInit ? Sequel.broken(offers: true) : .closed
        switch phase {
        case .initializing:
            told = [.reportInit(failure)]
            if !retriesInit { sequel = .givenUp(failure) }
        case .running: told = [.fail(failure, wasDelivered: true)]
        case .restarting: told = [.fail(failure, wasDelivered: false)]
        case .finishing: told = []
        case .idle:
            told = []
            if retriesInit { sequel = .broken(offers: false) }
        case .template:
            told = []
            sequel = .closed
        case .starting, .broken, .shuttingDown, .closed: return []
        }
        phase = .shuttingDown(then: sequel)
        return told + [.shutDown(failure.shutdownReason)]
    }

    /// What follows from the end of the runtime process, and whether anything does.
    private func ending(_ failure: Failure) -> ([Action], Bool) {
        let end: [Action] = retriesInit ? [.offer] : [.close]
        switch phase {
        case .initializing:
            return (
                retriesInit ? [.kill, .reportInit(failure), .offer] : [.reportInit(failure), .giveUp(failure)], true
            )
        case .running: return ([.kill, .fail(failure, wasDelivered: true)] + end, true)
        case .restarting: return ([.kill, .fail(failure, wasDelivered: false)] + end, true)
        case .finishing: return ([.kill] + end, true)
        // It was offered before.
        case .idle: return (retriesInit ? [.kill] : [.close], true)
        case .template: return ([.close], true)
        case .starting, .broken, .shuttingDown, .closed: return ([], false)
        }
    }
}
