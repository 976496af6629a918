/// What a registry wants to see, by its `WWW-Authenticate` header.
///
/// - Source: RFC 9110, section 11; distribution, "Token Authentication Specification".
package enum RegistryChallenge: Equatable {
    case basic
    /// A token from `realm` for these parameters of its query.
    case bearer(realm: String, service: String?, scope: String?)

    package init?(_ header: String) {
        let parts = header.split(separator: " ", maxSplits: 1)
        switch parts.first?.lowercased() {
        case "basic": self = .basic
        case "bearer" where parts.count == 2:
            let parameters = Self.parameters(parts[1])
            guard let realm = parameters["realm"] else { return nil }
            self = .bearer(realm: realm, service: parameters["service"], scope: parameters["scope"])
        default: return nil
        }
    }

    private static func parameters(_ text: Substring) -> [String: String] {
        var parameters: [String: String] = [:]
        var rest = text
        while let equals = rest.firstIndex(of: "=") {
            let name = rest[..<equals].filter { $0 != " " && $0 != "," }
            rest = rest[rest.index(after: equals)...]
            let isQuoted = rest.first == "\""
            if isQuoted { rest = rest.dropFirst() }
            let value = rest.prefix { isQuoted ? $0 != "\"" : $0 != "," }
            rest = rest.dropFirst(value.count + 1)
            parameters[name.lowercased()] = String(value)
        }
        return parameters
    }
}
