import ApusWire
package import NIOCore

/// The beginning of a streamed answer that says what its status and header fields are: JSON, eight NULs, then the body. Pure.
///
/// - Source: Lambda developer guide, "Response streaming for Lambda functions"; aws/aws-lambda-nodejs-runtime-interface-client.
package struct IntegrationPrelude: Sendable {
    static let contentType = "application/vnd.awslambda.http-integration-response"

    private static let delimiterLength = 8

    /// Bytes of the JSON at the most: ours.
    package static let limit = 64 << 10

    package enum Progress: Sendable {
        case incomplete
        case head(FunctionURLHead, body: ByteBuffer)
        case malformed
    }

    private var json = ByteBuffer()
    private var nulls = 0

    package init() {}

    /// Takes the next bytes. To be called until the head is there.
    package mutating func take(_ part: ByteBuffer) -> Progress {
        var part = part
        if nulls == 0 {
            let end = part.readableBytesView.firstIndex(of: 0) ?? part.writerIndex
            if var text = part.readSlice(length: end - part.readerIndex) { json.writeBuffer(&text) }
            guard json.readableBytes <= Self.limit else { return .malformed }
        }
        while nulls < Self.delimiterLength, let byte: UInt8 = part.readInteger() {
            // JSON has no NUL of its own.
            guard byte == 0 else { return .malformed }
            nulls += 1
        }
        guard nulls == Self.delimiterLength else { return .incomplete }
        guard let value = try? JSON(parsing: json), value.object != nil,
            let head = FunctionURLHead(value, defaultType: "application/octet-stream")
        else { return .malformed }
        return .head(head, body: part)
    }
}
