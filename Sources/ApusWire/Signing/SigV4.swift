package import ApusModel
import Crypto
package import NIOCore

/// AWS Signature Version 4.
///
/// - Source: "Create a signed AWS API request", "Signature Version 4 for S3: streaming uploads".
package enum SigV4 {
    static let algorithm = "AWS4-HMAC-SHA256"
    static let terminator = "aws4_request"
    static let emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    /// Minutes by which clocks may differ.
    private static let skew = 5
    private static let skewOfS3 = 15

    /// Longest life of a presigned request, in seconds.
    package static let longestExpiry = 604_800

    // MARK: Reading

    /// Reads the claim of a request.
    ///
    /// - Returns: nil when the request is not signed at all.
    package static func parse(_ head: WireRequest) throws(SigV4Flaw) -> SigV4Claim? {
        if let authorization = head.headers["authorization"] { return try header(authorization, head) }
        guard head.query.utf8.count > 16, head.query.contains("X-Amz-") else { return nil }
        let parameters = Percent.query(head.query)
        guard let algorithm = parameters.first(where: { $0.name == "X-Amz-Algorithm" })?.value else { return nil }
        return try presigned(algorithm, parameters, head)
    }

    private static func header(_ text: String, _ head: WireRequest) throws(SigV4Flaw) -> SigV4Claim {
        let parts = text.parts(at: " ", most: 1)
        guard parts.first.map({ $0.isSame(algorithm) }) == true else {
            throw .incomplete("Unsupported AWS 'algorithm': '\(parts.first ?? "")'.")
        }
        var credential: Substring?
        var signedHeaders: Substring?
        var signature: Substring?
        for pair in (parts.count > 1 ? parts[1] : "").parts(at: ",") {
            let pair = trimmed(pair)
            guard let equals = pair.utf8.firstIndex(of: UInt8(ascii: "=")) else {
                throw .incomplete(
                    "'\(pair)' not a valid key=value pair (missing equal-sign) in Authorization header: '\(text)'.")
            }
            let value = pair[pair.utf8.index(after: equals)...]
            let name = pair[..<equals]
            if name.isSame("Credential") {
                credential = value
            } else if name.isSame("SignedHeaders") {
                signedHeaders = value
            } else if name.isSame("Signature") {
                signature = value
            }
        }
        let date = try dateHeader(head)
        guard let credential, let signedHeaders, let signature, let date else {
            var flaws: [String] = []
            if credential == nil { flaws.append("Authorization header requires 'Credential' parameter.") }
            if signature == nil { flaws.append("Authorization header requires 'Signature' parameter.") }
            if signedHeaders == nil { flaws.append("Authorization header requires 'SignedHeaders' parameter.") }
            if date == nil {
                flaws.append(
                    "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
            }
            throw .incomplete("\(flaws.joined(separator: " ")) Authorization=\(text)")
        }
        let word = head.headers["x-amz-content-sha256"]
        return try claim(
            credential, signedHeaders, signature, .header, date, head.headers["x-amz-security-token"], word,
            try payload(word))
    }

    private static func dateHeader(_ head: WireRequest) throws(SigV4Flaw) -> (text: String, time: Timestamp)? {
        guard let text = head.headers["x-amz-date"] ?? head.headers["date"] else { return nil }
        if let time = CivilTime.timestamp(amzDate: text) { return (text, time) }
        guard let time = TimestampText.parse(text, .rfc822) else { throw badDate(text) }
        return (time.civil.amzDate, time)
    }

    private static func badDate(_ text: String) -> SigV4Flaw {
        .incomplete(
            "Date must be in ISO-8601 'basic format'. Got '\(text)'. See http://en.wikipedia.org/wiki/ISO_8601")
    }

    private static func presigned(
        _ algorithm: String, _ parameters: [(name: String, value: String)], _ head: WireRequest
    ) throws(SigV4Flaw) -> SigV4Claim {
        func value(_ name: String) -> String? { parameters.first { $0.name == name }?.value }
        guard algorithm == SigV4.algorithm else { throw .badQuery("Unsupported AWS 'algorithm': '\(algorithm)'.") }
        guard let credential = value("X-Amz-Credential"), let signedHeaders = value("X-Amz-SignedHeaders"),
            let signature = value("X-Amz-Signature"), let date = value("X-Amz-Date")
        else {
            let names = ["X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"]
            let flaws = names.filter { value($0) == nil }.map { "AWS query-string parameters must include '\($0)'." }
            throw .badQuery("\(flaws.joined(separator: " ")) Re-examine the query-string parameters.")
        }
        guard let time = CivilTime.timestamp(amzDate: date) else { throw badDate(date) }
        // Services other than S3 take a request without an expiry as one of the shortest usual life.
        var expires = skew * 60
        if let text = value("X-Amz-Expires") {
            guard let seconds = Int(text) else { throw .badQuery("X-Amz-Expires should be a number") }
            guard seconds >= 1 else { throw .badQuery("X-Amz-Expires must be non-negative") }
            guard seconds <= longestExpiry else {
                throw .badQuery(
                    "X-Amz-Expires must be less than a week (in seconds); "
                        + "that is, the given X-Amz-Expires must be less than 604800 seconds")
            }
            expires = seconds
        }
        let word = value("X-Amz-Content-Sha256") ?? head.headers["x-amz-content-sha256"]
        let service = credential.parts(at: "/", omittingEmpty: false).dropLast().last ?? ""
        let payload = word == nil && isS3(service) ? SigV4Claim.Payload.unsigned : try payload(word)
        return try claim(
            credential[...], signedHeaders[...], signature[...], .presigned(expires: expires), (date, time),
            value("X-Amz-Security-Token") ?? head.headers["x-amz-security-token"],
            word ?? (payload == .unsigned ? "UNSIGNED-PAYLOAD" : nil), payload)
    }

    private static func payload(_ word: String?) throws(SigV4Flaw) -> SigV4Claim.Payload {
        switch word {
        case nil: return .body
        case "UNSIGNED-PAYLOAD"?: return .unsigned
        case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"?: return .signedChunks(trailer: false)
        case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"?: return .signedChunks(trailer: true)
        case "STREAMING-UNSIGNED-PAYLOAD-TRAILER"?: return .unsignedChunks
        case let word?:
            guard word.utf8.count == 64, word.utf8.allSatisfy({ Hex.value($0) != nil }) else { throw .badPayloadHash }
            return .hash(word)
        }
    }

    private static func claim(
        _ credential: Substring, _ signedHeaders: Substring, _ signature: Substring, _ form: SigV4Claim.Form,
        _ date: (text: String, time: Timestamp), _ token: String?, _ word: String?, _ payload: SigV4Claim.Payload
    ) throws(SigV4Flaw) -> SigV4Claim {
        let scope = credential.parts(at: "/", omittingEmpty: false)
        guard scope.count == 5 else {
            throw .incomplete(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
                    + "got '\(credential)'")
        }
        guard scope[4].isSame(terminator) else {
            throw .invalid("Credential should be scoped with a valid terminator: 'aws4_request', not '\(scope[4])'.")
        }
        guard date.text.utf8.starts(with: scope[1].utf8), scope[1].utf8.count == 8 else {
            throw .invalid(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
                    + "'\(scope[1])' != '\(date.text.prefix(8))', from '\(date.text)'.")
        }
        guard signedHeaders.parts(at: ";").contains(where: { $0.isSame("host") }) else {
            throw .invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
        }
        return SigV4Claim(
            accessKey: String(scope[0]), day: String(scope[1]), region: String(scope[2]), service: String(scope[3]),
            signedHeaders: String(signedHeaders), signature: String(signature), form: form, date: date.text,
            time: date.time, sessionToken: token, payload: payload, payloadWord: word ?? "")
    }

    static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while text.utf8.first == 0x20 { text = text.dropFirst() }
        while text.utf8.last == 0x20 { text = text.dropLast() }
        return text
    }

    static func isS3(_ service: some StringProtocol) -> Bool { service.isSame("s3") || service.isSame("s3express") }

    // MARK: Verifying

    /// Verifies a claim: its time, its signature, its body.
    ///
    /// - Parameters:
    ///   - key: of the claim's credential, day, region and service; see ``SigningKeyCache``.
    ///   - body: as it came.
    /// - Returns: the body to work with, out of its chunks if it was in chunks, and its trailing fields.
    package static func verify(
        _ claim: SigV4Claim, _ head: WireRequest, body: ByteBuffer, key: SigningKey, now: Timestamp
    ) throws(SigV4Flaw) -> (body: ByteBuffer, trailers: [(name: String, value: String)]) {
        try checkTime(claim, now)
        var word = claim.payloadWord
        switch claim.payload {
        case .body: word = hash(body)
        case .hash: if hash(body) != word { throw .bodyMismatch }
        case .unsigned, .signedChunks, .unsignedChunks: break
        }
        let expected = signature(claim, head, payload: word, key)
        guard isEqual(expected, claim.signature) else { throw .mismatch }
        switch claim.payload {
        case .body, .hash, .unsigned: return (body, [])
        case .unsignedChunks: return try AWSChunked.decode(body, expected: head.headers[AWSChunked.lengthField], nil)
        case .signedChunks(let trailer):
            let signer = AWSChunked.Signer(claim: claim, key: key, hasTrailer: trailer)
            return try AWSChunked.decode(body, expected: head.headers[AWSChunked.lengthField], signer)
        }
    }

    private static func checkTime(_ claim: SigV4Claim, _ now: Timestamp) throws(SigV4Flaw) {
        let minutes = isS3(claim.service) ? skewOfS3 : skew
        let allowance = Duration.seconds(minutes * 60)
        let later = now + allowance
        if claim.time > later {
            throw .tooSkewed(
                "Signature not yet current: \(claim.date) is still later than \(later.civil.amzDate) "
                    + "(\(now.civil.amzDate) + \(minutes) min.)")
        }
        switch claim.form {
        case .header:
            let earlier = now + (.zero - allowance)
            guard claim.time < earlier else { return }
            throw .tooSkewed(
                "Signature expired: \(claim.date) is now earlier than \(earlier.civil.amzDate) "
                    + "(\(now.civil.amzDate) - \(minutes) min.)")
        case .presigned(let expires):
            let end = claim.time + .seconds(expires)
            guard end < now else { return }
            throw .expired(
                "Signature expired: \(end.civil.amzDate) is now earlier than \(now.civil.amzDate)")
        }
    }

    /// The signature that a request ought to have, 64 lower-case hexadecimal digits.
    static func signature(
        _ claim: SigV4Claim, _ head: WireRequest, payload: String, _ key: SigningKey
    ) -> [UInt8] {
        let isPresigned = claim.form != .header
        let canonical = CanonicalRequest.bytes(
            head, signedHeaders: claim.signedHeaders, payload: payload, isS3: isS3(claim.service),
            isPresigned: isPresigned)
        var text: [UInt8] = []
        text.reserveCapacity(160)
        text.append(contentsOf: algorithm.utf8)
        text.append(0x0A)
        text.append(contentsOf: claim.date.utf8)
        text.append(0x0A)
        appendScope(claim.day, claim.region, claim.service, &text)
        text.append(0x0A)
        appendHex(digest(canonical), &text)
        return key.hexSignature(of: text)
    }

    static func appendScope(_ day: String, _ region: String, _ service: String, _ text: inout [UInt8]) {
        text.append(contentsOf: day.utf8)
        text.append(UInt8(ascii: "/"))
        text.append(contentsOf: region.utf8)
        text.append(UInt8(ascii: "/"))
        text.append(contentsOf: service.utf8)
        text.append(UInt8(ascii: "/"))
        text.append(contentsOf: terminator.utf8)
    }

    static func appendHex(_ digest: SHA256Digest, _ text: inout [UInt8]) {
        for byte in digest {
            text.append(Hex.lower(byte >> 4))
            text.append(Hex.lower(byte & 15))
        }
    }

    static func digest(_ bytes: [UInt8]) -> SHA256Digest {
        bytes.withUnsafeBytes { bytes in
            var hasher = SHA256()
            hasher.update(bufferPointer: bytes)
            return hasher.finalize()
        }
    }

    /// The hash of a body in hexadecimal.
    package static func hash(_ body: ByteBuffer) -> String {
        if body.readableBytes == 0 { return emptyHash }
        let digest = body.withUnsafeReadableBytes { bytes in
            var hasher = SHA256()
            hasher.update(bufferPointer: bytes)
            return hasher.finalize()
        }
        var digits: [UInt8] = []
        digits.reserveCapacity(64)
        appendHex(digest, &digits)
        return String(decoding: digits, as: UTF8.self)
    }

    /// Compares in a time that depends on the lengths only.
    static func isEqual(_ expected: [UInt8], _ given: String) -> Bool {
        guard expected.count == given.utf8.count else { return false }
        var difference: UInt8 = 0
        var place = 0
        for byte in given.utf8 {
            difference |= byte ^ expected[place]
            place += 1
        }
        return difference == 0
    }
}
