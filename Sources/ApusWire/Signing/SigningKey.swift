import Crypto
import Synchronization

/// The key of one credential, day, region and service, ready to sign: HMAC-SHA-256 after its first blocks.
package struct SigningKey: Sendable {
    private let inner: SHA256
    private let outer: SHA256

    package init(secret: String, day: String, region: String, service: String) {
        var key = Array("AWS4\(secret)".utf8)
        for part in [day, region, service, SigV4.terminator] { key = SigningKey(key).signature(of: Array(part.utf8)) }
        self.init(key)
    }

    private init(_ key: [UInt8]) {
        // HMAC hashes a key that is longer than a block of SHA-256, and fills a shorter one with zeros.
        var block = key.count > 64 ? Array(SigV4.digest(key)) : key
        block += [UInt8](repeating: 0, count: 64 - block.count)
        self.inner = SigningKey.hasher(block, 0x36)
        self.outer = SigningKey.hasher(block, 0x5C)
    }

    private static func hasher(_ block: [UInt8], _ pad: UInt8) -> SHA256 {
        var hasher = SHA256()
        block.map { $0 ^ pad }.withUnsafeBytes { hasher.update(bufferPointer: $0) }
        return hasher
    }

    private func digest(of text: [UInt8]) -> SHA256Digest {
        var first = inner
        text.withUnsafeBytes { first.update(bufferPointer: $0) }
        var second = outer
        Array(first.finalize()).withUnsafeBytes { second.update(bufferPointer: $0) }
        return second.finalize()
    }

    private func signature(of text: [UInt8]) -> [UInt8] { Array(digest(of: text)) }

    func hexSignature(of text: [UInt8]) -> [UInt8] {
        var digits: [UInt8] = []
        digits.reserveCapacity(64)
        SigV4.appendHex(digest(of: text), &digits)
        return digits
    }
}

/// Keys that were derived already: a derivation costs four times as much as a signature.
package final class SigningKeyCache: Sendable {
    private struct Name: Hashable, Sendable {
        let accessKey: String
        let day: String
        let region: String
        let service: String
    }

    private struct Entry: Sendable {
        let secret: String
        let key: SigningKey
    }

    private let capacity: Int
    private let entries = Mutex<[Name: Entry]>([:])

    /// - Parameter capacity: keys to hold; when it is reached, all are forgotten and derived anew as they are needed.
    package init(capacity: Int = 4096) { self.capacity = capacity }

    /// The key that a claim's signature was made with, if `secret` is the credential's.
    package func key(for claim: SigV4Claim, secret: String) -> SigningKey {
        let name = Name(
            accessKey: claim.accessKey, day: claim.day, region: claim.region, service: claim.service)
        let known = entries.withLock { $0[name] }
        // A credential may have been deleted and made anew with another secret.
        if let known, known.secret == secret { return known.key }
        let key = SigningKey(secret: secret, day: claim.day, region: claim.region, service: claim.service)
        entries.withLock { entries in
            if entries.count >= capacity { entries.removeAll(keepingCapacity: true) }
            entries[name] = Entry(secret: secret, key: key)
        }
        return key
    }
}
