import ApusHTTP
import ApusModel
import NIOCore

/// One connection of a runtime: reads calls, asks the server what they mean, answers.
final class RuntimeAPIConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Call {
        case next
        case response(to: String)
        case error(to: String, type: String)
        case restoreNext
        /// Of the init or of a restore.
        case initError(type: String)
        /// Read to its end, then answered with this.
        case settled(Answer)

        static let unknown = Self.settled(.refusal(404, type: "NotFound", message: "There is no such call"))
    }

    private enum Answer {
        case accepted
        case pong
        case refusal(Int, type: String, message: String)

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
    private var keepAlive = true

    /// Answers that have not been written yet.
    private var unsent = ByteBuffer()
    private var sendsSoon = false

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
        if case .response(let id) = call, isCurrent { server.respond(to: id, .unusable(.truncatedResponse)) }
        call = nil
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
            while isCurrent, let event = try decoder.next(&received) { handle(event, context: context) }
        } catch {
            answer(
                .refusal(400, type: "TruncatedHTTPRequest", message: "The request could not be read"), context: context)
            send()
            context.close(promise: nil)
        }
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

    /// The server speaks to another runtime from now on.
    func letGo() {
        isCurrent = false
        context?.close(promise: nil)
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
        case .body(var part):
            guard !isTooLarge else { return }
            isTooLarge = body.readableBytes + part.readableBytes > RuntimeAPIServer.payloadLimit
            if isTooLarge {
                body = ByteBuffer()
            } else if body.readableBytes == 0 {
                body = part
            } else {
                body.writeBuffer(&part)
            }
        case .end:
            finish(context: context)
        }
    }

    private func begin(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
        keepAlive = head.keepAlive
        body = ByteBuffer()
        isTooLarge = false
        call = checked(route(head))
        if head.expectsContinue {
            unsent.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n")
            send()
        }
    }

    private func route(_ head: HTTPRequestHead) -> Call {
        guard let path = head.target.text(between: "/2018-06-01/runtime/") else {
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
            if let id = invocation(path, "/response") { return .response(to: id) }
            if let id = invocation(path, "/error") { return .error(to: id, type: errorType(head)) }
            return .unknown
        default:
            return .unknown
        }
    }

    /// An answer that is not wanted is refused after its body, which is not looked at.
    private func checked(_ call: Call) -> Call {
        switch call {
        case .response(let id), .error(let id, _): server.mayRespond(to: id).map { .settled(Answer($0)) } ?? call
        case .next, .restoreNext, .initError, .settled: call
        }
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

    private func finish(context: ChannelHandlerContext) {
        guard let call else { return }
        self.call = nil
        let body = self.body
        self.body = ByteBuffer()
        switch call {
        case .next:
            if let refusal = server.next(on: self) { answer(Answer(refusal), context: context) }
        case .restoreNext:
            if let refusal = server.awaitRestore() { answer(Answer(refusal), context: context) }
        case .response(let id) where isTooLarge:
            let refusal = Answer.refusal(413, type: "RequestEntityTooLarge", message: "Payload too large")
            settle(id, refusal, .unusable(.responseTooLarge), context: context)
        case .response(let id):
            settle(id, .accepted, .success(body), context: context)
        case .error(let id, let type):
            settle(id, .accepted, .failure(RuntimeErrorReport(type: type, body: body)), context: context)
        case .initError(let type):
            if let refusal = server.failInit(RuntimeErrorReport(type: type, body: body)) {
                answer(Answer(refusal), context: context)
            } else {
                answer(.accepted, context: context)
            }
        case .settled(let settled):
            answer(settled, context: context)
        }
    }

    /// Takes the answer to an event, unless another connection gave one while this body was on its way.
    private func settle(_ id: String, _ reply: Answer, _ outcome: RuntimeOutcome, context: ChannelHandlerContext) {
        if let refusal = server.mayRespond(to: id) { return answer(Answer(refusal), context: context) }
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

    /// - Source: recorded response of an oversized result.
    static let responseTooLarge = RuntimeErrorReport(
        type: "Function.ResponseSizeTooLarge",
        body: ByteBuffer(
            string:
                "{\"errorMessage\":\"Response payload size exceeded maximum allowed payload size (\(RuntimeAPIServer.payloadLimit) bytes).\",\"errorType\":\"Function.ResponseSizeTooLarge\"}"
        ))

    static let truncatedResponse = RuntimeErrorReport(
        type: "Runtime.TruncatedResponse",
        body: ByteBuffer(string: "{\"errorType\":\"Runtime.TruncatedResponse\"}"))
}
