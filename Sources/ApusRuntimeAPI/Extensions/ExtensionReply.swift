import ApusHTTP
import ApusModel
import ApusWire
import NIOCore

/// What an extension is told of the function.
package struct FunctionDescription: Sendable {
    package var name: String
    package var version: String
    package var handler: String
    package var account: String

    package init(name: String, version: String, handler: String, account: String) {
        self.name = name
        self.version = version
        self.handler = handler
        self.account = account
    }
}

/// Why the sandbox is shut down, in AWS's words.
package enum ShutdownReason: String, Equatable, Sendable {
    /// Nobody needs it any more.
    case spindown
    case timeout
    case failure
}

/// The answers that extensions get, head and body.
enum ExtensionReply {
    static func registered(_ function: FunctionDescription, as identifier: String, withAccount: Bool) -> ByteBuffer {
        var members: [(String, JSON)] = withAccount ? [("accountId", .string(function.account))] : []
        members += [
            ("functionName", .string(function.name)), ("functionVersion", .string(function.version)),
            ("handler", .string(function.handler)),
        ]
        return reply(members, identifier: identifier)
    }

    /// - Source: Lambda developer guide, "Using the Lambda Extensions API to create extensions", Next.
    static func invoke(_ invocation: RuntimeInvocation) -> ByteBuffer {
        var members: [(String, JSON)] = [
            ("eventType", "INVOKE"), ("deadlineMs", .integer(invocation.deadline.milliseconds)),
            ("requestId", .string(invocation.requestID.text)),
            ("invokedFunctionArn", .string(invocation.invokedFunctionARN)),
        ]
        if let trace = invocation.traceID {
            members.append(("tracing", ["type": "X-Amzn-Trace-Id", "value": .string(trace)]))
        }
        return reply(members, event: RequestID().text)
    }

    static func shutdown(_ reason: ShutdownReason, deadline: Timestamp) -> ByteBuffer {
        reply(
            [
                ("eventType", "SHUTDOWN"), ("shutdownReason", .string(reason.rawValue)),
                ("deadlineMs", .integer(deadline.milliseconds)),
            ], event: RequestID().text)
    }

    static let accepted = reply([("status", "OK")], status: "202 Accepted")

    static let subscribed = ByteBuffer(
        string: "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\n\"OK\"")

    static func refusal(_ refusal: RuntimeAPIState.Refusal) -> ByteBuffer {
        reply(
            [("errorMessage", .string(refusal.message)), ("errorType", .string(refusal.type))],
            status: "\(refusal.status) Error")
    }

    private static func reply(
        _ members: [(String, JSON)], status: String = "200 OK", identifier: String? = nil, event: String? = nil
    ) -> ByteBuffer {
        let body = JSON.object(WireMap(members.map { (key: $0.0, value: $0.1) })).bytes
        var buffer = ByteBuffer()
        buffer.writeString("HTTP/1.1 \(status)\r\nContent-Type: application/json\r\n")
        if let identifier { buffer.writeField("Lambda-Extension-Identifier: ", identifier) }
        if let event { buffer.writeField("Lambda-Extension-Event-Identifier: ", event) }
        buffer.writeField("Content-Length: ", String(body.count + 1))
        buffer.writeStaticString("\r\n")
        buffer.writeBytes(body)
        buffer.writeStaticString("\n")
        return buffer
    }
}
