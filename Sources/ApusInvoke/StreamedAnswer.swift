import ApusEngine
import ApusHTTP
import ApusModel
import ApusWire
import NIOCore

/// One answer in event-stream messages, each in an HTTP chunk of its own. Belongs to one event loop.
///
/// - Source: Lambda API reference, InvokeWithResponseStream; recorded responses.
final class StreamedAnswer {
    /// A longer part goes out from where it lies rather than being copied between its frame.
    private static let copyLimit = 16 << 10

    /// Bytes of one message's payload. Clients take a message when they have all of it.
    private static let partLimit = 256 << 10

    private static let payloadChunk = EventStreamHeaders([
        ":event-type": "PayloadChunk", ":content-type": "application/octet-stream", ":message-type": "event",
    ])
    private static let invokeComplete = EventStreamHeaders([
        ":event-type": "InvokeComplete", ":content-type": "application/json", ":message-type": "event",
    ])

    let isChunked: Bool
    private let write: (ByteBuffer) -> Void
    private(set) var hasBegun = false

    /// - Parameters:
    ///   - isChunked: false for a client that knows no chunks: its answer ends with the connection.
    ///   - write: called with bytes in order; somebody flushes later.
    init(isChunked: Bool, write: @escaping (ByteBuffer) -> Void) {
        self.isChunked = isChunked
        self.write = write
    }

    func begin(_ head: ByteBuffer) {
        hasBegun = true
        write(head)
    }

    func add(_ bytes: ByteBuffer) {
        var rest = bytes
        while let part = rest.readSlice(length: min(rest.readableBytes, Self.partLimit)), part.readableBytes > 0 {
            add(Self.payloadChunk, part)
        }
    }

    /// - Parameter result: how it ended; its body has been added.
    func end(_ result: InvocationResult) {
        add(Self.invokeComplete, ByteBuffer(bytes: Self.completion(result).bytes))
        if isChunked { write(ByteBuffer(staticString: "0\r\n\r\n")) }
    }

    private func add(_ headers: EventStreamHeaders, _ payload: ByteBuffer) {
        let length = EventStreamMessage.length(headers, payload)
        let copies = payload.readableBytes <= Self.copyLimit
        var buffer = ByteBuffer()
        buffer.reserveCapacity(copies ? length + 16 : 256)
        if isChunked { buffer.writeString("\(String(length, radix: 16))\r\n") }
        let checksum = buffer.writeEventStreamHead(headers, before: payload)
        if copies {
            buffer.writeImmutableBuffer(payload)
        } else {
            write(buffer)
            write(payload)
            buffer = ByteBuffer()
        }
        buffer.writeInteger(checksum)
        if isChunked { buffer.writeStaticString("\r\n") }
        write(buffer)
    }

    /// Bytes of an error that are told: a frame has its limit.
    private static let detailsLimit = 256 << 10

    private static func completion(_ result: InvocationResult) -> JSON {
        var members = WireMap<JSON>()
        switch result.outcome {
        case .success: break
        case .functionError(let body):
            members["ErrorCode"] = .string(result.errorType ?? "Unhandled")
            members["ErrorDetails"] = .string(
                String(decoding: body.readableBytesView.prefix(detailsLimit), as: UTF8.self))
        case .fault(let fault):
            members["ErrorCode"] = .string(fault.code)
            members["ErrorDetails"] = .string(fault.message)
        }
        if let tail = result.logTail { members["LogResult"] = .string(Base64.encode(tail)) }
        return .object(members)
    }
}

extension InvocationResult {
    /// The function did not run.
    var isFault: Bool {
        if case .fault = outcome { true } else { false }
    }

    /// What the function answered, well or not.
    var body: ByteBuffer {
        switch outcome {
        case .success(let body), .functionError(let body): body
        case .fault: ByteBuffer()
        }
    }

    /// What an answer begins with that goes out as a whole. An error is JSON.
    var head: ResponseHead {
        var type = contentType
        if case .functionError = outcome { type = nil }
        return ResponseHead(contentType: type ?? "application/json", executedVersion: executedVersion)
    }
}
