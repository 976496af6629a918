package import ApusServiceKit
import ApusWire
package import NIOCore

/// What somebody sent to a function URL.
package struct FunctionURLRequest: Sendable {
    package var method: String

    /// As sent, and so as signed: still percent-encoded, with the query.
    package var target: String

    /// What the function is to see of the path, still percent-encoded.
    package var path: String

    /// `NAME[:PORT]`.
    package var host: String

    /// In the order they came, without `host`.
    package var headers: [(name: String, value: String)]
    package var body: ByteBuffer

    /// Of the connection's other end.
    package var sourceIP: String

    package init(
        method: String, target: String, path: String, host: String, headers: [(name: String, value: String)],
        body: ByteBuffer, sourceIP: String
    ) {
        self.method = method
        self.target = target
        self.path = path
        self.host = host
        self.headers = headers
        self.body = body
        self.sourceIP = sourceIP
    }

    /// The first value of a field.
    func header(_ name: String) -> String? { headers.first { $0.name.matchesHeader(name) }?.value }

    /// As the signature covers it.
    var wire: WireRequest {
        WireRequest(
            method: method, target: target, headers: WireHeaders(headers + [("host", host)]), body: body)
    }
}

/// Who signed a request.
package struct FunctionURLCaller: Sendable {
    var principal: Principal
    var accessKeyID: String

    package init(principal: Principal, accessKeyID: String) {
        self.principal = principal
        self.accessKeyID = accessKeyID
    }
}
