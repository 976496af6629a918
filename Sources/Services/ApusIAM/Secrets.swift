import ApusModel
import ApusWire
import Crypto

/// Random texts in the shapes that AWS's have.
enum Secrets {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")

    /// - Parameter prefix: `AKIA` for lasting keys, `ASIA` for temporary ones.
    static func accessKeyID(_ prefix: String) -> String {
        var generator = PooledRandom()
        return prefix + String((0..<16).map { _ in alphabet[Int.random(in: 0..<32, using: &generator)] })
    }

    /// 40 characters, 240 random bits.
    static func secret() -> String { Base64.encode(random(30)) }

    static func token() -> String { Base64.encode(random(96)) }

    /// The unique id of a role, which its name alone decides while roles are not kept.
    static func roleID(_ role: String) -> String {
        "AROA" + String(SHA256.hash(data: Array(role.utf8)).prefix(17).map { alphabet[Int($0 % 32)] })
    }

    private static func random(_ count: Int) -> [UInt8] {
        var generator = PooledRandom()
        return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }
}
