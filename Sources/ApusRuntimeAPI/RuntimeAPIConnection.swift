import ApusHTTP
import ApusModel
import ApusWire
import NIOCore

/// One connection of a runtime: reads calls, asks the server what they mean, answers.
final class RuntimeAPIConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Call {
        case next
        case response(Response)
        case error(to: String, type: String)
        case restoreNext
        /// Of the init or of a restore.
        case initError(type: String)
        case `extension`(ExtensionCall)
        /// Read to its end, then answered with this.
        case settled(Answer)

        static let unknown = Self.settled(.noSuchCall)
    }

    /// The answer to an event, which is about to come.
    private struct Response {
        var id: String

        /// Nil where nobody asks for it.
        var contentType: String?

        /// The runtime streams it: an error may stand behind it.
        var isStreamed = false

        /// It is to come in a way that there is not.
        var isMalformed = false
    }

    private enum Answer {
        case accepted
        case pong
        case written(ByteBuffer)
        case refusal(Int, type: String, message: String)

        static let noSuchCall = Self.refusal(404, type: "NotFound", message: "There is no such call")

        init(_ refusal: RuntimeAPIState.Refusal) {
            self = .refusal(refusal.status, type: refusal.type, message: refusal.message)
        }
    }

    /// How long an answer may wait for the event that it is to travel with.
    private static let longestWait = TimeAmount.milliseconds(20)

    private let server: RuntimeAPIServer
    private var context: ChannelHandlerContext?
    private var decoder = HTTPRequestDecoder()
    private var received = ByteBuffer()
    private var call: Call?
    private var body = ByteBuffer()
    private var isTooLarge = false

    /// What counts of the body in the server's own account.
    private var collected = 0

    /// What is left of the bytes that may be handed on as they come; nil when the body is collected.
    private var streamRoom: Int?
    private var keepAlive = true

    /// Answers that have not been written yet.
    private var unsent = ByteBuffer()
    private var sendsSoon = false

    /// Set when what follows is no HTTP: the program at the other end starts the others.
    private var programs: ProgramChannel?

    /// False once the server has forgotten the runtime that this connection speaks for.
    private var isCurrent = true

    init(server: RuntimeAPIServer) { self.server = server }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        server.connected(self)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        // An answer that was cut off half-way is the runtime's answer all the same.
        if case .response(let response) = call, isCurrent {
            server.respond(to: response.id, .unusable(.truncatedResponse))
        }
        call = nil
        programs = nil
        takeBody()
        server.disconnected(self)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var incoming = unwrapInboundIn(data)
        if received.readableBytes == 0 {
            received = incoming
        } else {
            received.writeBuffer(&incoming)
        }
        do throws(HTTPRequestDecoder.Failure) {
            while isCurrent, programs == nil, let event = try decoder.next(&received) {
                handle(event, context: context)
            }
        } catch {
            handOn()
            answer(
                .refusal(400, type: "TruncatedHTTPRequest", message: "The request could not be read"), context: context)
            send()
            context.close(promise: nil)
        }
        handOn()
        if let programs { programs.receive(&received) }
        // The channel can fill the same memory again if nobody else holds it.
        if received.readableBytes == 0 { received = ByteBuffer() }
        if server.isParked(self) { sendSoon(context: context) } else { send() }
    }

    // MARK: To the runtime

    /// Answers the parked `/next`.
    func send(_ invocation: RuntimeInvocation) {
        invocation.write(to: &unsent)
        send()
    }

    /// Sends the event that an extension waits for, or an order.
    func send(_ bytes: ByteBuffer) {
        unsent.writeImmutableBuffer(bytes)
        send()
    }

    /// The server speaks to another runtime from now on.
    func letGo() {
        isCurrent = false
        context?.close(promise: nil)
    }

    /// Stops reading, or goes on. What has been read by then is handled all the same.
    func setReading(_ reads: Bool) {
        _ = try? context?.channel.syncOptions?.setOption(.autoRead, value: reads)
    }

    private func send() {
        guard unsent.readableBytes > 0 else { return }
        context?.writeAndFlush(wrapOutboundOut(unsent), promise: nil)
        // The memory of small answers is used again.
        if unsent.capacity > 16 << 10 { unsent = ByteBuffer() } else { unsent.clear() }
    }

    /// A runtime that asks for the next event before it has seen what became of its answer does not wait for that alone: both go
    /// out in one write, which wakes it once.
    private func sendSoon(context: ChannelHandlerContext) {
        guard unsent.readableBytes > 0, !sendsSoon else { return }
        sendsSoon = true
        let box = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: Self.longestWait) {
            box.value.sendsSoon = false
            box.value.send()
        }
    }

    // MARK: Calls

    private func handle(_ event: HTTPRequestDecoder.Event, context: ChannelHandlerContext) {
        switch event {
        case .head(let head):
            begin(head, context: context)
        case .body(let part):
            collect(part)
        case .end(let trailers):
            finish(trailers, context: context)
        }
    }

    private func collect(_ part: ByteBuffer) {
        guard !isTooLarge else { return }
        var part = part
        let room = (streamRoom ?? min(bodyLimit, body.readableBytes + server.room)) - body.readableBytes
        if part.readableBytes > room {
            isTooLarge = true
            // What was handed on cannot be taken back; what was collected is of no use.
            guard streamRoom != nil, let rest = part.readSlice(length: room) else {
                takeBody()
                return
            }
            part = rest
        }
        if streamRoom == nil {
            collected += part.readableBytes
            server.room -= part.readableBytes
        }
        if body.readableBytes == 0 { body = part } else { body.writeBuffer(&part) }
    }

    /// Bytes of the body that somebody will look at.
    private var bodyLimit: Int {
        switch call {
        case .response, .error, .initError: RuntimeAPIServer.payloadLimit
        case .extension: ExtensionCall.bodyLimit
        case .next, .restoreNext, .settled, nil: 0
        }
    }

    @discardableResult private func takeBody() -> ByteBuffer {
        server.room += collected
        collected = 0
        defer { body = ByteBuffer() }
        return body
    }

    /// Hands on what has come of a streamed answer: small chunks that came together go on together.
    private func handOn() {
        guard let room = streamRoom, body.readableBytes > 0, isCurrent else { return }
        streamRoom = room - body.readableBytes
        server.stream(body, on: self)
        body = ByteBuffer()
    }

    private func begin(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
        keepAlive = head.keepAlive
        takeBody()
        isTooLarge = false
        streamRoom = nil
        call = checked(route(head))
        if head.expectsContinue {
            unsent.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n")
            send()
        }
    }

    private func route(_ head: HTTPRequestHead) -> Call {
        guard let path = head.target.text(between: "/2018-06-01/runtime/") else {
            if let call = ExtensionCall(head) { return .extension(call) }
            return head.target == "/ping" ? .settled(.pong) : .unknown
        }
        switch head.method {
        case .get where path == "invocation/next":
            return .next
        case .get where path == "restore/next":
            return .restoreNext
        case .post where path == "init/error" || path == "restore/error":
            return .initError(type: errorType(head))
        case .post:
            if let id = invocation(path, "/response") { return .response(response(head, to: id)) }
            if let id = invocation(path, "/error") { return .error(to: id, type: errorType(head)) }
            return .unknown
        default:
            return .unknown
        }
    }

    /// An answer that is not wanted is refused after its body, which is not looked at.
    private func checked(_ call: Call) -> Call {
        switch call {
        case .response(let response):
            if let refusal = server.mayRespond(to: response.id) { return .settled(Answer(refusal)) }
            beginStream(response)
        case .error(let id, _):
            if let refusal = server.mayRespond(to: id) { return .settled(Answer(refusal)) }
        case .next, .restoreNext, .initError, .extension, .settled: break
        }
        return call
    }

    private func response(_ head: HTTPRequestHead, to id: String) -> Response {
        var response = Response(id: id)
        switch head.field("Lambda-Runtime-Function-Response-Mode") {
        case nil: break
        case "streaming": response.isStreamed = true
        default: response.isMalformed = true
        }
        if response.isStreamed || server.streamLimit != nil { response.contentType = head.field("Content-Type") }
        return response
    }

    /// An answer that is handed on is the only one from its head on.
    private func beginStream(_ response: Response) {
        guard response.isStreamed, let limit = server.streamLimit else { return }
        streamRoom = limit
        server.beginStream(on: self, contentType: response.contentType ?? "application/octet-stream")
    }

    private func invocation(_ path: Substring, _ call: StaticString) -> String? {
        guard let id = path.text(between: "invocation/", and: call), !id.utf8.contains(UInt8(ascii: "/")) else {
            return nil
        }
        return String(id)
    }

    private func errorType(_ head: HTTPRequestHead) -> String {
        RuntimeErrorReport.normalized(head.field("Lambda-Runtime-Function-Error-Type"))
    }

    private func finish(_ trailers: [(name: String, value: String)], context: ChannelHandlerContext) {
        guard let call else { return }
        self.call = nil
        handOn()
        let body = takeBody()
        switch call {
        case .next:
            if let refusal = server.next(on: self) { answer(Answer(refusal), context: context) }
        case .restoreNext:
            if let refusal = server.awaitRestore() { answer(Answer(refusal), context: context) }
        case .response(let response):
            let (reply, outcome) = result(of: response, body, trailers)
            settle(response.id, reply, outcome, context: context)
        case .error(let id, let type):
            settle(id, .accepted, .failure(RuntimeErrorReport(type: type, body: body)), context: context)
        case .initError(let type):
            if let refusal = server.failInit(RuntimeErrorReport(type: type, body: body)) {
                answer(Answer(refusal), context: context)
            } else {
                answer(.accepted, context: context)
            }
        case .extension(.programs):
            programs = server.adoptPrograms(on: self)
            if programs == nil { answer(.noSuchCall, context: context) }
        case .extension(let call):
            let call = isTooLarge ? .tooLarge : call
            if let reply = server.answer(call, body, on: self) { answer(.written(reply), context: context) }
        case .settled(let settled):
            answer(settled, context: context)
        }
    }

    private func result(
        of response: Response, _ body: ByteBuffer, _ trailers: [(name: String, value: String)]
    ) -> (Answer, RuntimeOutcome) {
        if response.isMalformed {
            return (
                .refusal(400, type: "InvalidFunctionResponseMode", message: "Invalid function response mode"),
                .unusable(.invalidResponseMode)
            )
        }
        if response.isStreamed, let error = RuntimeErrorReport(trailers) { return (.accepted, .failure(error)) }
        if isTooLarge {
            let limit = streamRoom == nil ? RuntimeAPIServer.payloadLimit : server.streamLimit ?? 0
            return (
                .refusal(413, type: "RequestEntityTooLarge", message: "Payload too large"),
                .unusable(.responseTooLarge(limit: limit))
            )
        }
        return (.accepted, .success(body, contentType: response.contentType))
    }

    /// Takes the answer to an event, unless another connection gave one while this body was on its way.
    private func settle(_ id: String, _ reply: Answer, _ outcome: RuntimeOutcome, context: ChannelHandlerContext) {
        if streamRoom == nil, let refusal = server.mayRespond(to: id) {
            return answer(Answer(refusal), context: context)
        }
        answer(reply, context: context)
        // The runtime learns it first: the environment may be taken away as soon as the outcome is known.
        if received.readableBytes == 0 { send() }
        server.respond(to: id, outcome)
    }

    private func answer(_ answer: Answer, context: ChannelHandlerContext) {
        switch answer {
        case .accepted:
            unsent.writeStaticString(
                "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n"
            )
        case .written(let bytes):
            unsent.writeImmutableBuffer(bytes)
        case .pong:
            unsent.writeStaticString("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npong")
        case .refusal(let status, let type, let message):
            let text = "{\"errorMessage\":\"\(message)\",\"errorType\":\"\(type)\"}\n"
            unsent.writeString("HTTP/1.1 \(status) Error\r\nContent-Type: application/json\r\n")
            unsent.writeString("Content-Length: \(text.utf8.count)\r\n\r\n\(text)")
        }
        if !keepAlive {
            send()
            context.close(promise: nil)
        }
    }
}

extension RuntimeErrorReport {
    /// Keeps the types that AWS knows, and files the others under `Unknown`.
    ///
    /// - Source: the public runtime interface emulator.
    static func normalized(_ header: String?) -> String {
        guard let header else { return "Runtime.Unknown" }
        let parts = header.split(separator: ".", omittingEmptySubsequences: false)
        let isKnown =
            parts.count == 2 && (parts[0] == "Runtime" || parts[0] == "Function")
            && parts[1].utf8.count > 1 && (0x41...0x5A).contains(parts[1].utf8.first ?? 0)
            && parts[1].utf8.allSatisfy { (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) }
        if isKnown { return header }
        return header.hasPrefix("Function.") ? "Function.Unknown" : "Runtime.Unknown"
    }

    /// The error behind a streamed answer; nil when there is none. A body that is not base64 is taken as it came.
    fileprivate init?(_ trailers: [(name: String, value: String)]) {
        func trailer(_ name: String) -> String? { trailers.first { $0.name.matchesHeader(name) }?.value }
        let (type, body) = (
            trailer("Lambda-Runtime-Function-Error-Type"), trailer("Lambda-Runtime-Function-Error-Body")
        )
        guard type?.isEmpty == false || body?.isEmpty == false else { return nil }
        let bytes = body.flatMap { Base64.decode($0) } ?? Array((body ?? "").utf8)
        self.init(type: type ?? "Runtime.Unknown", body: ByteBuffer(bytes: bytes))
    }

    /// - Source: recorded response of an oversized result.
    fileprivate static func responseTooLarge(limit: Int) -> RuntimeErrorReport {
        RuntimeErrorReport(
            type: "Function.ResponseSizeTooLarge",
            body: ByteBuffer(
                string:
                    "{\"errorMessage\":\"Response payload size exceeded maximum allowed payload size (\(limit) bytes).\","
                    + "\"errorType\":\"Function.ResponseSizeTooLarge\"}"))
    }

    fileprivate static let truncatedResponse = RuntimeErrorReport(
        type: "Runtime.TruncatedResponse",
        body: ByteBuffer(string: "{\"errorType\":\"Runtime.TruncatedResponse\"}"))

    fileprivate static let invalidResponseMode = RuntimeErrorReport(
        type: "Runtime.InvalidResponseModeHeader",
        body: ByteBuffer(string: "{\"errorType\":\"Runtime.InvalidResponseModeHeader\"}"))
}
