import ApusEngine
import ApusModel
import NIOCore

/// Carries an answer from the environment's event loop to that of the client's connection.
struct StreamSink: ResponseReceiver {
    let handler: NIOLoopBound<InvokeChannelHandler>
    let eventLoop: any EventLoop
    let id: RequestID
    let traceID: String

    func begin(_ head: ResponseHead, flow: ResponseFlow) {
        tell { $0.streamBegan(head, flow, id: id, traceID: traceID) }
    }

    func take(_ part: ByteBuffer) { tell { $0.streamed(part) } }

    private func tell(_ body: @escaping @Sendable (InvokeChannelHandler) -> Void) {
        if eventLoop.inEventLoop {
            body(handler.value)
        } else {
            eventLoop.execute { [handler] in body(handler.value) }
        }
    }
}
