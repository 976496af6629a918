import ApusEngine
import ApusInvoke
import ApusModel
import ApusServiceKit
import ApusShapes
import ApusStore
import ApusTesting
import Logging
import NIOCore
import NIOEmbedded
import NIOHTTP1

/// The front door over a scripted engine and a store on disk, with connections that a test plays the client of.
struct InvokeFixture {
    let engine: EngineFixture
    let store: any Store
    let events: AsyncInvocations
    let front: InvokeFront

    var time: ManualTime { engine.time }

    private init(_ engine: EngineFixture, _ store: any Store, _ authorizer: any Authorizer) {
        self.engine = engine
        self.store = store
        events = Self.events(engine, store)
        front = InvokeFront(
            engine: engine.engine, model: Lambda.model, authenticator: DevelopmentAuthenticator(scope: .test),
            authorizer: authorizer, events: events, time: engine.time)
    }

    static func events(_ engine: EngineFixture, _ store: any Store) -> AsyncInvocations {
        AsyncInvocations(
            store: store, engine: engine.engine, log: NoLogs(), time: engine.time,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// - Parameters:
    ///   - failures: how many of the next claims of events fail.
    ///   - takesEvents: whether events can be stored.
    static func run(
        limits: Engine.Limits = Engine.Limits(), authorizer: any Authorizer = Everybody(),
        failures: Watched<Int> = Watched(0), takesEvents: Bool = true,
        program: @escaping ScriptedDriver.Program = { runtime in try runtime.serve { $0.body } },
        _ body: (InvokeFixture) async throws -> Void
    ) async throws {
        let time = ManualTime()
        try await TemporaryStore.run(time: time) { store, _ in
            try await EngineFixture.run(limits: limits, time: time, program: program) { engine in
                let store = FlakyStore(store: store, failures: failures, takesEvents: takesEvents)
                try await body(InvokeFixture(engine, store, authorizer))
            }
        }
    }

    func connect() async throws -> FrontConnection {
        let time = time
        let probe = ReadProbe()
        let channel = try await NIOAsyncTestingChannel { [front] channel in
            let invoke = InvokeChannelHandler(front: front, dates: DateLine(time: time))
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandlers([probe, invoke, HTTPResponseEncoder(), AnswerWatch(front: invoke)])
        }
        try await channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).get()
        return FrontConnection(channel: channel, reads: probe.count)
    }

    /// One request on a connection of its own.
    func call(
        _ name: String, method: String = "POST", headers: [(String, String)] = [], body: String = ""
    ) async throws -> FrontConnection.Reply {
        let connection = try await connect()
        try await connection.send("/2015-03-31/functions/\(name)", headers, body: body, method: method)
        return try await connection.reply()
    }

    func queue(_ revision: Revision) -> QueueName { QueueName(kind: "async", partition: revision.function.description) }
}

/// Logs that are nowhere.
struct NoLogs: LogIngest {
    func append(_ block: LogBlock, to destination: LogDestination) -> Bool { true }
    func stored() async {}
}

/// A client's connection: its bytes go in, the server's come out.
struct FrontConnection {
    struct Reply {
        var status: Int
        var headers: HTTPHeaders
        var body: String
    }

    let channel: NIOAsyncTestingChannel

    /// How often the server wanted more bytes.
    let reads: Watched<Int>

    /// What has come of the next answer.
    private let unread = Watched("")

    init(channel: NIOAsyncTestingChannel, reads: Watched<Int>) {
        self.channel = channel
        self.reads = reads
    }

    func send(text: String) async throws { try await channel.writeInbound(ByteBuffer(string: text)) }

    func send(
        _ target: String, _ headers: [(String, String)] = [], body: String = "", method: String = "POST",
        version: String = "HTTP/1.1"
    ) async throws { try await send(text: Self.request(target, headers, body: body, method: method, version: version)) }

    static func request(
        _ target: String, _ headers: [(String, String)] = [], body: String = "", method: String = "POST",
        version: String = "HTTP/1.1"
    ) -> String {
        let length = body.isEmpty ? [] : [("Content-Length", "\(body.utf8.count)")]
        let lines = (headers + length).map { "\($0.0): \($0.1)\r\n" }.joined()
        return "\(method) \(target) \(version)\r\n\(lines)\r\n\(body)"
    }

    /// The head of a request whose body comes in chunks.
    func begin(_ target: String, _ headers: [(String, String)] = []) async throws {
        try await send(target, headers + [("Transfer-Encoding", "chunked")])
    }

    func send(chunk: ByteBuffer) async throws {
        var bytes = ByteBuffer(string: "\(String(chunk.readableBytes, radix: 16))\r\n")
        bytes.writeImmutableBuffer(chunk)
        bytes.writeString("\r\n")
        try await channel.writeInbound(bytes)
    }

    func end() async throws { try await send(text: "0\r\n\r\n") }

    func waitForEnd() async throws {
        for _ in 0..<10_000 where channel.isActive { try await Task.sleep(for: .milliseconds(1)) }
        if channel.isActive { throw DeadlineMissed(what: "the end of the connection", found: "it goes on") }
    }

    func reply() async throws -> Reply {
        // The channel's own way to wait has no end.
        for _ in 0..<10_000 {
            while let bytes = try await channel.readOutbound(as: ByteBuffer.self) {
                unread.change { $0 += String(buffer: bytes) }
            }
            if let reply = takeReply() { return reply }
            try await Task.sleep(for: .milliseconds(1))
        }
        throw DeadlineMissed(what: "an answer", found: unread.value)
    }

    private func takeReply() -> Reply? {
        let text = unread.value
        guard let gap = text.firstRange(of: "\r\n\r\n") else { return nil }
        let lines = text[..<gap.lowerBound].split(separator: "\r\n")
        let fields = lines.dropFirst().map { line in
            let colon = line.firstIndex(of: ":") ?? line.endIndex
            return (String(line[..<colon]), String(line[colon...].dropFirst(2)))
        }
        let headers = HTTPHeaders(fields)
        let length = headers["Content-Length"].first.flatMap { Int($0) } ?? 0
        let rest = text[gap.upperBound...].utf8
        guard rest.count >= length else { return nil }
        unread.change { $0 = String(rest.dropFirst(length)) ?? "" }
        return Reply(
            status: lines.first.flatMap { Int($0.split(separator: " ")[1]) } ?? 0, headers: headers,
            body: String(rest.prefix(length)) ?? "")
    }

    /// What was passed on to the handlers behind, all of it.
    func passed() async throws -> String {
        var text = ""
        while let bytes = try await channel.readInbound(as: ByteBuffer.self) { text += String(buffer: bytes) }
        return text
    }

    /// The handlers behind answer.
    func answerFromBehind(status: HTTPResponseStatus = .ok) async throws {
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: ["Content-Length": "0"])
        try await channel.writeAndFlush(HTTPServerResponsePart.head(head))
        try await channel.writeAndFlush(HTTPServerResponsePart.end(nil))
    }

    func trigger(_ event: any Sendable) async throws {
        let channel = channel
        try await channel.testingEventLoop.executeInContext {
            channel.pipeline.fireUserInboundEventTriggered(event)
        }
    }

    func quiesce() async throws { try await trigger(ChannelShouldQuiesceEvent()) }

    func read() async throws {
        let channel = channel
        try await channel.testingEventLoop.executeInContext { channel.pipeline.read() }
    }
}

/// Counts what the handlers behind want to read.
private final class ReadProbe: ChannelOutboundHandler, Sendable {
    typealias OutboundIn = ByteBuffer

    let count = Watched(0)

    func read(context: ChannelHandlerContext) {
        count.change { $0 += 1 }
        context.read()
    }
}
