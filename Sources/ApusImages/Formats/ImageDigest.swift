package import ApusStore
import Crypto

/// `sha256:` and 64 digits, as images name their parts.
package struct ImageDigest: Hashable, Sendable, CustomStringConvertible {
    package let blob: BlobID

    package var hex: String { blob.hex }
    package var description: String { "sha256:\(hex)" }

    /// - Parameter blob: the same bytes in the store.
    package init(_ blob: BlobID) { self.blob = blob }

    /// - Returns: nil for another algorithm, and for what is no digest.
    package init?(_ text: some StringProtocol) {
        guard text.hasPrefix("sha256:"), let blob = BlobID(hex: String(text.dropFirst(7))) else { return nil }
        self.blob = blob
    }

    package init(of bytes: [UInt8]) { self.init(SHA256.hash(data: bytes)) }

    init(_ digest: SHA256.Digest) {
        let digits = Array("0123456789abcdef")
        let hex = digest.reduce(into: "") { hex, byte in
            hex.append(digits[Int(byte >> 4)])
            hex.append(digits[Int(byte & 15)])
        }
        guard let blob = BlobID(hex: hex) else { preconditionFailure("a SHA-256 has 64 digits") }
        self.blob = blob
    }
}
