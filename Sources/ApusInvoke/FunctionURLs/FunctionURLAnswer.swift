package import ApusEngine
import ApusModel
import ApusWire
package import NIOCore

/// What goes back to the caller of a function URL.
package struct FunctionURLAnswer: Sendable {
    package enum Body: Sendable {
        case bytes(ByteBuffer)
        /// The first bytes, and what is still to come, with whom to tell how much has gone.
        case stream(ByteBuffer, FunctionURLStream, ResponseFlow)
    }

    package var head: FunctionURLHead
    package var body: Body

    init(_ head: FunctionURLHead, _ body: ByteBuffer) { (self.head, self.body) = (head, .bytes(body)) }

    init(_ head: FunctionURLHead, _ body: Body) { (self.head, self.body) = (head, body) }

    /// Makes an answer of what a function returned: an object with `statusCode` says what to answer, anything else is the answer.
    ///
    /// - Returns: nil for what is neither.
    /// - Source: Lambda developer guide, "Invoking Lambda function URLs", "Response payload format"; recorded responses.
    package init?(returned payload: ByteBuffer) {
        guard let value = try? JSON(parsing: payload) else { return nil }
        guard value["statusCode"] != nil else {
            self.init(FunctionURLHead(type: "application/json"), ByteBuffer(string: value.string ?? value.text))
            return
        }
        guard let head = FunctionURLHead(value, defaultType: "application/json") else { return nil }
        switch value["body"] {
        case nil, .null?: self.init(head, ByteBuffer())
        case .string(let text)? where value["isBase64Encoded"]?.bool == true:
            guard let bytes = Base64.decode(text) else { return nil }
            self.init(head, ByteBuffer(bytes: bytes))
        case .string(let text)?: self.init(head, ByteBuffer(string: text))
        case let other?: self.init(head, ByteBuffer(string: other.text))
        }
    }

    /// Makes an answer of one that the function streamed to its end.
    package init?(streamed payload: ByteBuffer) {
        var prelude = IntegrationPrelude()
        guard case .head(let head, let body) = prelude.take(payload) else { return nil }
        self.init(head, body)
    }

    // MARK: Refusals

    /// The function failed, or returned what is no answer.
    static let failed = Self(
        FunctionURLHead(status: 502, type: "application/json"), ByteBuffer(string: "Internal Server Error"))

    static let timedOut = Self(
        FunctionURLHead(status: 504, type: "application/json"), ByteBuffer(string: "Gateway Timeout"))

    /// - Source: recorded response.
    static let forbidden = refusal(
        403, "AccessDeniedException",
        "Forbidden. For troubleshooting Function URL authorization issues, see: "
            + "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html")

    /// There is no such URL.
    ///
    /// - Source: recorded response.
    static let unknown = refusal(403, "AccessDeniedException", nil)

    static func refusal(_ fault: Fault) -> Self { refusal(fault.status, fault.code, fault.message) }

    private static func refusal(_ status: Int, _ code: String, _ message: String?) -> Self {
        var head = FunctionURLHead(status: status, type: "application/json")
        head.fields.append((name: "x-amzn-ErrorType", value: code))
        let body: JSON = ["Message": message.map { .string($0) } ?? .null]
        return Self(head, ByteBuffer(string: body.text))
    }
}

/// Status and header fields of an answer.
package struct FunctionURLHead: Sendable {
    package var status = 200
    package var fields: [(name: String, value: String)] = []

    init(status: Int = 200, type: String) {
        self.status = status
        fields = [(name: "Content-Type", value: type)]
    }

    /// Fields of the connection, which a function does not have.
    private static let remapped = [
        "connection", "content-length", "date", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
    ]

    /// Reads `statusCode`, `headers` and `cookies`.
    ///
    /// - Returns: nil when one of them cannot be sent.
    init?(_ value: JSON, defaultType: String) {
        let status = value["statusCode"].map { $0.integer ?? $0.string.flatMap { Int($0) } ?? 0 } ?? 200
        guard (200...599).contains(status) else { return nil }
        self.status = status
        for (name, value) in value["headers"]?.object?.entries ?? [] {
            guard let text = value.scalarText, name.isFieldName, text.isFieldValue else { return nil }
            let isRemapped = Self.remapped.contains { name.matchesHeader($0) }
            fields.append((name: isRemapped ? "x-amzn-Remapped-\(name)" : name, value: text))
        }
        for cookie in value["cookies"]?.array ?? [] {
            guard let text = cookie.string, text.isFieldValue else { return nil }
            fields.append((name: "Set-Cookie", value: text))
        }
        if !fields.contains(where: { $0.name.matchesHeader("content-type") }) {
            fields.append((name: "Content-Type", value: defaultType))
        }
    }
}

extension JSON {
    /// Nil for null, lists and objects.
    fileprivate var scalarText: String? {
        switch self {
        case .string(let text): text
        case .integer, .double, .bool: text
        case .null, .array, .object: nil
        }
    }
}

extension String {
    /// A token of RFC 9110 §5.6.2.
    fileprivate var isFieldName: Bool {
        !isEmpty
            && utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E, 0x5F, 0x60, 0x7C, 0x7E: true
                default: false
                }
            }
    }

    /// No control character but the tabulator, so that nobody writes a header by the value of another.
    fileprivate var isFieldValue: Bool { utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 } }
}
