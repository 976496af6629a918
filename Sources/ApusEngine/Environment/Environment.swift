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
    let services: EnvironmentServices

    /// Each holds the other until the environment has been taken down.
    let owner: any EnvironmentOwner

    var state: EnvironmentState
    let server: RuntimeAPIServer
    let log: EnvironmentLog
    private let logStream: String
    private let credentials: ExecutionCredentials
    private let version: String
    private(set) var sandbox: (any Sandbox)?
    private var files: FunctionFiles?
    private var bundle: RuntimeBundle?
    private var platformListener: (any Channel)?
    var lastExit: SandboxExit?

    /// The extension for which the environment could not go on, the last time.
    var extensionFailure: ExtensionFailure?

    /// The process that the sandbox was told to run.
    private(set) var isProgramAlive = false

    /// While the extensions are given time to end.
    var shutdown: Shutdown?
    /// Counts runtime processes, so that the end of an earlier one is not taken for the end of this one.
    private var process = 0
    private var isFrozen = false
    /// False between the adoption of a cell and the moment when that has become the function's.
    private var isSpecialized = true
    private var readings: UInt8 = 0

    private var invocation: AdmittedInvocation?
    private var initReport: RuntimeErrorReport?
    private var outcome: RuntimeOutcome?

    /// The answer of the current invocation, once it has begun and if its caller takes it as it comes.
    private var stream: ResponseStream?
    private var streamBegan: Duration?
    let timer: DeadlineTimer
    private var began = Duration.zero
    private var delivered = Timestamp(nanoseconds: 0)
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
                revision: revision, runtimeVersion: revision.runtime, initializationType: origin.initializationType,
                instance: logStream),
            time: services.time)
        credentials = services.credentials.issue(
            role: revision.role, function: revision.function, environment: id.description)
        server = RuntimeAPIServer(eventLoop: eventLoop)
        server.delegate = self
        server.extensionsDelegate = self
        server.function = FunctionDescription(
            name: revision.function.name, version: version, handler: revision.handler,
            account: revision.function.scope.account.description)
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
        files = launched.files
        guard state.phase != .closed else {
            release(launched.sandbox)
            return
        }
        bundle = launched.bundle
        path = launched.path
        log.lines = PlatformLines(
            revision: revision, runtimeVersion: launched.bundle.version,
            initializationType: origin.initializationType, instance: logStream)
        server.expect(launched.extensions)
        adopt(launched.sandbox)
        perform(state.launched())
        expectExtensions()
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
        isProgramAlive = true
        let (box, number) = (NIOLoopBound(self, eventLoop: eventLoop), process)
        // Ends with the runtime process, which the environment's end includes.
        eventLoop.makeFutureWithTask { await sandbox.waitForExit() }.whenSuccess { exit in
            box.value.exited(exit, process: number)
        }
    }

    private func exited(_ exit: SandboxExit, process number: Int) {
        guard number == process else { return }
        isProgramAlive = false
        log.drain()
        if let shutdown, !exit.isLost { return shutdown.sandboxEnded() }
        lastExit = exit
        if let line = bundle?.image?.launchErrorLine(exit.cause) { log.platform(line) }
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
        thaw()
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
        log.telemetry?.freeze()
        isFrozen = true
    }

    func thaw() {
        guard isFrozen else { return }
        sandbox?.thaw()
        log.telemetry?.thaw()
        isFrozen = false
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

    func runtimeBeganStream(to id: RequestID, contentType: String) {
        guard let request = invocation?.request, request.id == id, let receiver = request.receiver else { return }
        let stream = ResponseStream(
            to: receiver, limits: services.streams, time: services.time, on: eventLoop
        ) { [weak server] in server?.setStreamReading($0) }
        self.stream = stream
        streamBegan = services.time.monotonic
        stream.begin(ResponseHead(contentType: contentType, executedVersion: version))
    }

    func runtimeStreamed(_ part: ByteBuffer) { stream?.take(part) }

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

    func perform(_ actions: [EnvironmentState.Action]) {
        for action in actions {
            switch action {
            case .beginInit: beginInit()
            case .endInit: endInit()
            case .reportInit(let failure): reportInit(failure)
            case .deliver: deliver()
            case .complete: complete()
            case .fail(let failure, let wasDelivered): fail(failure, wasDelivered: wasDelivered)
            case .putBack: putBack()
            case .shutDown(let reason): shutDown(reason)
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
        log.emit(isRestored ? .restoreStart : .initStart(.`init`))
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
        logExtensions()
        log.tellOfInit(.`init`, isRestored: isRestored, duration, .success)
        // A template works for its forks only, and somebody waits then.
        if !isTemplate { sandbox?.setCPU(millicores: revision.memory.millicores) }
    }

    private func reportInit(_ failure: EnvironmentState.Failure) {
        timer.clear()
        let duration = services.time.monotonic - began
        logExtensions()
        log.tellOfInit(.`init`, isRestored: isRestored, duration, outcome(of: failure))
    }

    private func deliver() {
        guard let invocation = invocation?.request else { return }
        let now = services.time.wall
        var remaining = revision.timeout
        if isRestarting {
            sandbox?.setCPU(millicores: revision.memory.millicores)
            let spent = services.time.monotonic - began
            logExtensions()
            log.tellOfInit(.invoke, isRestored: false, spent, .success)
            remaining = max(.zero, remaining - spent)
        }
        log.emit(invocation.started, at: now)
        delivered = now
        isRestarting = false
        let event = RuntimeInvocation(
            requestID: invocation.id, deadline: now + remaining,
            invokedFunctionARN: invocation.invokedFunctionARN, traceID: invocation.traceID,
            clientContext: invocation.clientContext, cognitoIdentity: invocation.cognitoIdentity,
            payload: invocation.payload, streamLimit: invocation.receiver == nil ? nil : services.streams.size)
        if !server.deliver(event) {
            // The runtime let go of its connection after it had asked for an event.
            sandbox?.kill()
        }
    }

    private func complete() {
        log.drain()
        owner.answered(self)
        switch outcome {
        case .success(let body, let contentType): finish(.success(body), .success, contentType: contentType)
        // An error of the function's own is an answer; the report has a status only for what went wrong around it.
        case .failure(let report):
            finish(.functionError(report.body), .success, errorType: stream == nil ? nil : report.type)
        case .unusable(let report): fail(report.type, report.body)
        case nil: fail("Runtime.Unknown", ByteBuffer())
        }
    }

    /// - Parameter wasDelivered: false when the time went into a runtime that had to boot again.
    private func fail(_ failure: EnvironmentState.Failure, wasDelivered: Bool) {
        guard let invocation = invocation?.request else { return }
        if !wasDelivered {
            logExtensions()
            log.tellOfInit(.invoke, isRestored: false, services.time.monotonic - began, outcome(of: failure))
            log.emit(invocation.started)
        }
        switch failure {
        case .timedOut:
            log.emit(.fault(.timedOut(invocation.id)))
            finish(
                .functionError(FailurePayload.timedOut(invocation.id, timeout: revision.timeout)), .timeout,
                errorType: "Sandbox.Timedout")
        case .exited:
            let type = FailurePayload.errorType(lastExit)
            let image = bundle?.image
            let (reason, clientType) = (FailurePayload.reason(lastExit, of: image), FailurePayload.clientType(lastExit))
            log.emit(.fault(.exited(invocation.id, reason: reason, type: clientType)))
            finish(
                .functionError(FailurePayload.exited(invocation.id, lastExit, of: image)), .error(type: type),
                errorType: clientType)
        case .initFailed:
            fail(initReport?.type ?? "Runtime.Unknown", initReport?.body ?? FailurePayload.exited(invocation.id, nil))
        case .extensionFailed:
            guard let extensionFailure else { return }
            let reason = FailurePayload.reason(extensionFailure)
            log.emit(.fault(.exited(invocation.id, reason: reason, type: extensionFailure.type)))
            fail(extensionFailure.type, FailurePayload.failed(invocation.id, extensionFailure))
        }
    }

    private func fail(_ type: String, _ body: ByteBuffer) {
        finish(.functionError(body), .error(type: type), errorType: type)
    }

    /// Answers the caller, then writes the end of the invocation's log.
    private func finish(
        _ outcome: InvocationResult.Outcome, _ status: TelemetryEvent.Outcome, contentType: String? = nil,
        errorType: String? = nil
    ) {
        guard let admitted = invocation else { return }
        let request = admitted.request
        invocation = nil
        self.outcome = nil
        let producedBytes = stream?.end() ?? outcome.producedBytes
        stream = nil
        let duration = services.time.monotonic - began
        admitted.ended(after: duration, failed: outcome.isFunctionError)
        var result = InvocationResult(
            outcome: outcome, executedVersion: version, contentType: contentType, errorType: errorType)
        // Who waits for nothing but the answer has it first.
        let isUrgent = request.isSynchronous && !request.wantsLogTail
        if isUrgent { request.completion(result) }
        let start = unreportedStart
        unreportedStart = nil
        let now = services.time.wall
        log.emit(runtimeDone(request, producedBytes, status, duration), at: now)
        log.emit(.end(request.id), at: now)
        log.emit(
            .report(
                TelemetryEvent.Report(
                    id: request.id, duration: duration, initDuration: isRestored ? nil : start,
                    restoreDuration: isRestored ? start : nil, peakMemory: sandbox?.peakMemory() ?? 0,
                    outcome: status, tracing: request.traceID)), at: now)
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
        guard let bundle, let files, let sandbox else { return }
        owner.templateReady(
            self, Template(bundle: bundle, files: files, sandbox: sandbox, driver: services.driver))
    }

    private func giveUp(_ failure: EnvironmentState.Failure) {
        let type = outcome(of: failure).errorType
        let message =
            switch failure {
            case .timedOut: "the init took longer than \(FailurePayload.seconds(initTimeout)) seconds"
            case .exited: FailurePayload.reason(lastExit, of: bundle?.image)
            case .extensionFailed: extensionFailure.map(FailurePayload.reason) ?? ""
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
        log.acceptSubscriptions()
        log.emit(.initStart(.invoke))
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
        expectExtensions()
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
        shutdown?.sandboxEnded()
        timer.cancel()
        process += 1
        server.close()
        log.close()
        platformListener?.close(promise: nil)
        services.credentials.revoke(credentials)
        if let sandbox { release(sandbox) }
        sandbox = nil
        files = nil
    }

    private func release(_ sandbox: any Sandbox) {
        // Their directories have to outlive the sandbox that has them mounted.
        let files = self.files
        owner.track(eventLoop.makeFutureWithTask { await sandbox.close() }.map { _ = files })
    }

    // MARK: Words

    private var isTemplate: Bool {
        if case .template = origin { true } else { false }
    }

    private var isRestored: Bool {
        if case .restored = origin { true } else { false }
    }

    private func outcome(of failure: EnvironmentState.Failure) -> TelemetryEvent.Outcome {
        switch failure {
        case .timedOut: .timeout
        case .exited: .error(type: FailurePayload.errorType(lastExit))
        case .initFailed: .error(type: initReport?.type ?? "Runtime.Unknown")
        case .extensionFailed: .error(type: extensionFailure?.type ?? "Extension.Crash")
        }
    }

    private func runtimeDone(
        _ request: InvocationRequest, _ producedBytes: Int, _ outcome: TelemetryEvent.Outcome, _ duration: Duration
    ) -> TelemetryEvent {
        // Answers that are not streamed come at once.
        let streaming = streamBegan.map { began + duration - $0 }
        streamBegan = nil
        let latency = duration - (streaming ?? .zero)
        return .runtimeDone(
            TelemetryEvent.RuntimeDone(
                id: request.id, outcome: outcome, duration: duration, producedBytes: producedBytes,
                responseLatency: outcome == .success ? .init(start: delivered, duration: latency) : nil,
                responseDuration: streaming.map { .init(start: delivered + latency, duration: $0) },
                tracing: request.traceID))
    }
}
