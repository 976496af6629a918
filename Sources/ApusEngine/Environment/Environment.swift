import ApusMetrics
import ApusModel
import ApusRuntimeAPI
import ApusSandbox
import Logging
import NIOCore

/// One execution environment: carries out what ``EnvironmentState`` decides. Lives on one event loop.
final class Environment: RuntimeAPIDelegate {
    let id: EnvironmentID
    let eventLoop: any EventLoop
    let origin: EnvironmentOrigin

    /// How the runtime process came to be; known once it is, and until the first invocation.
    private var path = StartPath.direct

    /// How long the init or the restore took, until somebody has asked.
    private var startDuration: Duration?
    private let revision: Revision
    private let services: EnvironmentServices

    /// Each holds the other until the environment has been taken down.
    private let owner: any EnvironmentOwner

    private var state: EnvironmentState
    private let server: RuntimeAPIServer
    private let log: EnvironmentLog
    private let logStream: String
    private let credentials: ExecutionCredentials
    private let version: String
    private var lines: PlatformLines { log.lines }
    private var sandbox: (any Sandbox)?
    private var tree: CodeTree?
    private var bundle: RuntimeBundle?
    private var platformListener: (any Channel)?
    private var lastExit: SandboxExit?
    /// Counts runtime processes, so that the end of an earlier one is not taken for the end of this one.
    private var process = 0
    private var isFrozen = false
    /// False between the adoption of a cell and the moment when that has become the function's.
    private var isSpecialized = true
    private var readings: UInt8 = 0

    private var invocation: AdmittedInvocation?
    private var initReport: RuntimeErrorReport?
    private var outcome: RuntimeOutcome?
    private let timer: DeadlineTimer
    private var began = Duration.zero
    /// Until the first report has told of it.
    private var unreportedStart: Duration?
    private var isRestarting = false

    init(
        id: EnvironmentID, revision: Revision, origin: EnvironmentOrigin, services: EnvironmentServices,
        owner: any EnvironmentOwner, eventLoop: any EventLoop
    ) {
        self.id = id
        self.revision = revision
        self.origin = origin
        self.services = services
        self.owner = owner
        self.eventLoop = eventLoop
        state = EnvironmentState(retriesInit: origin.retriesInit)
        timer = DeadlineTimer(on: eventLoop)
        version = revision.version.description
        let suffix = RequestID().text.replacing("-", with: "")
        logStream = "\(services.time.wall.civil.logStreamDay)/[\(version)]\(suffix)"
        log = EnvironmentLog(
            writer: services.log,
            destination: LogDestination(
                scope: revision.function.scope, group: revision.logging.group, stream: logStream),
            lines: PlatformLines(
                revision: revision, runtimeVersion: revision.runtime, initializationType: origin.initializationType),
            time: services.time)
        credentials = services.credentials.issue(
            role: revision.role, function: revision.function, environment: id.description)
        server = RuntimeAPIServer(eventLoop: eventLoop)
        server.delegate = self
    }

    // MARK: Start

    /// Makes the sandbox and starts the runtime in it.
    func start() {
        let box = NIOLoopBound(self, eventLoop: eventLoop)
        // The one task of a cold start: it ends when the sandbox runs or has failed, and its result comes back to the loop.
        eventLoop.makeFutureWithTask { [services, revision, id, origin, logStream, credentials] in
            try await services.launch(revision, as: id, origin: origin, logStream: logStream, credentials: credentials)
        }.whenComplete { result in
            switch result {
            case .success(let launched): box.value.launched(launched)
            case .failure(let error): box.value.startFailed(error)
            }
        }
    }

    private func launched(_ launched: EnvironmentServices.Launched) {
        tree = launched.tree
        guard state.phase != .closed else {
            release(launched.sandbox)
            return
        }
        bundle = launched.bundle
        path = launched.path
        log.lines = PlatformLines(
            revision: revision, runtimeVersion: launched.bundle.version,
            initializationType: origin.initializationType)
        adopt(launched.sandbox)
        perform(state.launched())
        if let specification = launched.specification { specialize(launched.sandbox, specification) }
    }

    /// Makes the waiting process the function's. Its listener is served by now, so that it need not wait once more.
    private func specialize(_ cell: any Sandbox, _ specification: SandboxSpecification) {
        let box = NIOLoopBound(self, eventLoop: eventLoop)
        isSpecialized = false
        // Ends when the process has been told what it is, or cannot be.
        eventLoop.makeFutureWithTask { try await cell.specialize(specification) }.whenComplete { result in
            switch result {
            case .success: box.value.isSpecialized = true
            case .failure(let error): box.value.cellFailed(error)
            }
        }
    }

    private func cellFailed(_ error: any Error) {
        guard state.phase == .initializing, let bundle else { return }
        services.logger.warning("cell could not be used", metadata: ["env": "\(id)", "error": "\(error)"])
        if path == .template { return perform(state.specializationFailed()) }
        // Whoever waits is given another environment, which is started directly as long as the stock is closed.
        services.cells.spoiled(bundle)
        perform(state.sandboxLost())
    }

    private func startFailed(_ error: any Error) {
        services.logger.error(
            "environment could not be started",
            metadata: ["env": "\(id)", "function": "\(revision.function)", "error": "\(error)"])
        let fault: Fault =
            switch error {
            case CodeError.corrupt: EngineFaults.corruptCode
            case let error as RuntimeUnavailable: EngineFaults.runtimeUnavailable(error.detail)
            default: EngineFaults.service
            }
        services.credentials.revoke(credentials)
        owner.startFailed(self, StartFailure(refusal: .fault(fault)))
    }

    /// Serves and reads a sandbox that has just started.
    private func adopt(_ sandbox: any Sandbox) {
        self.sandbox = sandbox
        let descriptors = sandbox.takeDescriptors()
        let box = NIOLoopBound(self, eventLoop: eventLoop)
        server.serve(descriptors.runtimeAPI).whenFailure { box.value.adoptionFailed($0) }
        log.read(output: descriptors.output, telemetry: descriptors.telemetry, on: eventLoop)
            .whenFailure { box.value.adoptionFailed($0) }
        if let listener = descriptors.platformAPI {
            services.servePlatformAPI(listener, eventLoop).whenSuccess { channel in
                if box.value.state.phase == .closed {
                    channel.close(promise: nil)
                } else {
                    box.value.platformListener = channel
                }
            }
        }
        watch(sandbox)
    }

    private func adoptionFailed(_ error: any Error) {
        services.logger.error("environment could not be served", metadata: ["env": "\(id)", "error": "\(error)"])
        sandbox?.kill()
    }

    private func watch(_ sandbox: any Sandbox) {
        process += 1
        let (box, number) = (NIOLoopBound(self, eventLoop: eventLoop), process)
        // Ends with the runtime process, which the environment's end includes.
        eventLoop.makeFutureWithTask { await sandbox.waitForExit() }.whenSuccess { exit in
            box.value.exited(exit, process: number)
        }
    }

    private func exited(_ exit: SandboxExit, process number: Int) {
        guard number == process else { return }
        lastExit = exit
        log.drain()
        perform(exit.isLost ? state.sandboxLost() : state.runtimeEnded())
    }

    // MARK: Invocations

    func run(_ admitted: AdmittedInvocation) {
        eventLoop.preconditionInEventLoop()
        let request = admitted.request
        invocation = admitted
        outcome = nil
        initReport = nil
        lastExit = nil
        began = services.time.monotonic
        if isFrozen {
            sandbox?.thaw()
            isFrozen = false
        }
        if request.wantsLogTail { log.beginTail() }
        timer.set(in: revision.timeout) { [unowned self, id = request.id] in
            log.drain()
            perform(state.invocationTimedOut(id))
        }
        perform(state.assign(request.id))
    }

    /// How an invocation that is about to run came here: the first one by a start, others find it warm.
    func takePath() -> StartPath {
        defer { path = .warm }
        return path
    }

    /// How long the init or the restore took; nil when that was asked before.
    func takeStartDuration() -> Duration? {
        defer { startDuration = nil }
        return startDuration
    }

    /// Takes the processor away until the next invocation, unless it has come already.
    func freeze() {
        guard state.phase == .idle, !isFrozen else { return }
        log.drain()
        sandbox?.freeze()
        isFrozen = true
    }

    func close() { perform(state.close()) }

    /// - Parameter reason: for the function's log.
    func close(saying reason: String) {
        log.platform(reason + "\n")
        close()
    }

    /// The most that it has used and what it uses now, in bytes: after the first invocation and now and then, as it costs system
    /// calls. Nil at other times, and where the host cannot tell.
    func takeMemoryReading() -> (peak: Int, current: Int)? {
        defer { readings &+= 1 }
        guard readings & 63 == 1, let sandbox, case let peak = sandbox.peakMemory(), peak > 0 else { return nil }
        return (peak, sandbox.currentMemory())
    }

    // MARK: From the runtime

    func runtimeIsReady(initialized: Bool) { perform(state.runtimeReady()) }

    // The end of the process, or its next call, tells what became of it.
    func runtimeIsNotReady() {}

    func runtimeAwaitsRestore() { perform(state.runtimeAwaitsRestore()) }

    func runtimeResponded(to id: RequestID, _ outcome: RuntimeOutcome) {
        self.outcome = outcome
        perform(state.runtimeResponded(to: id))
    }

    func runtimeInitFailed(_ error: RuntimeErrorReport) {
        initReport = error
        log.drain()
        perform(state.runtimeInitFailed())
    }

    func runtimeMisbehaved() { perform(state.runtimeEnded()) }

    // MARK: Actions

    private func perform(_ actions: [EnvironmentState.Action]) {
        for action in actions {
            switch action {
            case .beginInit: beginInit()
            case .endInit: endInit()
            case .reportInit(let failure): reportInit(failure)
            case .deliver: deliver()
            case .complete: complete()
            case .fail(let failure, let wasDelivered): fail(failure, wasDelivered: wasDelivered)
            case .putBack: putBack()
            case .kill: sandbox?.kill()
            case .restart: restart()
            case .offer: offer()
            case .offerTemplate: offerTemplate()
            case .giveUp(let failure): giveUp(failure)
            case .close: takeDown()
            }
        }
    }

    private func beginInit() {
        began = services.time.monotonic
        let now = services.time.wall
        log.platform(isRestored ? lines.restoreStart(at: now) : lines.initStart(at: now))
        timer.set(in: initTimeout) { [unowned self] in
            log.drain()
            perform(state.initTimedOut())
        }
    }

    /// - Source: Lambda developer guide, "Init phase", "Restore phase".
    private var initTimeout: Duration {
        switch origin {
        case .demand, .restored: services.initTimeout
        case .provisioned, .template: max(.seconds(130), revision.timeout)
        }
    }

    private func endInit() {
        timer.clear()
        log.drain()
        let duration = services.time.monotonic - began
        startDuration = duration
        unreportedStart = duration
        let now = services.time.wall
        switch origin {
        case .demand: break
        case .provisioned, .template:
            log.platform(lines.initReport(duration, phase: "init", status: nil, errorType: nil, at: now))
        case .restored: log.platform(lines.restoreReport(duration, status: nil, errorType: nil, at: now))
        }
        // A template works for its forks only, and somebody waits then.
        if !isTemplate { sandbox?.setCPU(millicores: revision.memory.millicores) }
    }

    private func reportInit(_ failure: EnvironmentState.Failure) {
        timer.clear()
        let duration = services.time.monotonic - began
        let (status, type) = status(of: failure)
        let now = services.time.wall
        log.platform(
            isRestored
                ? lines.restoreReport(duration, status: status, errorType: type, at: now)
                : lines.initReport(duration, phase: "init", status: status, errorType: type, at: now))
    }

    private func deliver() {
        guard let invocation = invocation?.request else { return }
        let now = services.time.wall
        log.start(invocation.id, at: now)
        var remaining = revision.timeout
        if isRestarting {
            sandbox?.setCPU(millicores: revision.memory.millicores)
            remaining = max(.zero, remaining - (services.time.monotonic - began))
        }
        isRestarting = false
        let event = RuntimeInvocation(
            requestID: invocation.id, deadline: now + remaining,
            invokedFunctionARN: invocation.invokedFunctionARN, traceID: invocation.traceID,
            clientContext: invocation.clientContext, cognitoIdentity: invocation.cognitoIdentity,
            payload: invocation.payload)
        if !server.deliver(event) {
            // The runtime let go of its connection after it had asked for an event.
            sandbox?.kill()
        }
    }

    private func complete() {
        log.drain()
        owner.answered(self)
        switch outcome {
        case .success(let body): finish(.success(body), .success)
        // An error of the function's own is an answer; the report has a status only for what went wrong around it.
        case .failure(let report): finish(.functionError(report.body), .success)
        case .unusable(let report): finish(.functionError(report.body), .error(type: report.type))
        case nil: finish(.functionError(ByteBuffer()), .error(type: "Runtime.Unknown"))
        }
    }

    /// - Parameter wasDelivered: false when the time went into a runtime that had to boot again.
    private func fail(_ failure: EnvironmentState.Failure, wasDelivered: Bool) {
        guard let invocation = invocation?.request else { return }
        if !wasDelivered {
            let (status, type) = status(of: failure)
            let (duration, now) = (services.time.monotonic - began, services.time.wall)
            log.platform(lines.initReport(duration, phase: "invoke", status: status, errorType: type, at: now))
            log.start(invocation.id, at: now)
        }
        switch failure {
        case .timedOut:
            log.platform(lines.timedOut(invocation.id, at: services.time.wall))
            finish(.functionError(FailurePayload.timedOut(invocation.id, timeout: revision.timeout)), .timeout)
        case .exited:
            let type = FailurePayload.errorType(lastExit)
            let (reason, clientType) = (FailurePayload.reason(lastExit), FailurePayload.clientType(lastExit))
            log.platform(lines.exited(invocation.id, reason: reason, type: clientType))
            finish(.functionError(FailurePayload.exited(invocation.id, lastExit)), .error(type: type))
        case .initFailed:
            let body = initReport?.body ?? FailurePayload.exited(invocation.id, nil)
            finish(.functionError(body), .error(type: initReport?.type ?? "Runtime.Unknown"))
        }
    }

    /// Answers the caller, then writes the end of the invocation's log.
    private func finish(_ outcome: InvocationResult.Outcome, _ status: PlatformLines.Report.Status) {
        guard let admitted = invocation else { return }
        let request = admitted.request
        invocation = nil
        self.outcome = nil
        let duration = services.time.monotonic - began
        admitted.ended(after: duration, failed: outcome.isFunctionError)
        var result = InvocationResult(outcome: outcome, executedVersion: version)
        // Who waits for nothing but the answer has it first.
        let isUrgent = request.isSynchronous && !request.wantsLogTail
        if isUrgent { request.completion(result) }
        let start = unreportedStart
        unreportedStart = nil
        log.end(
            PlatformLines.Report(
                id: request.id, duration: duration, initDuration: isRestored ? nil : start,
                restoreDuration: isRestored ? start : nil, peakMemory: sandbox?.peakMemory() ?? 0, status: status),
            at: services.time.wall)
        guard !isUrgent else { return }
        if request.wantsLogTail { result.logTail = log.endTail() }
        // An event that was accepted is done when its log is on disk, and so its log has to be on its way.
        log.handOver()
        request.completion(result)
    }

    /// Somebody else runs it, as if it had never been here.
    private func putBack() {
        guard let admitted = invocation else { return }
        invocation = nil
        timer.clear()
        if admitted.request.wantsLogTail { _ = log.endTail() }
        owner.putBack(admitted, from: self)
    }

    private func offer() {
        timer.clear()
        owner.ready(self)
    }

    private func offerTemplate() {
        guard let bundle, let tree, let sandbox else { return }
        owner.templateReady(
            self, Template(bundle: bundle, tree: tree, sandbox: sandbox, driver: services.driver))
    }

    private func giveUp(_ failure: EnvironmentState.Failure) {
        let (_, type) = status(of: failure)
        let message =
            switch failure {
            case .timedOut: "the init took longer than \(FailurePayload.seconds(initTimeout)) seconds"
            case .exited: FailurePayload.reason(lastExit)
            case .initFailed:
                initReport.map { String(buffer: $0.body) } ?? "the process could not be made the function's"
            }
        let fault = isRestored ? EngineFaults.restoreFailed(timedOut: failure == .timedOut) : EngineFaults.service
        // What ended before it was the function's says nothing about the function.
        let end = StartFailure(
            refusal: .fault(fault), initError: isSpecialized ? (type ?? "Sandbox.Timedout", message) : nil)
        dismantle()
        owner.startFailed(self, end)
    }

    private func restart() {
        server.abandon()
        guard let sandbox else { return }
        process += 1
        isRestarting = true
        // Booting is not the function's work, here as in init.
        sandbox.setCPU(millicores: 0)
        let box = NIOLoopBound(self, eventLoop: eventLoop)
        // Ends with the old runtime process, which was killed before.
        eventLoop.makeFutureWithTask { await sandbox.waitForExit() }.flatMap { _ in
            box.value.server.reset()
            // Ends when the new one runs or has failed to.
            return box.value.eventLoop.makeFutureWithTask { try await sandbox.restart() }
        }.whenComplete { result in
            switch result {
            case .success: box.value.restarted()
            case .failure(let error): box.value.restartFailed(error)
            }
        }
    }

    private func restarted() {
        guard let sandbox, state.phase != .closed else { return }
        watch(sandbox)
    }

    private func restartFailed(_ error: any Error) {
        services.logger.warning("runtime could not be restarted", metadata: ["env": "\(id)", "error": "\(error)"])
        perform(state.restartFailed())
    }

    private func takeDown() {
        dismantle()
        owner.removed(self)
    }

    private func dismantle() {
        timer.cancel()
        process += 1
        server.close()
        log.close()
        platformListener?.close(promise: nil)
        services.credentials.revoke(credentials)
        if let sandbox { release(sandbox) }
        sandbox = nil
        tree = nil
    }

    private func release(_ sandbox: any Sandbox) {
        // The code's directory has to outlive the sandbox that has it mounted.
        let tree = self.tree
        owner.track(eventLoop.makeFutureWithTask { await sandbox.close() }.map { _ = tree })
    }

    // MARK: Words

    private var isTemplate: Bool {
        if case .template = origin { true } else { false }
    }

    private var isRestored: Bool {
        if case .restored = origin { true } else { false }
    }

    private func status(of failure: EnvironmentState.Failure) -> (status: String, type: String?) {
        switch failure {
        case .timedOut: ("timeout", nil)
        case .exited: ("error", FailurePayload.errorType(lastExit))
        case .initFailed: ("error", initReport?.type ?? "Runtime.Unknown")
        }
    }
}
