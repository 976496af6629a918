import ApusHTTP
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

    /// Bytes of an answer that is handed on as it comes, if the runtime streams it; nil has every answer collected.
    package var streamLimit: Int?

    package init(
        requestID: RequestID, deadline: Timestamp, invokedFunctionARN: String, traceID: String? = nil,
        clientContext: String? = nil, cognitoIdentity: String? = nil, contentType: String = "application/json",
        payload: ByteBuffer, streamLimit: Int? = nil
    ) {
        self.requestID = requestID
        self.deadline = deadline
        self.invokedFunctionARN = invokedFunctionARN
        self.traceID = traceID
        self.clientContext = clientContext
        self.cognitoIdentity = cognitoIdentity
        self.contentType = contentType
        self.payload = payload
        self.streamLimit = streamLimit
    }

    /// Writes the answer to the parked `/next`, head and body.
    func write(to buffer: inout ByteBuffer) {
        buffer.reserveCapacity(minimumWritableBytes: 512 + payload.readableBytes)
        buffer.writeStaticString("HTTP/1.1 200 OK\r\n")
        buffer.writeField("Content-Type: ", contentType)
        buffer.writeField("Lambda-Runtime-Aws-Request-Id: ", requestID.text)
        buffer.writeField("Lambda-Runtime-Deadline-Ms: ", String(deadline.milliseconds))
        buffer.writeField("Lambda-Runtime-Invoked-Function-Arn: ", invokedFunctionARN)
        if let traceID { buffer.writeField("Lambda-Runtime-Trace-Id: ", traceID) }
        if let clientContext { buffer.writeField("Lambda-Runtime-Client-Context: ", clientContext) }
        if let cognitoIdentity { buffer.writeField("Lambda-Runtime-Cognito-Identity: ", cognitoIdentity) }
        buffer.writeField("Content-Length: ", String(payload.readableBytes))
        buffer.writeStaticString("\r\n")
        buffer.writeImmutableBuffer(payload)
    }
}
