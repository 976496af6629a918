/// Where the server is.
package struct Endpoint: Equatable, Sendable, CustomStringConvertible {
    package let host: String
    package let port: Int

    /// Reads `http://HOST[:PORT]`.
    package init(_ text: String) throws(CommandFailure) {
        let rest: Substring
        if text.hasPrefix("http://") {
            rest = text.dropFirst(7)
        } else if text.contains("://") {
            throw CommandFailure(.local, "the endpoint \(text) must begin with http://; TLS is not spoken here yet")
        } else {
            rest = text[...]
        }
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        let hasPort = authority.last != "]" && authority.contains(":")
        guard let address = ListenAddress(hasPort ? String(authority) : "\(authority):80"), !authority.isEmpty,
            address.port > 0
        else { throw CommandFailure(.local, "the endpoint \(text) must look like http://127.0.0.1:4566") }
        host = address.host
        port = address.port
    }

    /// The flag's, else the environment's, else where the settings let the server listen.
    package static func choose(
        flag: String?, environment: [String: String], settings: Settings
    ) throws(CommandFailure) -> Endpoint {
        let named = flag ?? environment["AWS_ENDPOINT_URL_LAMBDA"].nonEmpty ?? environment["AWS_ENDPOINT_URL"].nonEmpty
        return try Endpoint(named ?? settings.listen.url)
    }

    package var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    package var description: String { "http://\(authority)" }
}
