import NIOCore

/// The `aws-chunked` encoding of bodies: chunks with lengths, signatures if they are signed, and trailing fields.
enum AWSChunked {
    static let lengthField = "x-amz-decoded-content-length"

    /// Longest line before a chunk or in the trailer.
    private static let longestLine = 16_384

    /// Verifies the chain of chunk signatures.
    struct Signer {
        private let claim: SigV4Claim
        private let key: SigningKey
        let hasTrailer: Bool
        private var previous: [UInt8]

        init(claim: SigV4Claim, key: SigningKey, hasTrailer: Bool) {
            self.claim = claim
            self.key = key
            self.hasTrailer = hasTrailer
            self.previous = Array(claim.signature.utf8)
        }

        /// The signature of the next chunk.
        mutating func chunk(_ data: ByteBuffer) -> [UInt8] {
            var text = head("AWS4-HMAC-SHA256-PAYLOAD")
            text.append(contentsOf: SigV4.emptyHash.utf8)
            text.append(0x0A)
            text.append(contentsOf: SigV4.hash(data).utf8)
            previous = key.hexSignature(of: text)
            return previous
        }

        /// The signature of the trailing fields, given as `name:value` lines.
        mutating func trailer(_ lines: [UInt8]) -> [UInt8] {
            var text = head("AWS4-HMAC-SHA256-TRAILER")
            SigV4.appendHex(SigV4.digest(lines), &text)
            previous = key.hexSignature(of: text)
            return previous
        }

        private func head(_ algorithm: String) -> [UInt8] {
            var text = Array(algorithm.utf8)
            text.append(0x0A)
            text.append(contentsOf: claim.date.utf8)
            text.append(0x0A)
            SigV4.appendScope(claim.day, claim.region, claim.service, &text)
            text.append(0x0A)
            text.append(contentsOf: previous)
            text.append(0x0A)
            return text
        }
    }

    /// Takes a body out of its chunks.
    ///
    /// - Parameters:
    ///   - expected: the value of `x-amz-decoded-content-length`, if it was sent.
    ///   - signer: nil for chunks without signatures.
    static func decode(
        _ body: ByteBuffer, expected: String?, _ signer: Signer?
    ) throws(SigV4Flaw) -> (body: ByteBuffer, trailers: [(name: String, value: String)]) {
        var input = body
        var signer = signer
        var output = ByteBuffer()
        output.reserveCapacity(body.readableBytes)
        while true {
            let line = try line(&input)
            let parts = line.split(separator: ";", maxSplits: 1)
            guard let digits = parts.first, digits.utf8.count <= 8, let length = Int(digits, radix: 16), length >= 0
            else { throw .badChunks("The chunk length is malformed.") }
            guard let data = input.readSlice(length: length) else {
                throw .badChunks("The request body terminated unexpectedly")
            }
            if signer != nil {
                let given = parts.count > 1 ? signature(parts[1]) : nil
                guard let given, let wanted = signer?.chunk(data), SigV4.isEqual(wanted, given) else {
                    throw .mismatch
                }
            }
            if length == 0 { break }
            output.writeImmutableBuffer(data)
            guard try self.line(&input).isEmpty else { throw .badChunks("A chunk does not end where it should.") }
        }
        if let expected, Int(expected) != output.readableBytes {
            throw .badChunks("You did not provide the number of bytes specified by the Content-Length HTTP header")
        }
        return (output, try trailers(&input, &signer))
    }

    private static func signature(_ extension: Substring) -> String? {
        guard `extension`.hasPrefix("chunk-signature=") else { return nil }
        return String(`extension`.dropFirst("chunk-signature=".utf8.count))
    }

    private static func trailers(
        _ input: inout ByteBuffer, _ signer: inout Signer?
    ) throws(SigV4Flaw) -> [(name: String, value: String)] {
        var fields: [(name: String, value: String)] = []
        var given: String?
        while input.readableBytes > 0 {
            let line = try line(&input)
            if line.isEmpty { continue }
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, fields.count < 64 else { throw .badChunks("The trailer is malformed.") }
            let (name, value) = (parts[0].lowercased(), String(SigV4.trimmed(parts[1])))
            if name == "x-amz-trailer-signature" { given = value } else { fields.append((name, value)) }
        }
        if signer?.hasTrailer == true {
            let lines = fields.sorted { $0.name < $1.name }.flatMap { Array("\($0.name):\($0.value)\n".utf8) }
            guard let given, let wanted = signer?.trailer(lines), SigV4.isEqual(wanted, given) else { throw .mismatch }
        }
        return fields
    }

    /// Reads a line that ends with CRLF, or with LF as the trailer's fields do.
    private static func line(_ input: inout ByteBuffer) throws(SigV4Flaw) -> String {
        let view = input.readableBytesView
        guard let end = view.prefix(longestLine).firstIndex(of: 0x0A) else {
            throw .badChunks("The request body terminated unexpectedly")
        }
        var text = view[view.startIndex..<end]
        if text.last == 0x0D { text = text.dropLast() }
        let line = String(decoding: text, as: UTF8.self)
        input.moveReaderIndex(forwardBy: end - view.startIndex + 1)
        return line
    }
}
