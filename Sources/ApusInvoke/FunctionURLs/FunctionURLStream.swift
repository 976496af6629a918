package import ApusEngine
package import NIOCore

/// An answer on its way from the environment's event loop to the task that writes it.
package struct FunctionURLStream: Sendable {
    enum Event: Sendable {
        case began(ResponseHead, ResponseFlow)
        case part(ByteBuffer)
        case ended(InvocationResult)
    }

    /// The answer ended before its end: what was sent of it must not look whole.
    package struct Broken: Error {}

    let events: AsyncStream<Event>

    /// The engine reads on only while few bytes are on their way, so nothing piles up here.
    private let continuation: AsyncStream<Event>.Continuation

    init() { (events, continuation) = AsyncStream.makeStream() }

    func end(_ result: InvocationResult) {
        continuation.yield(.ended(result))
        continuation.finish()
    }

    /// Hands the parts that are still to come to `write`, one after the other.
    ///
    /// - Parameter flow: of the answer, to be told of what has been written.
    /// - Throws: ``Broken``, or what `write` threw.
    package func forEachPart(_ flow: ResponseFlow, _ write: (ByteBuffer) async throws -> Void) async throws {
        for await event in events {
            switch event {
            case .began: break
            case .part(let part):
                try await write(part)
                flow.passed(part.readableBytes)
            case .ended(let result):
                guard case .success = result.outcome else { throw Broken() }
                return
            }
        }
        // The server goes down and waits no longer.
        throw Broken()
    }
}

extension FunctionURLStream: ResponseReceiver {
    package func begin(_ head: ResponseHead, flow: ResponseFlow) { continuation.yield(.began(head, flow)) }

    package func take(_ part: ByteBuffer) { continuation.yield(.part(part)) }
}
