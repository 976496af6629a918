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

    private let server: RuntimeAPIServer
    private var decoder = HTTPRequestDecoder()
    private var received = ByteBuffer()
    private var call: Call?
    private var body = ByteBuffer()
    private var isTooLarge = false
    private var keepAlive = true

    init(server: RuntimeAPIServer) { self.server = server }

    func channelActive(context: ChannelHandlerContext) {
        server.connected(context.channel)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        // An answer that was cut off half-way is the runtime's answer all the same.
        if case .response(let id) = call, server.isCurrent(context.channel) {
            server.respond(to: id, .unusable(.truncatedResponse))
        }
        call = nil
        server.disconnected(context.channel)
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
            while server.isCurrent(context.channel), let event = try decoder.next(&received) {
                handle(event, context: context)
            }
        } catch {
            answer(
                .refusal(400, type: "TruncatedHTTPRequest", message: "The request could not be read"), context: context)
            context.close(promise: nil)
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
        call = route(head)
        if head.expectsContinue {
            context.writeAndFlush(
                wrapOutboundOut(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
        }
    }

    private func route(_ head: HTTPRequestHead) -> Call {
        let prefix = "/2018-06-01/runtime/"
        guard head.target.hasPrefix(prefix) else { return head.target == "/ping" ? .settled(.pong) : .unknown }
        let path = head.target.dropFirst(prefix.utf8.count)
        switch (head.method, path) {
        case (.get, "invocation/next"):
            return .next
        case (.post, "init/error"):
            return .initError(type: RuntimeErrorReport.normalized(head.field("Lambda-Runtime-Function-Error-Type")))
        case (.post, _):
            let parts = path.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 3, parts[0] == "invocation", parts[2] == "response" || parts[2] == "error" else {
                return .unknown
            }
            if let refusal = server.mayRespond(to: parts[1]) {
                return .settled(Answer(refusal))
            }
            if parts[2] == "error" {
                let type = RuntimeErrorReport.normalized(head.field("Lambda-Runtime-Function-Error-Type"))
                return .error(to: String(parts[1]), type: type)
            }
            return .response(to: String(parts[1]))
        default:
            return .unknown
        }
    }

    private func finish(context: ChannelHandlerContext) {
        guard let call else { return }
        self.call = nil
        let body = self.body
        self.body = ByteBuffer()
        switch call {
        case .next:
            if let refusal = server.next(on: context.channel) { answer(Answer(refusal), context: context) }
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
        // The runtime learns it first: the environment may be taken away as soon as the outcome is known.
        answer(reply, context: context)
        server.respond(to: id, outcome)
    }

    private func answer(_ answer: Answer, context: ChannelHandlerContext) {
        var buffer = context.channel.allocator.buffer(capacity: 256)
        switch answer {
        case .accepted:
            buffer.writeStaticString(
                "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n"
            )
        case .pong:
            buffer.writeStaticString("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npong")
        case .refusal(let status, let type, let message):
            let text = "{\"errorMessage\":\"\(message)\",\"errorType\":\"\(type)\"}\n"
            buffer.writeString("HTTP/1.1 \(status) Error\r\nContent-Type: application/json\r\n")
            buffer.writeString("Content-Length: \(text.utf8.count)\r\n\r\n\(text)")
        }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        if !keepAlive { context.close(promise: nil) }
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
