import ApusModel
import ApusSandbox
import Glibc
import NIOCore
import Synchronization

/// Runs the init of one revision in an environment that then waits to be forked, and keeps it.
final class SnapshotMaker: EnvironmentOwner {
    enum Stage: Sendable {
        case making([CheckedContinuation<SnapshotOutcome, Never>])
        case taken(Template)
        case over(SnapshotOutcome)
    }

    private struct Guarded: Sendable {
        var stage = Stage.making([])
        var environment: NIOLoopBound<Environment>?
        var isClosed = false
    }

    let revision: Revision
    private let services: EnvironmentServices
    private let eventLoop: any EventLoop
    private let state = Mutex(Guarded())
    private let onLost: @Sendable (SnapshotMaker) -> Void

    /// - Parameter onLost: the template has ended; another may be made.
    init(
        revision: Revision, services: EnvironmentServices, eventLoop: any EventLoop,
        onLost: @escaping @Sendable (SnapshotMaker) -> Void
    ) {
        self.revision = revision
        self.services = services
        self.eventLoop = eventLoop
        self.onLost = onLost
    }

    func start() {
        eventLoop.execute { [self] in
            let environment = Environment(
                id: services.ids.next(), revision: revision, origin: .template, services: services, owner: self,
                eventLoop: eventLoop)
            let isClosed = state.withLock { guarded in
                guarded.environment = NIOLoopBound(environment, eventLoop: eventLoop)
                return guarded.isClosed
            }
            if isClosed { environment.close() } else { environment.start() }
        }
    }

    /// The template, if there is one by now.
    var template: Template? {
        state.withLock { if case .taken(let template) = $0.stage { template } else { nil } }
    }

    /// Returns when it is known whether environments can be forked.
    func outcome() async -> SnapshotOutcome {
        await withCheckedContinuation { continuation in
            let known: SnapshotOutcome? = state.withLock { guarded in
                switch guarded.stage {
                case .making(let waiting):
                    guarded.stage = .making(waiting + [continuation])
                    return nil
                case .taken: return .taken
                case .over(let outcome): return outcome
                }
            }
            if let known { continuation.resume(returning: known) }
        }
    }

    /// Ends the template. Environments that were forked from it live on.
    func close() {
        let environment = state.withLock { guarded in
            guarded.isClosed = true
            return guarded.environment
        }
        settle(.over(.unforkable(reason: "the snapshot was dropped")), .unforkable(reason: "the snapshot was dropped"))
        guard let environment else { return }
        eventLoop.execute { environment.value.close() }
    }

    /// - Returns: false when it was known before what became of it.
    @discardableResult
    private func settle(_ stage: Stage, _ outcome: SnapshotOutcome) -> Bool {
        let (waiting, dropped): ([CheckedContinuation<SnapshotOutcome, Never>]?, Template?) = state.withLock {
            guarded in
            switch (guarded.stage, stage) {
            case (.making(let waiting), _):
                guarded.stage = stage
                return (waiting, nil)
            case (.taken(let template), .over):
                guarded.stage = stage
                return (nil, template)
            default: return (nil, nil)
            }
        }
        for continuation in waiting ?? [] { continuation.resume(returning: outcome) }
        if let dropped { close(dropped) }
        return waiting != nil
    }

    private func close(_ template: Template) {
        // Nobody waits for its end.
        Task { await template.close() }
    }

    // MARK: From the environment

    func templateReady(_ environment: Environment, _ template: Template) {
        // Those with processes of their own cannot be forked with it, and no fork has the identifiers of the others.
        if environment.hasExtensions { return giveUp(environment, "it has extensions") }
        let box = NIOLoopBound(environment, eventLoop: eventLoop)
        let id = services.ids.next().description
        // Whether the process can be forked is known once it was; the fork is the first environment's.
        eventLoop.makeFutureWithTask { await Self.obstacle(to: template, as: id) }.whenSuccess { [self] obstacle in
            if let obstacle { return giveUp(box.value, obstacle) }
            // It may have been dropped meanwhile, with the fork that waits.
            if !settle(.taken(template), .taken) { close(template) }
        }
    }

    private static func obstacle(to template: Template, as id: String) async -> String? {
        do throws(SandboxError) {
            try await template.prepare(as: id)
            return nil
        } catch {
            return error.errno == EBUSY
                ? "the init has left threads running that a fork would lose"
                : "the process could not be forked: \(error)"
        }
    }

    func ready(_ environment: Environment) { giveUp(environment, "the runtime does not wait for a restore") }

    private func giveUp(_ environment: Environment, _ reason: String) {
        settle(.over(.unforkable(reason: reason)), .unforkable(reason: reason))
        environment.close(saying: "SnapStart: \(reason). Each environment runs the init itself.")
    }

    func startFailed(_ environment: Environment, _ failure: StartFailure) {
        let fault = failure.refusal.fault
        let error = failure.initError ?? (fault.code, fault.message)
        let outcome = SnapshotOutcome.failed(type: error.type, message: error.message)
        settle(.over(outcome), outcome)
        letGo()
    }

    func removed(_ environment: Environment) {
        let wasTaken = template != nil
        let reason = "the template has ended"
        let wasMaking = settle(.over(.unforkable(reason: reason)), .unforkable(reason: reason))
        letGo()
        // What has ended by itself may be made again; what cannot be forked never can.
        if wasTaken || wasMaking { onLost(self) }
    }

    /// Environment and maker hold each other until here.
    private func letGo() { state.withLock { $0.environment = nil } }

    func track(_ work: EventLoopFuture<Void>) { services.track(work) }

    // A template takes no invocations.
    func answered(_ environment: Environment) {}
    func putBack(_ invocation: AdmittedInvocation, from environment: Environment) {}
}
