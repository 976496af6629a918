package import ApusEngine
package import ApusMetrics
package import ApusModel
import Logging
import NIOCore
import NIOPosix

/// An engine over a scripted driver, with its clock in the test's hand. Timers are the event loop's own.
package struct EngineFixture: Sendable {
    package let engine: Engine
    package let driver: ScriptedDriver
    package let log = RecordingLog()
    package let time: ManualTime
    package let credentials = StubCredentials()
    package let metrics = FunctionMetrics()
    package let code: StubCode

    private init(
        limits: Engine.Limits, runtimes: StubRuntimes, code: StubCode, time: ManualTime, driver: ScriptedDriver
    ) {
        self.time = time
        self.driver = driver
        self.code = code
        engine = Engine(
            driver: driver, runtimes: runtimes, code: code, credentials: credentials, log: log, metrics: metrics,
            time: time, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            eventLoops: MultiThreadedEventLoopGroup.singleton, limits: limits,
            servePlatformAPI: { _, loop in loop.makeFailedFuture(ChannelError.operationUnsupported) })
    }

    /// Lends an engine to `body`, and shuts it down whatever happens.
    package static func run(
        limits: Engine.Limits = Engine.Limits(), runtimes: StubRuntimes = StubRuntimes(), code: StubCode = StubCode(),
        time: ManualTime = ManualTime(), hooks: ScriptedDriver.Hooks = ScriptedDriver.Hooks(), makesCells: Bool = false,
        program: @escaping ScriptedDriver.Program,
        _ body: (EngineFixture) async throws -> Void
    ) async throws {
        let fixture = EngineFixture(
            limits: limits, runtimes: runtimes, code: code, time: time,
            driver: ScriptedDriver(hooks: hooks, makesCells: makesCells, program: program))
        do {
            try await body(fixture)
        } catch {
            await fixture.engine.shutdown(grace: .zero)
            throw error
        }
        await fixture.engine.shutdown(grace: .zero)
    }

    /// Makes a function callable.
    package func publish(_ revision: Revision, qualifier: String = "$LATEST") {
        engine.publish(revision, qualifier: qualifier)
    }

    /// Calls a function and waits for the end of the call.
    package func call(
        _ revision: Revision, qualifier: String = "$LATEST", id: RequestID = RequestID(), payload: String = "{}",
        wantsLogTail: Bool = false
    ) async -> InvocationResult {
        await withCheckedContinuation { continuation in
            begin(revision, qualifier: qualifier, id: id, payload: payload, wantsLogTail: wantsLogTail) {
                continuation.resume(returning: $0)
            }
        }
    }

    /// Returns once every environment of a function is idle: a runtime asks for the next event after its answer was passed on.
    package func settle(_ revision: Revision, qualifier: String = "$LATEST") async throws {
        var counts = EnvironmentCounts()
        for _ in 0..<10_000 {
            counts = self.counts(revision)
            if counts.starting + counts.busy == 0 { return }
            try await Task.sleep(for: .milliseconds(1))
        }
        throw DeadlineMissed(what: "idle environments", found: "\(counts)")
    }

    /// What the environments of a version do.
    package func counts(_ revision: Revision) -> EnvironmentCounts {
        let version = EnvironmentGauges.Version(revision.function, revision.version)
        return engine.environmentCounts().filter { $0.0 == version }.reduce(EnvironmentCounts()) { $0 + $1.1 }
    }

    /// Calls a function; `completion` hears of its end.
    package func begin(
        _ revision: Revision, qualifier: String = "$LATEST", id: RequestID = RequestID(), payload: String = "{}",
        wantsLogTail: Bool = false, receiver: (any ResponseReceiver)? = nil,
        completion: @escaping @Sendable (InvocationResult) -> Void
    ) {
        let key = revision.function
        guard case .found(.ready(let callee)) = engine.catalog.look(key, qualifier: qualifier) else {
            return completion(.fault(Fault("NotCallable", status: 404, "the catalog has no such qualifier")))
        }
        let request = InvocationRequest(
            id: id, invokedFunctionARN: key.arn(nil), payload: ByteBuffer(string: payload), wantsLogTail: wantsLogTail,
            receiver: receiver, completion: completion)
        engine.invoke(request, on: callee)
    }
}

extension InvocationResult {
    /// The outcome in one word and its body: `success "ok"`, `error {…}`, `fault CODE`.
    package var summary: String {
        switch outcome {
        case .success(let body): "success \(String(buffer: body))"
        case .functionError(let body): "error \(String(buffer: body))"
        case .fault(let fault): "fault \(fault.code)"
        }
    }
}

extension Revision {
    /// A revision of a function in the standard account.
    package static func sample(
        _ name: String = "hello", version: FunctionVersion = .latest, timeout: Duration = .seconds(10),
        memory: Int = 128, variables: [(name: String, value: String)] = [], runtime: String = "python3.11",
        logging: LoggingSettings? = nil
    ) -> Revision {
        Revision(
            id: RequestID().text,
            function: FunctionKey(scope: Scope(account: .standard, region: .standard), name: name), version: version,
            runtime: runtime, handler: "app.handler", role: "arn:aws:iam::000000000000:role/r",
            memory: MemorySize(megabytes: memory), timeout: timeout,
            temporarySpace: MemorySize(megabytes: 512), variables: variables,
            code: CodeReference(sha256: String(repeating: "ab", count: 32)),
            logging: logging ?? LoggingSettings(group: "/aws/lambda/\(name)"))
    }
}
