package import NIOCore
package import NIOHTTP1

/// Stands behind the HTTP codec and tells the handler in front of it when an answer has been written whole.
package final class AnswerWatch: ChannelOutboundHandler, RemovableChannelHandler {
    package typealias OutboundIn = HTTPServerResponsePart
    package typealias OutboundOut = HTTPServerResponsePart

    private let front: InvokeChannelHandler

    package init(front: InvokeChannelHandler) { self.front = front }

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let isEnd = if case .end = unwrapOutboundIn(data) { true } else { false }
        context.write(data, promise: promise)
        if isEnd { front.passedRequestWasAnswered() }
    }
}
