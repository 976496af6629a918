import ApusEngine
import ApusHTTP
package import ApusModel
import ApusWire
import NIOCore
import NIOHTTP1

/// Answers of one connection as bytes. Belongs to one event loop.
final class InvokeAnswers {
    /// A larger result goes out from where it lies rather than being copied behind the head.
    private static let copyLimit = 16 << 10

    private let front: InvokeFront
    private let dates: DateLine

    /// The memory of one answer serves for the next.
    private var buffer = ByteBuffer()

    init(front: InvokeFront, dates: DateLine) {
        self.front = front
        self.dates = dates
    }

    /// - Returns: the answer, or its head and apart from it the body.
    func encode(
        _ reply: InvokeFront.Reply, _ id: RequestID, keepAlive: Bool
    ) -> (head: ByteBuffer, body: ByteBuffer?) {
        buffer.clear(minimumCapacity: 512)
        switch reply {
        case .accepted:
            buffer.writeStaticString("HTTP/1.1 202 Accepted\r\n")
            buffer.writeField("x-amzn-RequestId: ", id.text)
            return finish(ByteBuffer(), keepAlive)
        case .dryRun:
            buffer.writeStaticString("HTTP/1.1 204 No Content\r\n")
            buffer.writeField("x-amzn-RequestId: ", id.text)
            return finish(nil, keepAlive)
        case .fault(let fault):
            return encode(fault, id, keepAlive)
        case .result(let result, let traceID):
            switch result.outcome {
            case .success(let body): return encode(result, body, isError: false, traceID, id, keepAlive)
            case .functionError(let body): return encode(result, body, isError: true, traceID, id, keepAlive)
            case .fault(let fault): return encode(fault, id, keepAlive)
            }
        }
    }

    /// - Returns: the head of an answer that is sent as it comes.
    func encode(
        _ head: ResponseHead, _ id: RequestID, traceID: String, isChunked: Bool, keepAlive: Bool
    ) -> ByteBuffer {
        buffer.clear(minimumCapacity: 512)
        buffer.writeStaticString("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\n")
        if isChunked { buffer.writeStaticString("Transfer-Encoding: chunked\r\n") }
        buffer.writeField("x-amzn-RequestId: ", id.text)
        buffer.writeField("X-Amz-Executed-Version: ", head.executedVersion)
        buffer.writeField("X-Amzn-Trace-Id: ", traceID)
        buffer.writeField("X-Amzn-Remapped-Content-Type: ", head.contentType)
        return finish(nil, keepAlive).head
    }

    private func encode(
        _ result: InvocationResult, _ body: ByteBuffer, isError: Bool, _ traceID: String, _ id: RequestID,
        _ keepAlive: Bool
    ) -> (head: ByteBuffer, body: ByteBuffer?) {
        buffer.writeStaticString("HTTP/1.1 200 OK\r\n")
        buffer.writeStaticString(
            isError || result.isJSON
                ? "Content-Type: application/json\r\n" : "Content-Type: application/octet-stream\r\n")
        if isError { buffer.writeStaticString("X-Amz-Function-Error: Unhandled\r\n") }
        buffer.writeField("x-amzn-RequestId: ", id.text)
        buffer.writeField("X-Amz-Executed-Version: ", result.executedVersion)
        buffer.writeStaticString("X-Amzn-Remapped-Content-Length: 0\r\n")
        buffer.writeField("X-Amzn-Trace-Id: ", traceID)
        if let tail = result.logTail { buffer.writeField("X-Amz-Log-Result: ", Base64.encode(tail)) }
        return finish(body, keepAlive)
    }

    private func encode(
        _ fault: Fault, _ id: RequestID, _ keepAlive: Bool
    ) -> (head: ByteBuffer, body: ByteBuffer?) {
        let response = front.encode(fault, id)
        let status = HTTPResponseStatus(statusCode: response.status)
        buffer.writeString("HTTP/1.1 \(status.code) \(status.reasonPhrase)\r\n")
        for (name, value) in response.headers.fields {
            buffer.writeString("\(name): ")
            buffer.writeFieldValue(value)
            buffer.writeStaticString("\r\n")
        }
        return finish(response.body, keepAlive)
    }

    /// - Parameter body: nil where HTTP leaves no room for one.
    private func finish(_ body: ByteBuffer?, _ keepAlive: Bool) -> (head: ByteBuffer, body: ByteBuffer?) {
        buffer.writeField("Date: ", dates.value)
        if let body { buffer.writeField("Content-Length: ", String(body.readableBytes)) }
        if !keepAlive { buffer.writeStaticString("Connection: close\r\n") }
        buffer.writeStaticString("\r\n")
        if let body, body.readableBytes > Self.copyLimit { return (buffer, body) }
        if let body { buffer.writeImmutableBuffer(body) }
        return (buffer, nil)
    }
}

extension InvocationResult {
    /// Whatever a handler returns is JSON; what one streams is bytes unless it says otherwise.
    fileprivate var isJSON: Bool { contentType.map { $0.hasPrefix("application/json") } ?? true }
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
