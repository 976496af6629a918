import ApusModel
import ApusRuntimeAPI
import ApusTesting
import NIOCore
import NIOPosix
import Testing

/// A server on a real socket, on its own event loop, and what it tells its delegate.
final class RuntimeAPIFixture: Sendable {
    /// `ready true`, `not ready`, `response ID success BODY`, `stream ID TYPE`, `part BYTES`, `init error TYPE BODY`,
    /// `misbehaved`.
    let events: Watched<[String]>
    let port: UInt16
    private let server: NIOLoopBound<RuntimeAPIServer>
    private let delegate: NIOLoopBound<Delegate>
    private let eventLoop: any EventLoop

    private init() async throws {
        let listener = try LoopbackListener()
        let (events, eventLoop) = (Watched<[String]>([]), MultiThreadedEventLoopGroup.singleton.next())
        (self.events, self.eventLoop, port) = (events, eventLoop, listener.port)
        (server, delegate) = try await eventLoop.flatSubmit {
            let server = RuntimeAPIServer(eventLoop: eventLoop)
            let delegate = Delegate(events)
            server.delegate = delegate
            let parts = (NIOLoopBound(server, eventLoop: eventLoop), NIOLoopBound(delegate, eventLoop: eventLoop))
            return server.serve(listener.descriptor).map { parts }
        }.get()
    }

    static func run(_ body: (RuntimeAPIFixture) async throws -> Void) async throws {
        let fixture = try await RuntimeAPIFixture()
        do {
            try await body(fixture)
        } catch {
            await fixture.close()
            throw error
        }
        await fixture.close()
    }

    func connect() throws -> LoopbackConnection { try LoopbackConnection(port: port) }

    /// A connection that has asked for an event, which the server knows.
    func park() async throws -> LoopbackConnection {
        let connection = try connect()
        let before = events.value.count { $0.hasPrefix("ready") }
        try connection.send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n")
        try await events.wait(for: "the runtime to be ready") { $0.count { $0.hasPrefix("ready") } > before }
        return connection
    }

    /// A connection that has been given an event.
    func work(_ id: String = "id-1") async throws -> LoopbackConnection {
        let connection = try await park()
        #expect(try await deliver(id))
        _ = try connection.reply()
        return connection
    }

    /// A connection that has been given an event whose answer is handed on as it comes.
    func workOnStream(limit: Int = 1 << 20) async throws -> LoopbackConnection {
        let connection = try await park()
        #expect(try await deliver(streamLimit: limit))
        _ = try connection.reply()
        return connection
    }

    /// What has been handed on so far.
    var streamed: String {
        events.value.filter { $0.hasPrefix("part ") }.map { $0.dropFirst("part ".count) }.joined()
    }

    func setStreamReading(_ reads: Bool) async throws {
        try await eventLoop.submit { [server] in server.value.setStreamReading(reads) }.get()
    }

    /// The runtime hears of its answer before the delegate does, so that events are waited for.
    func expect(_ expected: [String], sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let found = try await events.wait(for: "\(expected)") { $0.count >= expected.count }
        #expect(found == expected, sourceLocation: sourceLocation)
    }

    func expect(last expected: String) async throws {
        try await events.wait(for: expected) { $0.last == expected }
    }

    func deliver(_ id: String = "id-1", payload: String = "{}", streamLimit: Int? = nil) async throws -> Bool {
        try await deliver(
            RuntimeInvocation(
                requestID: RequestID(existing: id), deadline: Timestamp(milliseconds: 1_795_508_130_007),
                invokedFunctionARN: "arn:aws:lambda:us-east-1:000000000000:function:f",
                payload: ByteBuffer(string: payload), streamLimit: streamLimit))
    }

    func deliver(_ invocation: RuntimeInvocation) async throws -> Bool {
        try await eventLoop.submit { [server] in server.value.deliver(invocation) }.get()
    }

    func reset() async throws { try await eventLoop.submit { [server] in server.value.reset() }.get() }

    func abandon() async throws { try await eventLoop.submit { [server] in server.value.abandon() }.get() }

    /// A reset that comes after a call was sent and before the server has seen it.
    func reset(before call: String) async throws -> LoopbackConnection {
        try await eventLoop.submit { [server, port] in
            let connection = try LoopbackConnection(port: port)
            try connection.send(call)
            server.value.reset()
            return connection
        }.get()
    }

    private func close() async { try? await eventLoop.submit { [server] in server.value.close() }.get() }
}

private final class Delegate: RuntimeAPIDelegate {
    private let events: Watched<[String]>

    init(_ events: Watched<[String]>) { self.events = events }

    private func note(_ text: String) { events.change { $0.append(text) } }

    func runtimeIsReady(initialized: Bool) { note("ready \(initialized)") }
    func runtimeIsNotReady() { note("not ready") }
    func runtimeAwaitsRestore() { note("awaits restore") }
    func runtimeMisbehaved() { note("misbehaved") }
    func runtimeInitFailed(_ error: RuntimeErrorReport) {
        note("init error \(error.type) \(String(buffer: error.body))")
    }

    func runtimeBeganStream(to id: RequestID, contentType: String) { note("stream \(id) \(contentType)") }
    func runtimeStreamed(_ part: ByteBuffer) { note("part \(String(buffer: part))") }

    func runtimeResponded(to id: RequestID, _ outcome: RuntimeOutcome) {
        switch outcome {
        case .success(let body, _): note("response \(id) success \(String(buffer: body))")
        case .failure(let report): note("response \(id) failure \(report.type) \(String(buffer: report.body))")
        case .unusable(let report): note("response \(id) unusable \(report.type) \(String(buffer: report.body))")
        }
    }
}
