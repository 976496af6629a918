package import ApusServiceKit
import ApusWire

/// What browsers are told (CORS). Pure.
///
/// - Source: Lambda developer guide, "Function URL CORS"; Fetch standard, "CORS protocol".
extension CrossOriginRules {
    /// Answers a preflight.
    ///
    /// - Returns: nil for another request.
    package func preflight(_ request: FunctionURLRequest) -> FunctionURLHead? {
        guard request.method == "OPTIONS", let origin = request.header("origin"),
            let method = request.header("access-control-request-method")
        else { return nil }
        var head = FunctionURLHead(type: "application/json")
        guard allows(origin: origin) else { return head }
        head.fields += originFields(origin)
        head.add("Access-Control-Allow-Methods", list(methods, asked: method))
        head.add("Access-Control-Allow-Headers", list(headers, asked: request.header("access-control-request-headers")))
        head.add("Access-Control-Max-Age", maxAge.map(String.init))
        return head
    }

    /// Puts these rules in the place of what the function says of them.
    package func apply(to head: inout FunctionURLHead, origin: String?) {
        head.fields.removeAll { $0.name.lowercased().hasPrefix("access-control-") }
        guard let origin, allows(origin: origin) else { return }
        head.fields += originFields(origin)
        head.add("Access-Control-Expose-Headers", list(exposed, asked: nil))
    }

    private func allows(origin: String) -> Bool { origins.contains { $0 == "*" || $0 == origin } }

    private func originFields(_ origin: String) -> [(name: String, value: String)] {
        guard allowsCredentials || !origins.contains("*") else {
            return [(name: "Access-Control-Allow-Origin", value: "*")]
        }
        var fields = [(name: "Access-Control-Allow-Origin", value: origin), (name: "Vary", value: "Origin")]
        if allowsCredentials { fields.append((name: "Access-Control-Allow-Credentials", value: "true")) }
        return fields
    }

    /// With credentials browsers take `*` for a name, so what they asked for is named.
    private func list(_ values: [String], asked: String?) -> String? {
        guard !values.isEmpty else { return nil }
        return allowsCredentials && values.contains("*") ? asked ?? "*" : values.joined(separator: ",")
    }
}

extension FunctionURLHead {
    fileprivate mutating func add(_ name: String, _ value: String?) {
        if let value { fields.append((name: name, value: value)) }
    }
}
