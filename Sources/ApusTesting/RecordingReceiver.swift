package import ApusEngine
package import NIOCore

/// Keeps the parts of a streamed answer, and tells of them when the test says so.
package final class RecordingReceiver: ResponseReceiver {
    package struct Answer: Sendable {
        package var head: ResponseHead?
        package var flow: ResponseFlow?
        package var parts: [ByteBuffer] = []

        /// Bytes in all.
        package var count: Int { parts.reduce(0) { $0 + $1.readableBytes } }
        package var text: String { parts.map { String(buffer: $0) }.joined() }
    }

    package let answer = Watched(Answer())
    private let passesOn: Bool

    /// - Parameter passesOn: every byte is out of the way at once, as with a client that reads quickly.
    package init(passesOn: Bool = true) { self.passesOn = passesOn }

    package func begin(_ head: ResponseHead, flow: ResponseFlow) {
        answer.change {
            $0.head = head
            $0.flow = flow
        }
    }

    package func take(_ part: ByteBuffer) {
        answer.change { $0.parts.append(part) }
        if passesOn { answer.value.flow?.passed(part.readableBytes) }
    }
}
