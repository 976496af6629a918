/// How function URLs are spelt: `SCHEME://ID.lambda-url.REGION.DOMAIN/`.
package struct FunctionURLAddress: Sendable {
    /// What follows the id in a host; AWS's word.
    private static let label = ".lambda-url."

    /// Below `localhost`, at the port that the client reached the server by: names there lead to the own machine without any DNS.
    package static let local = Self(scheme: "http", domain: nil)

    private let scheme: String

    /// With a port, if it has one; nil for ``local``.
    private let domain: String?

    private init(scheme: String, domain: String?) { (self.scheme, self.domain) = (scheme, domain) }

    /// - Parameter text: `localhost`, or such as `fn.example.com`, `fn.example.com:8080` or `https://fn.example.com`.
    /// - Returns: nil for what cannot end a URL's host.
    package init?(_ text: String) {
        if text == "localhost" {
            self = .local
            return
        }
        let isSecure = text.hasPrefix("https://")
        let domain = isSecure ? text.dropFirst(8) : text.hasPrefix("http://") ? text.dropFirst(7) : text[...]
        let isDomain = domain.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
                UInt8(ascii: "."), UInt8(ascii: ":"):
                true
            default: false
            }
        }
        guard isDomain, let first = domain.first, first != ".", first != ":" else { return nil }
        self.init(scheme: isSecure ? "https" : "http", domain: String(domain))
    }

    /// - Parameter endpoint: how the client reached the server, such as `http://127.0.0.1:4566`.
    package func url(of id: String, region: Region, endpoint: String) -> String {
        "\(scheme)://\(id)\(Self.label)\(region).\(domain ?? Self.local(at: endpoint))/"
    }

    private static func local(at endpoint: String) -> String {
        let end = endpoint.split(separator: ":").last ?? ""
        return end.allSatisfy { $0.isASCII && $0.isNumber } ? "localhost:\(end)" : "localhost"
    }

    /// The id that a host begins with, whatever its domain.
    package static func id(host: some StringProtocol) -> String? {
        guard let dot = host.firstIndex(of: "."), host[dot...].hasPrefix(label) else { return nil }
        return host[..<dot].lowercased()
    }
}
