import ApusInvoke
import NIOCore
import NIOHTTP1

/// Answers what is not HTTP in the shape of AWS's errors, and ends the connection.
///
/// Stands behind the codec, in front of everything that answers requests.
final class MalformedRequestHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// An answer has begun that must not be mixed with another.
    private var isAnswering = false
    private var isOver = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(var head) = unwrapInboundIn(data),
            head.method == .CONNECT || head.headers.contains(name: "upgrade")
        else {
            if !isOver { context.fireChannelRead(data) }
            return
        }
        if head.method == .CONNECT {
            refuse(context: context)
        } else {
            // The parser reads nothing behind a request that offers another protocol, so the connection ends with it.
            head.headers.replaceOrAdd(name: "connection", value: "close")
            context.fireChannelRead(wrapInboundOut(.head(head)))
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head: isAnswering = true
        case .end: isAnswering = false
        case .body: break
        }
        context.write(data, promise: promise)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is HTTPParserError {
            refuse(context: context)
        } else {
            context.close(promise: nil)
        }
    }

    private func refuse(context: ChannelHandlerContext) {
        guard !isOver, !isAnswering else {
            context.close(promise: nil)
            return
        }
        isOver = true
        let headers: HTTPHeaders = [
            "Content-Type": "application/json", "x-amzn-ErrorType": MalformedRequest.code, "Connection": "close",
            "Content-Length": "\(MalformedRequest.body.readableBytes)",
        ]
        let head = HTTPResponseHead(version: .http1_1, status: .badRequest, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(MalformedRequest.body))), promise: nil)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in bound.value.close(promise: nil) }
    }
}
