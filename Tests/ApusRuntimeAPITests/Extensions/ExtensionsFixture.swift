import ApusModel
import ApusRuntimeAPI
import ApusTesting
import NIOCore
import NIOPosix
import Testing

/// A server with extensions on a real socket, and what it tells of them.
final class ExtensionsFixture: Sendable {
    /// `registered`, `ready true`, `ended TYPE CAUSE`, `gave up TYPE CAUSE`, `runtime ended CAUSE`, `subscribed NAME`.
    let events = Watched<[String]>([])
    let port: UInt16
    private let server: NIOLoopBound<RuntimeAPIServer>
    private let delegate: NIOLoopBound<Delegate>
    private let eventLoop: any EventLoop

    private init(_ external: [String]) async throws {
        let listener = try LoopbackListener()
        let (events, eventLoop) = (events, MultiThreadedEventLoopGroup.singleton.next())
        (self.eventLoop, port) = (eventLoop, listener.port)
        (server, delegate) = try await eventLoop.flatSubmit {
            let server = RuntimeAPIServer(eventLoop: eventLoop)
            let delegate = Delegate(events)
            server.delegate = delegate
            server.extensionsDelegate = delegate
            server.function = FunctionDescription(
                name: "f", version: "$LATEST", handler: "a.\"b", account: "000000000000")
            server.expect(external)
            let parts = (NIOLoopBound(server, eventLoop: eventLoop), NIOLoopBound(delegate, eventLoop: eventLoop))
            return server.serve(listener.descriptor).map { parts }
        }.get()
    }

    static func run(external: [String] = [], _ body: (ExtensionsFixture) async throws -> Void) async throws {
        let fixture = try await ExtensionsFixture(external)
        do {
            try await body(fixture)
        } catch {
            try await fixture.onServer { $0.close() }
            throw error
        }
        try await fixture.onServer { $0.close() }
    }

    func onServer<Result: Sendable>(_ body: @escaping @Sendable (RuntimeAPIServer) -> Result) async throws -> Result {
        try await eventLoop.submit { [server] in body(server.value) }.get()
    }

    func connect() throws -> LoopbackConnection { try LoopbackConnection(port: port) }

    func expect(last expected: String) async throws {
        try await events.wait(for: expected) { $0.last == expected }
    }

    func deliver(trace: String? = nil) async throws -> Bool {
        try await onServer {
            $0.deliver(
                RuntimeInvocation(
                    requestID: RequestID(existing: "id-1"), deadline: Timestamp(milliseconds: 1_795_508_130_007),
                    invokedFunctionARN: "arn:f", traceID: trace, payload: ByteBuffer(string: "{}")))
        }
    }

    /// The program that starts the others.
    func supervise() throws -> LineConnection {
        let connection = try LineConnection(connect())
        try connection.connection.send("GET /apus/programs HTTP/1.1\r\n\r\n")
        return connection
    }
}

/// A connection that speaks in lines.
final class LineConnection {
    let connection: LoopbackConnection
    private var unread = ""

    init(_ connection: LoopbackConnection) { self.connection = connection }

    func send(_ line: String) throws { try connection.send(line + "\n") }

    func line() throws -> String {
        while !unread.contains("\n") {
            let bytes = try connection.read()
            if bytes.isEmpty { return unread }
            unread += String(decoding: bytes, as: UTF8.self)
        }
        let line = unread.prefix { $0 != "\n" }
        unread = String(unread.dropFirst(line.count + 1))
        return String(line)
    }
}

extension LoopbackConnection {
    static let register = "/2020-01-01/extension/register"
    static let next = "/2020-01-01/extension/event/next"

    /// - Returns: the extension's identifier.
    func register(_ name: String, _ events: String = #"["INVOKE"]"#) throws -> String {
        let reply = try call(
            "POST", Self.register, headers: [("Lambda-Extension-Name", name)],
            body: Array(#"{"events":\#(events)}"#.utf8))
        return try #require(reply.headers["lambda-extension-identifier"])
    }

    /// Asks for an event without waiting for it.
    func ask(_ identifier: String) throws {
        try send("GET \(Self.next) HTTP/1.1\r\nLambda-Extension-Identifier: \(identifier)\r\n\r\n")
    }
}

private final class Delegate: RuntimeAPIDelegate, ExtensionsDelegate {
    private let events: Watched<[String]>

    init(_ events: Watched<[String]>) { self.events = events }

    private func note(_ text: String) { events.change { $0.append(text) } }

    func runtimeIsReady(initialized: Bool) { note("ready \(initialized)") }
    func runtimeIsNotReady() {}
    func runtimeAwaitsRestore() {}
    func runtimeMisbehaved() {}
    func runtimeInitFailed(_ error: RuntimeErrorReport) {}
    func runtimeBeganStream(to id: RequestID, contentType: String) {}
    func runtimeStreamed(_ part: ByteBuffer) {}
    func runtimeResponded(to id: RequestID, _ outcome: RuntimeOutcome) { note("responded") }

    func extensionRegistered() { note("registered") }
    func extensionEnded(_ failure: ExtensionFailure) { note("ended \(failure.type) \(failure.cause)") }
    func extensionGaveUp(_ failure: ExtensionFailure) { note("gave up \(failure.type) \(failure.cause)") }
    func runtimeEnded(_ end: ProgramEnd) { note("runtime ended \(end)") }

    func subscribe(_ name: String, to subscription: TelemetrySubscription) throws(RuntimeAPIState.Refusal) {
        note("subscribed \(name)")
    }
}
