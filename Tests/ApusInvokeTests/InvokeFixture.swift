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
        let channel = try await NIOAsyncTestingChannel { [front] channel in
            try channel.pipeline.syncOperations.addHandler(
                InvokeChannelHandler(front: front, dates: DateLine(time: time)))
        }
        try await channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).get()
        return FrontConnection(channel: channel)
    }

    /// One request on a connection of its own.
    func call(
        _ name: String, method: HTTPMethod = .POST, headers: [(String, String)] = [], body: String = ""
    ) async throws -> FrontConnection.Reply {
        let connection = try await connect()
        try await connection.send("/2015-03-31/functions/\(name)", headers, body: body, method: method)
        return try await connection.reply()
    }

    func queue(_ revision: Revision) -> QueueName { QueueName(kind: "async", partition: revision.function.description) }
}

/// Logs that are nowhere.
struct NoLogs: LogIngest {
    func append(_ bytes: [UInt8], time: Timestamp, scope: Scope, group: String, stream: String) -> Bool { true }
    func stored() async {}
}

/// A client's connection: requests go in behind the codec, answers come out in front of it.
struct FrontConnection {
    struct Reply {
        var status: Int
        var headers: HTTPHeaders
        var body: String
    }

    let channel: NIOAsyncTestingChannel

    func send(
        _ target: String, _ headers: [(String, String)] = [], body: String = "", method: HTTPMethod = .POST,
        version: HTTPVersion = .http1_1
    ) async throws {
        try await begin(target, headers, method: method, version: version)
        if !body.isEmpty { try await send(body: ByteBuffer(string: body)) }
        try await end()
    }

    func begin(
        _ target: String, _ headers: [(String, String)] = [], method: HTTPMethod = .POST,
        version: HTTPVersion = .http1_1
    ) async throws {
        let head = HTTPRequestHead(version: version, method: method, uri: target, headers: HTTPHeaders(headers))
        try await channel.writeInbound(HTTPServerRequestPart.head(head))
    }

    func send(body: ByteBuffer) async throws { try await channel.writeInbound(HTTPServerRequestPart.body(body)) }
    func end() async throws { try await channel.writeInbound(HTTPServerRequestPart.end(nil)) }

    func part() async throws -> HTTPServerResponsePart {
        // The channel's own way to wait has no end.
        for _ in 0..<10_000 {
            if let part = try await channel.readOutbound(as: HTTPServerResponsePart.self) { return part }
            try await Task.sleep(for: .milliseconds(1))
        }
        throw DeadlineMissed(what: "an answer", found: "nothing")
    }

    func waitForEnd() async throws {
        for _ in 0..<10_000 where channel.isActive { try await Task.sleep(for: .milliseconds(1)) }
        if channel.isActive { throw DeadlineMissed(what: "the end of the connection", found: "it goes on") }
    }

    func reply() async throws -> Reply {
        var reply = Reply(status: 0, headers: [:], body: "")
        while true {
            switch try await part() {
            case .head(let head):
                reply.status = Int(head.status.code)
                reply.headers = head.headers
            case .body(.byteBuffer(let part)): reply.body += String(buffer: part)
            case .body: break
            case .end: return reply
            }
        }
    }

    /// What was passed on to the handlers behind.
    func passed() async throws -> HTTPServerRequestPart? {
        try await channel.readInbound(as: HTTPServerRequestPart.self)
    }

    func quiesce() async throws {
        let channel = channel
        try await channel.testingEventLoop.executeInContext {
            channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        }
    }
}
