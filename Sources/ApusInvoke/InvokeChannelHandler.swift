import ApusEngine
import ApusHTTP
import ApusModel
import ApusWire
package import NIOCore

/// Serves Invoke requests on the event loop, from bytes to bytes, and passes every other request on, untouched.
///
/// Stands in front of the HTTP codec, with an ``AnswerWatch`` behind it. One request is under way at a time: what a client sends
/// ahead waits here.
package final class InvokeChannelHandler: ChannelDuplexHandler, RemovableChannelHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    /// Bytes of a request's head at the most: 1 MB in all, a client context of 3.5 KB among them.
    ///
    /// - Source: Lambda quotas.
    package static let headLimit = 1 << 20

    /// Bytes of a body that is read to its end for the sake of a readable answer; a longer one ends the connection.
    private static let drainLimit = 100 << 20

    /// Bytes that a client may send ahead before nothing more is read.
    private static let aheadLimit = 64 << 10

    private enum State {
        /// The next bytes begin a request.
        case idle
        case collecting(HTTPRequestHead, InvokeRoute)
        case running(keepAlive: Bool)
        /// A request for the handlers behind comes in, then their answer is waited for.
        case passing
        /// Not HTTP as it is understood here. The codec says what is wrong, and has the rest of the connection.
        case surrendered
    }

    private let front: InvokeFront
    private let answers: InvokeAnswers
    private var context: ChannelHandlerContext?
    private var decoder = HTTPRequestDecoder(headLimit: InvokeChannelHandler.headLimit)
    private var received = ByteBuffer()
    private var state = State.idle
    private var body = ByteBuffer()
    private var bodyLength = 0

    /// A request has come whose answer has not gone out whole.
    private var isAnswering = false

    /// The client has not sent the request whole.
    private var isReceiving = false

    /// The server is going down: the connection ends when it owes no answer.
    private var isQuiescing = false

    /// The client sends no more; the handlers behind hear of it when it has its answer.
    private var inputEnd: ChannelEvent?

    private var isProceeding = false
    private var hasPassed = false
    private var holdsRead = false

    /// The answer under way, if it is sent as it comes.
    private var answer: StreamedAnswer?

    /// To be told of what the client has been sent of it.
    private var flow: ResponseFlow?

    package init(front: InvokeFront, dates: DateLine) {
        self.front = front
        answers = InvokeAnswers(front: front, dates: dates)
    }

    package func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    package func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    // MARK: Requests

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var incoming = unwrapInboundIn(data)
        if received.readableBytes == 0 { received = incoming } else { received.writeBuffer(&incoming) }
        if !isProceeding { proceed(context: context) }
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        guard hasPassed else { return }
        hasPassed = false
        context.fireChannelReadComplete()
    }

    package func read(context: ChannelHandlerContext) {
        holdsRead = isFarAhead
        if !holdsRead { context.read() }
    }

    private var isFarAhead: Bool { !takesMore && received.readableBytes > Self.aheadLimit }

    /// False while an answer is owed.
    private var takesMore: Bool {
        switch state {
        case .idle, .collecting: true
        case .passing: isReceiving
        case .running, .surrendered: false
        }
    }

    private var isRunning: Bool { if case .running = state { true } else { false } }

    private func proceed(context: ChannelHandlerContext) {
        isProceeding = true
        defer { isProceeding = false }
        var before = received
        do throws(HTTPRequestDecoder.Failure) {
            while takesMore {
                before = received
                let event = try decoder.next(&received)
                if case .head(let head) = event { begin(head, context: context) }
                if case .passing = state {
                    pass(before, upTo: before.readableBytes - received.readableBytes, context: context)
                }
                guard let event else { break }
                switch event {
                case .head: break
                case .body(var part): collect(&part, context: context)
                case .end: end(context: context)
                }
            }
        } catch {
            received = before
            surrender(context: context)
        }
        if case .surrendered = state {
            pass(received, upTo: received.readableBytes, context: context)
            received.clear()
        }
        // The channel can fill the same memory again if nobody else holds it.
        if received.readableBytes == 0 { received = ByteBuffer() }
    }

    private func begin(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
        isAnswering = true
        isReceiving = true
        guard head.method == .post, let route = InvokeRoute(head.target) else {
            state = .passing
            return
        }
        if head.expectsContinue {
            context.writeAndFlush(
                wrapOutboundOut(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
        }
        state = .collecting(head, route)
    }

    private func collect(_ part: inout ByteBuffer, context: ChannelHandlerContext) {
        guard case .collecting = state else { return }
        bodyLength += part.readableBytes
        if bodyLength > Self.drainLimit {
            state = .running(keepAlive: false)
            context.close(promise: nil)
        } else if bodyLength <= InvokeCall.payloadLimit {
            if body.readableBytes == 0 { body = part } else { body.writeBuffer(&part) }
        }
    }

    private func end(context: ChannelHandlerContext) {
        isReceiving = false
        switch state {
        case .collecting(let head, let route):
            state = .running(keepAlive: head.keepAlive && (head.isVersion11 || !route.isStreamed))
            run(head, route, eventLoop: context.eventLoop)
        case .passing:
            if !isAnswering { state = .idle }
        case .idle, .running, .surrendered: break
        }
    }

    private func run(_ head: HTTPRequestHead, _ route: InvokeRoute, eventLoop: any EventLoop) {
        let id = RequestID()
        let handler = NIOLoopBound(self, eventLoop: eventLoop)
        let respond: @Sendable (InvokeFront.Reply) -> Void = { reply in
            if eventLoop.inEventLoop {
                handler.value.respond(reply, id)
            } else {
                eventLoop.execute { handler.value.respond(reply, id) }
            }
        }
        let (body, length) = (body, bodyLength)
        (self.body, bodyLength) = (ByteBuffer(), 0)
        guard length <= InvokeCall.payloadLimit else {
            return respond(.fault(InvokeFaults.payloadTooLarge(limit: 6_291_456)))
        }
        let request = WireRequest(method: "POST", target: head.target, headers: WireHeaders(head.fields), body: body)
        guard route.isStreamed else { return front.handle(request, route, id: id, on: eventLoop, reply: respond) }
        answer = StreamedAnswer(isChunked: head.isVersion11) { [unowned self] bytes in
            context?.write(wrapOutboundOut(bytes), promise: nil)
        }
        let receiver: @Sendable (String) -> any ResponseReceiver = { traceID in
            StreamSink(handler: handler, eventLoop: eventLoop, id: id, traceID: traceID)
        }
        front.handle(request, route, id: id, on: eventLoop, receiver: receiver, reply: respond)
    }

    // MARK: Answers

    private func respond(_ reply: InvokeFront.Reply, _ id: RequestID) {
        guard case .running(let keepAlive) = state, let context, context.channel.isActive else { return }
        state = .idle
        if let answer, case .result(let result, let traceID) = reply, !result.isFault || answer.hasBegun {
            if !answer.hasBegun {
                begin(answer, result.head, id: id, traceID: traceID, keepAlive: keepAlive)
                answer.add(result.body)
            }
            answer.end(result)
            context.flush()
        } else {
            send(answers.encode(reply, id, keepAlive: keepAlive), context: context)
        }
        (answer, flow) = (nil, nil)
        if keepAlive { answered(context: context) } else { closeWhenWritten(context: context) }
    }

    private func send(_ bytes: (head: ByteBuffer, body: ByteBuffer?), context: ChannelHandlerContext) {
        if let body = bytes.body {
            context.write(wrapOutboundOut(bytes.head), promise: nil)
            context.writeAndFlush(wrapOutboundOut(body), promise: nil)
        } else {
            context.writeAndFlush(wrapOutboundOut(bytes.head), promise: nil)
        }
    }

    // MARK: Streamed answers

    /// The head goes out with the first bytes.
    func streamBegan(_ head: ResponseHead, _ flow: ResponseFlow, id: RequestID, traceID: String) {
        guard case .running(let keepAlive) = state, let answer, context?.channel.isActive == true else {
            return flow.abandon()
        }
        self.flow = flow
        begin(answer, head, id: id, traceID: traceID, keepAlive: keepAlive)
    }

    func streamed(_ part: ByteBuffer) {
        guard let answer, let flow, let context else { return }
        answer.add(part)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenComplete { [length = part.readableBytes] _ in
            flow.passed(length)
        }
    }

    private func begin(
        _ answer: StreamedAnswer, _ head: ResponseHead, id: RequestID, traceID: String, keepAlive: Bool
    ) {
        answer.begin(answers.encode(head, id, traceID: traceID, isChunked: answer.isChunked, keepAlive: keepAlive))
    }

    // MARK: Other requests

    /// The answer to a request that was passed on has been written whole.
    func passedRequestWasAnswered() {
        guard case .passing = state, let context else { return }
        if !isReceiving { state = .idle }
        answered(context: context)
    }

    private func answered(context: ChannelHandlerContext) {
        isAnswering = false
        if isQuiescing { return closeWhenWritten(context: context) }
        if !isProceeding, received.readableBytes > 0 { proceed(context: context) }
        if holdsRead, !isFarAhead {
            holdsRead = false
            context.read()
        }
        if let event = inputEnd, !isRunning {
            inputEnd = nil
            context.fireUserInboundEventTriggered(event)
        }
    }

    private func closeWhenWritten(context: ChannelHandlerContext) {
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenComplete { _ in bound.value.close(promise: nil) }
    }

    private func pass(_ bytes: ByteBuffer, upTo length: Int, context: ChannelHandlerContext) {
        guard length > 0, let part = bytes.getSlice(at: bytes.readerIndex, length: length) else { return }
        hasPassed = true
        context.fireChannelRead(wrapInboundOut(part))
    }

    private func surrender(context: ChannelHandlerContext) {
        guard case .collecting = state else {
            state = .surrendered
            return
        }
        // The head of this one never reached the codec.
        state = .running(keepAlive: false)
        context.writeAndFlush(wrapOutboundOut(MalformedRequest.answer), promise: nil)
        closeWhenWritten(context: context)
    }

    // MARK: Ends

    package func channelInactive(context: ChannelHandlerContext) {
        flow?.abandon()
        (answer, flow) = (nil, nil)
        context.fireChannelInactive()
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            isQuiescing = true
            // Who sends slowly cannot keep the server from going down.
            if !isAnswering || isReceiving { context.close(promise: nil) }
            // The handlers behind know of no call, and would end the connection.
            if isRunning { return }
        case let end as ChannelEvent where end == .inputClosed:
            if isRunning {
                inputEnd = end
                return
            }
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }
}
