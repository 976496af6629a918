package import NIOCore

/// Takes an answer as it comes. Called on the environment's event loop.
package protocol ResponseReceiver: Sendable {
    /// The function has begun to answer: at most once, before the completion. Parts follow until then.
    ///
    /// - Parameter flow: to be told of every byte that is out of the way.
    func begin(_ head: ResponseHead, flow: ResponseFlow)

    /// The next bytes, at least one.
    func take(_ part: ByteBuffer)
}

/// What is known of an answer before its first byte.
package struct ResponseHead: Sendable {
    /// As the runtime names it.
    package var contentType: String

    /// The version that runs, such as `$LATEST`.
    package var executedVersion: String

    package init(contentType: String, executedVersion: String) {
        self.contentType = contentType
        self.executedVersion = executedVersion
    }
}

/// What the receiver of an answer says back; on any thread, and also when the answer has ended.
package struct ResponseFlow: Sendable {
    private let eventLoop: any EventLoop
    private let stream: NIOLoopBound<ResponseStream>

    init(_ stream: ResponseStream, on eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        self.stream = NIOLoopBound(stream, eventLoop: eventLoop)
    }

    /// So many more bytes have gone on to the caller. More are read only while few have not.
    package func passed(_ bytes: Int) { tell { $0.passed(bytes) } }

    /// Nobody wants the rest. The function runs to its end all the same.
    package func abandon() { tell { $0.abandon() } }

    private func tell(_ body: @escaping @Sendable (ResponseStream) -> Void) {
        if eventLoop.inEventLoop {
            body(stream.value)
        } else {
            eventLoop.execute { [stream] in body(stream.value) }
        }
    }
}

/// How fast answers may be streamed, and how much.
///
/// - Source: Lambda developer guide, "Response streaming for Lambda functions", "Bandwidth limits for response streaming".
package struct StreamLimits: Sendable {
    /// Bytes of one answer.
    package var size = 200 << 20

    /// Bytes of an answer that go out as fast as they can.
    package var burst = 6 << 20

    /// Bytes a second from there on; nil for as many as there are.
    package var bandwidth: Int? = 2 << 20

    package init() {}
}
