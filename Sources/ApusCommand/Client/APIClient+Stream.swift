import ApusModel
import ApusShapes
package import ApusWire
import NIOCore
import Synchronization

/// How a streamed answer ended.
package struct StreamEnd: Sendable {
    package var version: String?

    /// What went wrong, and the details of it; nil when nothing did.
    package var errorCode: String?
    package var errorDetails: String?

    /// The end of the log in base64, if it was asked for.
    package var logResult: String?
}

extension APIClient {
    /// Calls a function, and hands on its answer as it comes.
    ///
    /// - Parameters:
    ///   - input: members of InvokeWithResponseStreamRequest.
    ///   - onPart: called with one part after the other.
    /// - Throws: what ``call(_:of:_:timeout:)`` throws; `.unreachable` also when the answer has no end.
    package func streamInvocation(
        _ input: [String: ShapeValue], timeout: Duration, onPart: @escaping @Sendable ([UInt8]) -> Void
    ) async throws(CommandFailure) -> StreamEnd {
        let operation = "InvokeWithResponseStream"
        let request = signed(try codec(operation, Lambda.model).request(.structure(input)), Lambda.model)
        let reader = EventReader(onPart: onPart)
        let response = try await HTTPClient(endpoint: endpoint).send(request, timeout: timeout) { reader.read($0) }
        guard response.status < 400 else { throw refusal(response, operation) }
        guard let completion = reader.completion else {
            throw CommandFailure(.unreachable, "the answer of \(endpoint) has no end")
        }
        return StreamEnd(
            version: response.headers["X-Amz-Executed-Version"], errorCode: completion["ErrorCode"]?.string,
            errorDetails: completion["ErrorDetails"]?.string, logResult: completion["LogResult"]?.string)
    }
}

/// Takes messages apart as they come.
private final class EventReader: Sendable {
    private struct State {
        var buffer = ByteBuffer()
        var isBroken = false
        var completion: JSON?
    }

    private let state = Mutex(State())
    private let onPart: @Sendable ([UInt8]) -> Void

    init(onPart: @escaping @Sendable ([UInt8]) -> Void) { self.onPart = onPart }

    /// Nil unless the answer has come to its end.
    var completion: JSON? { state.withLock { $0.completion } }

    func read(_ bytes: ByteBuffer) {
        for part in state.withLock({ Self.parts(bytes, &$0) }) { onPart(Array(part.readableBytesView)) }
    }

    private static func parts(_ bytes: ByteBuffer, _ state: inout State) -> [ByteBuffer] {
        guard !state.isBroken else { return [] }
        state.buffer.writeImmutableBuffer(bytes)
        var parts: [ByteBuffer] = []
        do throws(EventStreamDecoder.Failure) {
            while let message = try EventStreamDecoder().next(&state.buffer) {
                switch message[":event-type"] {
                case "PayloadChunk": parts.append(message.payload)
                case "InvokeComplete": state.completion = try? JSON(parsing: message.payload)
                default: break
                }
            }
        } catch {
            state.isBroken = true
        }
        state.buffer.discardReadBytes()
        return parts
    }
}
