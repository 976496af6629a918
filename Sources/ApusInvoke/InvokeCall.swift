import ApusModel
import ApusServiceKit
import ApusWire
import NIOCore

/// An Invoke request, read and checked; nothing has been looked up yet.
struct InvokeCall: Sendable {
    enum Kind: Equatable, Sendable {
        case requestResponse
        case event
        case dryRun
    }

    /// Bytes of a payload that is waited for: 6 MB and what the wire adds.
    ///
    /// - Source: Lambda quotas; the cap is recorded.
    static let payloadLimit = 6_291_556

    /// Bytes of an event: 1 MB.
    ///
    /// - Source: Lambda quotas.
    static let eventLimit = 1 << 20

    /// - Source: Lambda API reference, Invoke, `ClientContext`.
    static let clientContextLimit = 3583

    var kind: Kind
    var function: FunctionReference
    var payload: ByteBuffer
    var clientContext: String?
    var traceID: String?
    var wantsLogTail: Bool

    init(_ request: WireRequest, _ route: InvokeRoute, scope: Scope) throws(Fault) {
        kind = try Self.kind(request.headers["X-Amz-Invocation-Type"], route)
        wantsLogTail =
            switch request.headers["X-Amz-Log-Type"] {
            case nil, "None": false
            case "Tail": true
            case let other?: throw InvokeFaults.badEnum(other, member: "logType", ["None", "Tail"])
            }
        function = try FunctionReference(route.function, qualifier: Self.qualifier(request.query), scope: scope)
        let limit = kind == .event ? Self.eventLimit : Self.payloadLimit
        guard request.body.readableBytes <= limit else {
            throw InvokeFaults.payloadTooLarge(limit: kind == .event ? limit : 6_291_456)
        }
        payload = request.body.readableBytes > 0 ? request.body : ByteBuffer(staticString: "{}")
        if let error = JSONScan.firstError(payload) {
            throw InvokeFaults.badPayload(error.lambdaText(in: payload.readableBytesView))
        }
        clientContext = try Self.clientContext(request.headers["X-Amz-Client-Context"])
        traceID = request.headers["X-Amzn-Trace-Id"]
    }

    private static func kind(_ header: String?, _ route: InvokeRoute) throws(Fault) -> Kind {
        switch header {
        case nil, "RequestResponse": return .requestResponse
        case "DryRun": return .dryRun
        case "Event" where !route.isStreamed: return .event
        case let other?:
            let kinds = route.isStreamed ? ["RequestResponse", "DryRun"] : ["Event", "RequestResponse", "DryRun"]
            throw InvokeFaults.badEnum(other, member: "invocationType", kinds)
        }
    }

    private static func qualifier(_ query: String) throws(Fault) -> String? {
        guard !query.isEmpty else { return nil }
        for pair in query.split(separator: "&") where pair.hasPrefix("Qualifier=") {
            let value = Percent.decode(pair.dropFirst("Qualifier=".utf8.count))
            guard value.utf8.count <= 128 else {
                throw Fault(
                    "ValidationException", status: 400,
                    "1 validation error detected: Value '\(value)' at 'qualifier' failed to satisfy constraint: "
                        + "Member must have length less than or equal to 128")
            }
            return value
        }
        return nil
    }

    private static func clientContext(_ header: String?) throws(Fault) -> String? {
        guard let header, !header.isEmpty else { return nil }
        guard header.utf8.count <= clientContextLimit, let bytes = Base64.decode(header),
            let text = String(validating: bytes, as: UTF8.self), JSONScan.firstError(ByteBuffer(bytes: bytes)) == nil
        else { throw InvokeFaults.badClientContext }
        // It travels in a header of the Runtime API, which is one line.
        return text.replacing("\n", with: " ").replacing("\r", with: " ")
    }
}
