import ApusEngine
package import ApusModel
import ApusServiceKit
import ApusWire
package import NIOCore
package import NIOHTTP1

/// Serves Invoke requests on the event loop and passes every other request on.
///
/// Stands behind the HTTP codec, with pipelining taken care of in front of it: there is one request at a time.
package final class InvokeChannelHandler: ChannelDuplexHandler, RemovableChannelHandler {
    package typealias InboundIn = HTTPServerRequestPart
    package typealias InboundOut = HTTPServerRequestPart
    package typealias OutboundIn = HTTPServerResponsePart
    package typealias OutboundOut = HTTPServerResponsePart

    /// Bytes of a body that is read to its end for the sake of a readable answer; a longer one ends the connection.
    private static let drainLimit = 100 << 20

    private enum State {
        case idle
        case passing
        case collecting(HTTPRequestHead, name: String, body: ByteBuffer, received: Int)
        case responding
    }

    private let front: InvokeFront
    private let dates: DateLine
    private var state = State.idle

    /// A request has come whose answer has not gone out whole.
    private var isAnswering = false

    /// The client has not sent the request whole.
    private var isReceiving = false

    /// The server is going down: the connection ends when it owes no answer.
    private var isQuiescing = false

    package init(front: InvokeFront, dates: DateLine) {
        self.front = front
        self.dates = dates
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .end = unwrapInboundIn(data) { isReceiving = false }
        switch (unwrapInboundIn(data), state) {
        case (.head(let head), _):
            begin(head, data, context: context)
        case (_, .passing):
            context.fireChannelRead(data)
            if case .end = unwrapInboundIn(data) { state = .idle }
        case (.body(var part), .collecting(let head, let name, var body, let received)):
            // The buffer has one owner while it grows.
            state = .responding
            let total = received + part.readableBytes
            guard total <= Self.drainLimit else {
                context.close(promise: nil)
                return
            }
            if total <= InvokeCall.payloadLimit {
                if body.readableBytes == 0 { body = part } else { body.writeBuffer(&part) }
            }
            state = .collecting(head, name: name, body: body, received: total)
        case (.end, .collecting(let head, let name, let body, let received)):
            state = .responding
            run(head, name: name, body: body, received: received, context: context)
        case (.body, .idle), (.body, .responding), (.end, .idle), (.end, .responding):
            break
        }
    }

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let isEnd = if case .end = unwrapOutboundIn(data) { true } else { false }
        context.write(data, promise: promise)
        if isEnd { answered(context: context) }
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent {
            isQuiescing = true
            // Who sends slowly cannot keep the server from going down.
            if !isAnswering || isReceiving { context.close(promise: nil) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func answered(context: ChannelHandlerContext) {
        isAnswering = false
        guard isQuiescing else { return }
        // What has just been written goes out first.
        context.flush()
        context.close(promise: nil)
    }

    private func begin(_ head: HTTPRequestHead, _ data: NIOAny, context: ChannelHandlerContext) {
        isAnswering = true
        isReceiving = true
        guard head.method == .POST, let name = InvokeRoute.functionName(head.uri) else {
            state = .passing
            context.fireChannelRead(data)
            return
        }
        if head.headers[canonicalForm: "expect"].contains(where: { $0.lowercased() == "100-continue" }) {
            context.writeAndFlush(
                wrapOutboundOut(.head(HTTPResponseHead(version: head.version, status: .continue))), promise: nil)
        }
        state = .collecting(head, name: name, body: ByteBuffer(), received: 0)
    }

    private func run(
        _ head: HTTPRequestHead, name: String, body: ByteBuffer, received: Int, context: ChannelHandlerContext
    ) {
        let id = RequestID()
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        let (handler, eventLoop) = (NIOLoopBound(self, eventLoop: context.eventLoop), context.eventLoop)
        let isKeptAlive = head.isKeepAlive
        let respond: @Sendable (InvokeFront.Reply) -> Void = { reply in
            if eventLoop.inEventLoop {
                handler.value.respond(reply, id: id, keepAlive: isKeptAlive, context: bound.value)
            } else {
                eventLoop.execute {
                    handler.value.respond(reply, id: id, keepAlive: isKeptAlive, context: bound.value)
                }
            }
        }
        guard received <= InvokeCall.payloadLimit else {
            return respond(.fault(InvokeFaults.payloadTooLarge(limit: 6_291_456)))
        }
        let request = WireRequest(
            method: head.method.rawValue, target: head.uri,
            headers: WireHeaders(head.headers.map { (name: $0.name, value: $0.value) }), body: body)
        front.handle(request, name: name, id: id, on: eventLoop, reply: respond)
    }

    // MARK: Answers

    private func respond(
        _ reply: InvokeFront.Reply, id: RequestID, keepAlive: Bool, context: ChannelHandlerContext
    ) {
        state = .idle
        guard context.channel.isActive else { return }
        var (status, headers, body) = encode(reply, id)
        headers.add(name: "Date", value: dates.value)
        if status != .noContent { headers.add(name: "Content-Length", value: String(body.readableBytes)) }
        if !keepAlive { headers.add(name: "Connection", value: "close") }
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if body.readableBytes > 0 { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        let written = context.writeAndFlush(wrapOutboundOut(.end(nil)))
        if !keepAlive { written.whenComplete { _ in bound.value.close(promise: nil) } }
        answered(context: context)
    }

    private func encode(
        _ reply: InvokeFront.Reply, _ id: RequestID
    ) -> (status: HTTPResponseStatus, headers: HTTPHeaders, body: ByteBuffer) {
        var headers = HTTPHeaders()
        headers.reserveCapacity(9)
        switch reply {
        case .accepted:
            headers.add(name: "x-amzn-RequestId", value: id.text)
            return (.accepted, headers, ByteBuffer())
        case .dryRun:
            headers.add(name: "x-amzn-RequestId", value: id.text)
            return (.noContent, headers, ByteBuffer())
        case .fault(let fault):
            return encode(fault, id)
        case .result(let result, let traceID):
            let content: ByteBuffer
            switch result.outcome {
            case .success(let body):
                content = body
            case .functionError(let body):
                content = body
                headers.add(name: "X-Amz-Function-Error", value: "Unhandled")
            case .fault(let fault):
                return encode(fault, id)
            }
            headers.add(name: "Content-Type", value: "application/json")
            headers.add(name: "x-amzn-RequestId", value: id.text)
            headers.add(name: "X-Amz-Executed-Version", value: result.executedVersion)
            headers.add(name: "X-Amzn-Remapped-Content-Length", value: "0")
            headers.add(name: "X-Amzn-Trace-Id", value: traceID)
            if let tail = result.logTail { headers.add(name: "X-Amz-Log-Result", value: Base64.encode(tail)) }
            return (.ok, headers, content)
        }
    }

    private func encode(
        _ fault: Fault, _ id: RequestID
    ) -> (status: HTTPResponseStatus, headers: HTTPHeaders, body: ByteBuffer) {
        let response = front.encode(fault, id)
        return (
            HTTPResponseStatus(statusCode: response.status),
            HTTPHeaders(response.headers.fields.map { ($0.name, $0.value) }), response.body
        )
    }
}

/// The `Date` line, made once a second rather than once an answer. Belongs to one event loop.
package final class DateLine {
    private let time: any TimeSource
    private var second: Int64 = -1
    private var text = ""

    package init(time: any TimeSource) { self.time = time }

    var value: String {
        let now = time.wall
        if now.seconds != second {
            second = now.seconds
            text = now.civil.httpDate
        }
        return text
    }
}
