package import NIOCore

/// What is said to a client that does not speak HTTP/1.1, in the shape of AWS's errors.
package enum MalformedRequest {
    package static let code = "BadRequestException"
    package static let body = ByteBuffer(
        string: #"{"__type":"\#(code)","message":"The request is not valid HTTP/1.1"}"#)

    /// The whole answer; the connection is to be closed behind it.
    static let answer = ByteBuffer(
        string: "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nx-amzn-ErrorType: \(code)\r\n"
            + "Connection: close\r\nContent-Length: \(body.readableBytes)\r\n\r\n\(String(buffer: body))")
}
