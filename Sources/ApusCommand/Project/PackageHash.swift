import ApusWire
import Crypto

/// The hash of a deployment package as `CodeSha256` spells it.
package enum PackageHash {
    package static func base64(_ bytes: [UInt8]) -> String { Base64.encode(Array(SHA256.hash(data: bytes))) }
}
