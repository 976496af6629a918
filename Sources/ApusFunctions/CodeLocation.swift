package import ApusModel
package import ApusStore
package import Crypto

/// Links to deployment packages: good for ten minutes, for whoever holds one.
package struct CodeLocation: Sendable {
    /// - Source: Lambda API reference, FunctionCodeLocation.
    static let lifetime = Duration.seconds(600)
    package static let pathPrefix = "/_apus/code/"

    private let key: SymmetricKey

    /// - Parameter key: links end with it; a fresh one at each start will do.
    package init(key: SymmetricKey = SymmetricKey(size: .bits256)) { self.key = key }

    func url(of blob: String, endpoint: String, now: Timestamp) -> String {
        let expires = (now + Self.lifetime).seconds
        return "\(endpoint)\(Self.pathPrefix)\(blob)?Expires=\(expires)&Signature=\(signature(blob, expires))"
    }

    /// - Returns: the blob that a link names; nil when the link is not ours or is too old.
    package func blob(path: some StringProtocol, query: some StringProtocol, now: Timestamp) -> BlobID? {
        var fields: [Substring: Substring] = [:]
        for pair in String(query).split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { fields[parts[0]] = parts[1] }
        }
        guard path.hasPrefix(Self.pathPrefix), let blob = BlobID(hex: String(path.dropFirst(Self.pathPrefix.count))),
            let expires = fields["Expires"].flatMap({ Int64($0) }), let given = fields["Signature"],
            now.seconds <= expires
        else { return nil }
        // Both sides are signed again, so that the comparison tells nothing of how far they agree.
        let wanted = signature(blob.hex, expires)
        return signature(wanted, 0) == signature(String(given), 0) ? blob : nil
    }

    private func signature(_ text: String, _ expires: Int64) -> String {
        HMAC<SHA256>.authenticationCode(for: Array("\(text)\n\(expires)".utf8), using: key).reduce(into: "") {
            hex, byte in
            hex += String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
        }
    }
}
