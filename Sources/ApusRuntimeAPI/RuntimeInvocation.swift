package import ApusModel
package import NIOCore

/// One event on its way into an environment, as `/runtime/invocation/next` carries it.
package struct RuntimeInvocation: Sendable {
    package var requestID: RequestID

    /// When the function has to be done.
    package var deadline: Timestamp

    /// The ARN that the caller used, with its qualifier if there was one.
    package var invokedFunctionARN: String
    package var traceID: String?

    /// The client context, decoded; nil without one.
    package var clientContext: String?

    /// `{"cognitoIdentityId":…,"cognitoIdentityPoolId":…}`; nil without one.
    package var cognitoIdentity: String?
    package var contentType: String
    package var payload: ByteBuffer

    package init(
        requestID: RequestID, deadline: Timestamp, invokedFunctionARN: String, traceID: String? = nil,
        clientContext: String? = nil, cognitoIdentity: String? = nil, contentType: String = "application/json",
        payload: ByteBuffer
    ) {
        self.requestID = requestID
        self.deadline = deadline
        self.invokedFunctionARN = invokedFunctionARN
        self.traceID = traceID
        self.clientContext = clientContext
        self.cognitoIdentity = cognitoIdentity
        self.contentType = contentType
        self.payload = payload
    }

    /// The answer to the parked `/next`, head and body.
    func encoded(_ allocator: ByteBufferAllocator) -> ByteBuffer {
        var buffer = allocator.buffer(capacity: 512 + payload.readableBytes)
        buffer.writeStaticString("HTTP/1.1 200 OK\r\nContent-Type: ")
        buffer.writeFieldValue(contentType)
        buffer.writeStaticString("\r\nLambda-Runtime-Aws-Request-Id: ")
        buffer.writeFieldValue(requestID.text)
        buffer.writeStaticString("\r\nLambda-Runtime-Deadline-Ms: ")
        buffer.writeString(String(deadline.milliseconds))
        buffer.writeStaticString("\r\nLambda-Runtime-Invoked-Function-Arn: ")
        buffer.writeFieldValue(invokedFunctionARN)
        if let traceID {
            buffer.writeStaticString("\r\nLambda-Runtime-Trace-Id: ")
            buffer.writeFieldValue(traceID)
        }
        if let clientContext {
            buffer.writeStaticString("\r\nLambda-Runtime-Client-Context: ")
            buffer.writeFieldValue(clientContext)
        }
        if let cognitoIdentity {
            buffer.writeStaticString("\r\nLambda-Runtime-Cognito-Identity: ")
            buffer.writeFieldValue(cognitoIdentity)
        }
        buffer.writeStaticString("\r\nContent-Length: ")
        buffer.writeString(String(payload.readableBytes))
        buffer.writeStaticString("\r\n\r\n")
        buffer.writeImmutableBuffer(payload)
        return buffer
    }
}

extension ByteBuffer {
    /// Writes a field's value; control characters, which could begin a field of their own, become spaces.
    mutating func writeFieldValue(_ text: String) {
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) {
            writeString(text)
        } else {
            writeBytes(text.utf8.map { $0 < 0x20 || $0 == 0x7F ? 0x20 : $0 })
        }
    }
}
