import ApusModel
import ApusRuntimeAPI
import ApusSandbox
import Logging
import NIOCore

/// One execution environment: carries out what ``EnvironmentState`` decides. Lives on one event loop.
final class Environment: RuntimeAPIDelegate {
    let id: EnvironmentID
    let eventLoop: any EventLoop
    private let revision: Revision
    private let services: EnvironmentServices

    /// Each holds the other until the environment has been taken down.
    private let pool: EnvironmentPool

    private var state = EnvironmentState()
    private let server: RuntimeAPIServer
    private let log: EnvironmentLog
    private let logStream: String
    private let credentials: ExecutionCredentials
    private var lines: PlatformLines
    private var sandbox: (any Sandbox)?
    private var tree: CodeTree?
    private var platformListener: (any Channel)?
    private var lastExit: SandboxExit?
    /// Counts runtime processes, so that the end of an earlier one is not taken for the end of this one.
    private var process = 0

    private var invocation: InvocationRequest?
    private var initReport: RuntimeErrorReport?
    private var outcome: RuntimeOutcome?
    private var timer: Scheduled<Void>?
    private var began = Duration.zero
    private var initDuration: Duration?
    private var isRestarting = false

    init(
        id: EnvironmentID, revision: Revision, services: EnvironmentServices, pool: EnvironmentPool,
        eventLoop: any EventLoop
    ) {
        self.id = id
        self.revision = revision
        self.services = services
        self.pool = pool
        self.eventLoop = eventLoop
        let suffix = RequestID().text.replacing("-", with: "")
        logStream = "\(services.time.wall.civil.logStreamDay)/[\(revision.version)]\(suffix)"
        log = EnvironmentLog(
            writer: services.log,
            destination: LogDestination(
                scope: revision.function.scope, group: revision.logging.group, stream: logStream),
            time: services.time)
        credentials = services.credentials.issue(
            role: revision.role, function: revision.function, environment: id.description)
        lines = PlatformLines(revision: revision, runtimeVersion: revision.runtime)
        server = RuntimeAPIServer(eventLoop: eventLoop)
        server.delegate = self
    }

    // MARK: Start

    /// Makes the sandbox and starts the runtime in it.
    func start() {
        let box = NIOLoopBound(self, eventLoop: eventLoop)
        // The one task of a cold start: it ends when the sandbox runs or has failed, and its result comes back to the loop.
        eventLoop.makeFutureWithTask { [services, revision, id, logStream, credentials] in
            try await services.launch(revision, as: id, logStream: logStream, credentials: credentials)
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
        lines = PlatformLines(revision: revision, runtimeVersion: launched.bundle.version)
        adopt(launched.sandbox)
        perform(state.launched())
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
        pool.startFailed(self, fault)
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
        perform(state.runtimeEnded())
    }

    // MARK: Invocations

    func run(_ request: InvocationRequest) {
        eventLoop.preconditionInEventLoop()
        invocation = request
        outcome = nil
        initReport = nil
        lastExit = nil
        began = services.time.monotonic
        if request.wantsLogTail { log.beginTail() }
        let timeout = TimeAmount.nanoseconds(revision.timeout.wholeNanoseconds)
        let (box, id) = (NIOLoopBound(self, eventLoop: eventLoop), request.id)
        timer = eventLoop.scheduleTask(in: timeout) { box.value.timedOut(id) }
        perform(state.assign(request.id))
    }

    private func timedOut(_ id: RequestID) {
        log.drain()
        perform(state.invocationTimedOut(id))
    }

    func close() { perform(state.close()) }

    // MARK: From the runtime

    func runtimeIsReady(initialized: Bool) { perform(state.runtimeReady()) }

    // The end of the process, or its next call, tells what became of it.
    func runtimeIsNotReady() {}

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
            case .kill: sandbox?.kill()
            case .restart: restart()
            case .offer: offer()
            case .close: takeDown()
            }
        }
    }

    private func beginInit() {
        began = services.time.monotonic
        log.platform(lines.initStart(at: services.time.wall))
        let box = NIOLoopBound(self, eventLoop: eventLoop)
        timer = eventLoop.scheduleTask(in: .nanoseconds(services.initTimeout.wholeNanoseconds)) {
            box.value.log.drain()
            box.value.perform(box.value.state.initTimedOut())
        }
    }

    private func endInit() {
        timer?.cancel()
        log.drain()
        initDuration = services.time.monotonic - began
        sandbox?.setCPU(millicores: revision.memory.millicores)
    }

    private func reportInit(_ failure: EnvironmentState.Failure) {
        timer?.cancel()
        let duration = services.time.monotonic - began
        let (status, type) = status(of: failure)
        log.platform(
            lines.initReport(duration, phase: "init", status: status, errorType: type, at: services.time.wall))
    }

    private func deliver() {
        guard let invocation else { return }
        log.platform(lines.start(invocation.id, at: services.time.wall))
        if isRestarting { sandbox?.setCPU(millicores: revision.memory.millicores) }
        isRestarting = false
        let now = services.time.wall
        let remaining = revision.timeout - (services.time.monotonic - began)
        let event = RuntimeInvocation(
            requestID: invocation.id, deadline: now + max(remaining, .zero),
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
        guard let invocation else { return }
        if !wasDelivered {
            let (status, type) = status(of: failure)
            let (duration, now) = (services.time.monotonic - began, services.time.wall)
            log.platform(lines.initReport(duration, phase: "invoke", status: status, errorType: type, at: now))
            log.platform(lines.start(invocation.id, at: now))
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
        guard let request = invocation else { return }
        invocation = nil
        self.outcome = nil
        let report = PlatformLines.Report(
            id: request.id, duration: services.time.monotonic - began, initDuration: initDuration,
            peakMemory: sandbox?.peakMemory() ?? 0, status: status)
        initDuration = nil
        // First, for a caller that has its answer may call again at once.
        pool.invocationEnded()
        if !request.wantsLogTail {
            request.completion(InvocationResult(outcome: outcome, executedVersion: revision.version.description))
        }
        log.platform(lines.end(request.id))
        log.platform(lines.report(report, at: services.time.wall))
        if request.wantsLogTail {
            request.completion(
                InvocationResult(
                    outcome: outcome, executedVersion: revision.version.description, logTail: log.endTail()))
        }
    }

    private func offer() {
        timer?.cancel()
        timer = nil
        pool.ready(self)
    }

    private func restart() {
        server.reset()
        guard let sandbox else { return }
        process += 1
        isRestarting = true
        // Booting is not the function's work, here as in init.
        sandbox.setCPU(millicores: 0)
        let box = NIOLoopBound(self, eventLoop: eventLoop)
        // Ends when the new runtime process runs or has failed to.
        eventLoop.makeFutureWithTask { try await sandbox.restart() }.whenComplete { result in
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
        timer?.cancel()
        process += 1
        server.close()
        log.close()
        platformListener?.close(promise: nil)
        services.credentials.revoke(credentials)
        if let sandbox { release(sandbox) }
        sandbox = nil
        pool.removed(self)
    }

    private func release(_ sandbox: any Sandbox) {
        // The code's directory has to outlive the sandbox that has it mounted.
        let tree = self.tree
        pool.track(eventLoop.makeFutureWithTask { await sandbox.close() }.map { _ = tree })
    }

    // MARK: Words

    private func status(of failure: EnvironmentState.Failure) -> (status: String, type: String?) {
        switch failure {
        case .timedOut: ("timeout", nil)
        case .exited: ("error", FailurePayload.errorType(lastExit))
        case .initFailed: ("error", initReport?.type ?? "Runtime.Unknown")
        }
    }
}
