import ApusStore
import Crypto
import FoundationEssentials

/// The stored form of a blob, version 1.
///
/// ```
/// header   "APUSBLOB", version (1 byte), 3 zero bytes, chunk size (4 bytes, big-endian), salt (32 bytes)
/// chunks   AES-256-GCM of up to `chunk size` bytes each, then its tag (16 bytes); the last one may be shorter or empty
/// ```
///
/// Each blob has a key of its own, HKDF-SHA256 of the root key with the salt, so that a nonce may simply count: the
/// index of the chunk (8 bytes, big-endian), 1 for the last chunk or else 0, three zero bytes. The header is
/// authenticated with every chunk. A changed, missing, added or moved byte thus fails the seal, and a reader may go
/// chunk by chunk.
enum SealedBlob {
    static let chunkSize = 1 << 20
    private static let magic = Array("APUSBLOB".utf8)
    private static let headerSize = 48
    private static let tagSize = 16

    /// Why a sealed blob cannot be opened.
    struct Broken: Error { let reason: String }

    /// Seals bytes and hands over the parts of the stored form in order.
    ///
    /// - Parameters:
    ///   - count: how many there are.
    ///   - part: those at places of up to ``chunkSize``; asked in order.
    static func seal(
        _ count: Int, with root: RootKey, reading part: (Range<Int>) throws -> ArraySlice<UInt8>,
        to emit: (Data) throws -> Void
    ) throws {
        var generator = SystemRandomNumberGenerator()
        let salt = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        let header = Data(magic + [1, 0, 0, 0] + bigEndian(UInt32(chunkSize)) + salt)
        let key = root.derive(salt: salt, info: "apus blob 1")
        try emit(header)
        var index = 0
        repeat {
            let end = min((index + 1) * chunkSize, count)
            let nonce = try nonce(index, isLast: end == count)
            let box = try AES.GCM.seal(
                part(index * chunkSize..<end), using: key, nonce: nonce, authenticating: header)
            try emit(box.ciphertext)
            try emit(box.tag)
            index += 1
        } while index * chunkSize < count
    }

    /// Opens a stored form and hands over the bytes in order, each part once its own seal was found whole.
    ///
    /// - Parameters:
    ///   - count: bytes of the stored form.
    ///   - part: those at places of up to 64 MiB and a tag; asked in order.
    /// - Throws: ``Broken`` when it is not what was sealed.
    static func open(
        _ count: Int, with root: RootKey, reading part: (Range<Int>) throws -> ArraySlice<UInt8>,
        to emit: (Data) throws -> Void
    ) throws {
        let header = count >= headerSize + tagSize ? Array(try part(0..<headerSize)) : []
        guard header.starts(with: magic) else {
            throw Broken(reason: "it does not begin like a sealed blob")
        }
        guard header[8] == 1 else { throw Broken(reason: "its version \(header[8]) is unknown") }
        let chunkSize = Int(header[12..<16].reduce(0) { $0 << 8 | UInt32($1) })
        // The bound is for memory: whether the size is the one sealed, the seal tells.
        guard (1...(64 << 20)).contains(chunkSize) else { throw Broken(reason: "its chunk size is \(chunkSize)") }
        let key = root.derive(salt: header[16...], info: "apus blob 1")
        var place = headerSize
        var index = 0
        while place < count {
            let chunk = try part(place..<min(place + chunkSize + tagSize, count))
            place += chunk.count
            guard chunk.count >= tagSize else { throw Broken(reason: "it ends within a tag") }
            let nonce = try nonce(index, isLast: place == count)
            guard
                let box = try? AES.GCM.SealedBox(
                    nonce: nonce, ciphertext: chunk.dropLast(tagSize), tag: chunk.suffix(tagSize)),
                let bytes = try? AES.GCM.open(box, using: key, authenticating: header)
            else { throw Broken(reason: "the seal of chunk \(index) does not fit") }
            try emit(bytes)
            index += 1
        }
    }

    private static func nonce(_ index: Int, isLast: Bool) throws -> AES.GCM.Nonce {
        try AES.GCM.Nonce(data: bigEndian(UInt64(index)) + [isLast ? 1 : 0, 0, 0, 0])
    }

    private static func bigEndian(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { [UInt8]($0) }
    }
}
