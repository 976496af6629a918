package import ApusModel
package import ApusServiceKit
import ApusWire
package import NIOCore

/// The event that a function gets for a request to its URL: payload format 2.0. Pure.
///
/// - Source: Lambda developer guide, "Invoking Lambda function URLs", "Request payload format"; recorded events.
package struct FunctionURLEvent: Sendable {
    /// Fields of the connection rather than of the request; the cookies stand apart.
    private static let leftOut: Set<String> = ["connection", "keep-alive", "transfer-encoding", "expect", "cookie"]

    private let request: FunctionURLRequest
    private let url: FunctionURL
    private let caller: FunctionURLCaller?
    private let id: RequestID
    private let traceID: String
    private let time: Timestamp

    /// - Parameter caller: nil for a URL that takes unsigned requests.
    package init(
        request: FunctionURLRequest, url: FunctionURL, caller: FunctionURLCaller?, id: RequestID, traceID: String,
        time: Timestamp
    ) {
        self.request = request
        self.url = url
        self.caller = caller
        self.id = id
        self.traceID = traceID
        self.time = time
    }

    package var payload: ByteBuffer { ByteBuffer(bytes: JSON.object(members).bytes) }

    private var members: WireMap<JSON> {
        var members: WireMap<JSON> = [
            "version": "2.0", "routeKey": "$default", "rawPath": .string(request.path),
            "rawQueryString": .string(query),
        ]
        let cookies = self.cookies
        if !cookies.isEmpty { members["cookies"] = .array(cookies.map { .string($0) }) }
        members["headers"] = .object(headers)
        if !query.isEmpty { members["queryStringParameters"] = .object(Self.joined(Percent.query(query))) }
        members["requestContext"] = context
        let (body, isBase64Encoded) = self.body
        if let body { members["body"] = .string(body) }
        members["isBase64Encoded"] = .bool(isBase64Encoded)
        return members
    }

    private var query: String {
        request.target.firstIndex(of: "?").map { String(request.target[request.target.index(after: $0)...]) } ?? ""
    }

    private var cookies: [String] {
        request.headers.filter { $0.name.matchesHeader("cookie") }.flatMap { $0.value.split(separator: ";") }
            .map { String($0.drop { $0 == " " }) }.filter { !$0.isEmpty }
    }

    // MARK: Headers

    private var headers: WireMap<JSON> {
        var fields = request.headers.map { (name: $0.name.lowercased(), value: $0.value) }
            .filter { !Self.leftOut.contains($0.name) }
        fields.append((name: "host", value: request.host))
        fields.append((name: "x-forwarded-for", value: request.sourceIP))
        // A proxy in front knows better how the client came.
        if request.header("x-forwarded-proto") == nil {
            fields.append((name: "x-forwarded-proto", value: "http"))
            fields.append((name: "x-forwarded-port", value: port))
        }
        if request.header("x-amzn-trace-id") == nil { fields.append((name: "x-amzn-trace-id", value: traceID)) }
        return Self.joined(fields)
    }

    private var hostParts: (name: String, port: String?) {
        let end = request.host.lastIndex(of: ":") ?? request.host.endIndex
        let port = request.host[end...].dropFirst()
        return port.isEmpty || !port.allSatisfy(\.isNumber)
            ? (request.host, nil) : (String(request.host[..<end]), String(port))
    }

    private var port: String { hostParts.port ?? "80" }

    /// Repeated names become one, with commas between the values.
    private static func joined(_ pairs: [(name: String, value: String)]) -> WireMap<JSON> {
        var values: [(key: String, value: String)] = []
        var places: [String: Int] = [:]
        for (name, value) in pairs {
            if let place = places[name] {
                values[place].value += ",\(value)"
            } else {
                places[name] = values.count
                values.append((name, value))
            }
        }
        return WireMap(values.map { (key: $0.key, value: .string($0.value)) })
    }

    // MARK: Context

    private var context: JSON {
        var members: WireMap<JSON> = [
            "accountId": .string(caller == nil ? "anonymous" : url.function.scope.account.digits),
            "apiId": .string(url.id),
        ]
        if let caller { members["authorizer"] = ["iam": Self.identity(caller)] }
        members["domainName"] = .string(hostParts.name)
        members["domainPrefix"] = .string(url.id)
        members["http"] = [
            "method": .string(request.method), "path": .string(request.path), "protocol": "HTTP/1.1",
            "sourceIp": .string(request.sourceIP), "userAgent": .string(request.header("user-agent") ?? ""),
        ]
        members["requestId"] = .string(id.text)
        members["routeKey"] = "$default"
        members["stage"] = "$default"
        members["time"] = .string(time.civil.logText)
        members["timeEpoch"] = .integer(time.milliseconds)
        return .object(members)
    }

    private static func identity(_ caller: FunctionURLCaller) -> JSON {
        [
            "accessKey": .string(caller.accessKeyID), "accountId": .string(caller.principal.account.digits),
            "callerId": .string(caller.principal.userID), "cognitoIdentity": nil, "principalOrgId": nil,
            "userArn": .string(caller.principal.arn), "userId": .string(caller.principal.userID),
        ]
    }

    // MARK: Body

    private var body: (text: String?, isBase64Encoded: Bool) {
        guard request.body.readableBytes > 0 else { return (nil, false) }
        let bytes = request.body.readableBytesView
        if Self.isText(request.header("content-type")), let text = String(validating: bytes, as: UTF8.self) {
            return (text, false)
        }
        return (Base64.encode(bytes), true)
    }

    private static func isText(_ contentType: String?) -> Bool {
        guard let type = contentType?.split(separator: ";").first?.lowercased() else { return false }
        let name = String(type.drop { $0 == " " }.prefix { $0 != " " })
        return name.hasPrefix("text/") || name.hasSuffix("+json") || name.hasSuffix("+xml")
            || ["application/json", "application/javascript", "application/xml"].contains(name)
    }
}

extension CivilTime {
    /// `24/Nov/2026:08:15:30 +0000`.
    fileprivate var logText: String {
        let parts = httpDate.split(separator: " ")
        return "\(parts[1])/\(parts[2])/\(parts[3]):\(parts[4]) +0000"
    }
}
