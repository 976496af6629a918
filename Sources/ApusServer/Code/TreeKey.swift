import ApusModel
import Crypto

/// What a directory of the code cache is made of.
enum TreeKey: Hashable, Sendable {
    case package(CodeReference)

    /// In the order in which they are laid over each other.
    case layers([CodeReference])

    /// The beginning of the directory's name: the hash of the package, or `layers-` and the hash of their hashes.
    var name: String {
        switch self {
        case .package(let code): return code.sha256
        case .layers(let layers):
            let hash = SHA256.hash(data: Array(layers.map(\.sha256).joined().utf8))
            return hash.reduce(into: "layers-") { name, byte in
                name += String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
            }
        }
    }
}
