import ApusModel
import ApusTesting
import ApusWire
import NIOCore
import Testing

private let accessKey = "AKIDEXAMPLE"
private let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
private let token = "FwoGZXIvYXdzEBY+/=token=="
private let now = CivilTime.timestamp(amzDate: "20261124T081530Z")!

/// A request that someone else signed.
struct SignedVector: Sendable, CustomTestStringConvertible {
    let name: String
    let service: String
    let request: WireRequest

    var testDescription: String { name }

    static let all: [SignedVector] = sigV4Vectors.split(separator: "\n").map { line in
        let json = try! JSON(parsing: String(line))
        let headers = json["headers"]!.array!.map { (name: $0.array![0].string!, value: $0.array![1].string!) }
        return SignedVector(
            name: json["name"]!.string!, service: json["service"]!.string!,
            request: WireRequest(
                method: json["method"]!.string!, target: json["target"]!.string!, headers: WireHeaders(headers),
                body: ByteBuffer(bytes: Base64.decode(json["body"]!.string!)!)))
    }
}

/// Verifies as a server does; nil when the request is not signed.
@discardableResult
private func verify(
    _ request: WireRequest, secret: String = secret, at time: Timestamp = now
) throws(SigV4Flaw) -> (body: ByteBuffer, trailers: [(name: String, value: String)])? {
    guard let claim = try SigV4.parse(request) else { return nil }
    let key = SigningKey(secret: secret, day: claim.day, region: claim.region, service: claim.service)
    return try SigV4.verify(claim, request, body: request.body, key: key, now: time)
}

private func flaw(_ body: () throws(SigV4Flaw) -> Void) -> SigV4Flaw? {
    do throws(SigV4Flaw) {
        try body()
        return nil
    } catch {
        return error
    }
}

struct SigV4Tests {
    @Test(arguments: SignedVector.all)
    func acceptsWhatBotocoreSigns(_ vector: SignedVector) throws {
        let claim = try #require(try SigV4.parse(vector.request))
        #expect(claim.accessKey == accessKey)
        #expect(claim.region == "us-east-1")
        #expect(claim.service == vector.service)
        #expect((claim.sessionToken == token) == vector.name.hasSuffix("/token"))
        #expect(try verify(vector.request)?.body == vector.request.body)
    }

    @Test(arguments: SignedVector.all)
    func refusesWhateverWasTamperedWith(_ vector: SignedVector) throws {
        #expect(throws: SigV4Flaw.mismatch) { try verify(vector.request, secret: "another") }
        var changed = vector.request
        changed.method = changed.method == "GET" ? "HEAD" : "GET"
        #expect(throws: SigV4Flaw.mismatch) { try verify(changed) }
        changed = vector.request
        changed.path += "x"
        #expect(throws: SigV4Flaw.mismatch) { try verify(changed) }
        changed = vector.request
        changed.query += "&x=1"
        #expect(throws: SigV4Flaw.mismatch) { try verify(changed) }
        for name in try #require(try SigV4.parse(vector.request)).signedHeaders.split(separator: ";") {
            changed = vector.request
            let value = changed.headers[String(name)] ?? ""
            // Any change of the date or the hash may be refused for another reason first.
            changed.headers.set(String(name), name == "x-amz-date" ? "20261124T081531Z" : value + "x")
            #expect(throws: SigV4Flaw.self) { try verify(changed) }
        }
        if !vector.name.contains("unsigned"), !(vector.name.contains("presigned") && vector.service == "s3") {
            changed = vector.request
            changed.body.writeString("x")
            #expect(throws: SigV4Flaw.self) { try verify(changed) }
        }
    }

    @Test(arguments: SignedVector.all.filter { $0.name.contains("/header") })
    func signsAsBotocoreDoes(_ vector: SignedVector) throws {
        var request = vector.request
        let wanted = try #require(request.headers["authorization"])
        request.headers = WireHeaders(request.headers.fields.filter { !$0.name.matchesHeader("authorization") })
        let session = request.headers["x-amz-security-token"]
        SigV4.sign(
            &request, by: SigningCredential(accessKey: accessKey, secret: secret, sessionToken: session),
            region: "us-east-1", service: vector.service, at: now)
        #expect(request.headers["authorization"] == wanted)
    }

    @Test(arguments: SignedVector.all.filter { $0.name.contains("/presigned") })
    func presignsAsBotocoreDoes(_ vector: SignedVector) throws {
        let own = vector.request.query.split(separator: "&").prefix { !$0.hasPrefix("X-Amz-") }.joined(separator: "&")
        let query = SigV4.presign(
            method: vector.request.method, host: try #require(vector.request.headers["host"]),
            path: vector.request.path, query: own,
            by: SigningCredential(
                accessKey: accessKey, secret: secret, sessionToken: vector.name.hasSuffix("/token") ? token : nil),
            region: "us-east-1", service: vector.service, at: now, expires: 600)
        #expect(query == vector.request.query)
    }

    /// Cases of AWS's own test suite and of the documentation of S3, with the signatures printed there.
    @Test(arguments: [
        ("GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        ("GET", "/?Param2=value2&Param1=value1", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
    ])
    func suiteOfAWS(_ method: String, _ target: String, _ signature: String) throws {
        let request = WireRequest(
            method: method, target: target,
            headers: [
                "Host": "example.amazonaws.com", "X-Amz-Date": "20150830T123600Z",
                "Authorization": "AWS4-HMAC-SHA256 "
                    + "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
                    + "SignedHeaders=host;x-amz-date, Signature=\(signature)",
            ], body: ByteBuffer())
        let time = try #require(CivilTime.timestamp(amzDate: "20150830T123600Z"))
        #expect(try verify(request, at: time) != nil)
    }

    @Test func presignedExampleOfS3() throws {
        let request = WireRequest(
            method: "GET",
            target: "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
                + "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
                + "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
                + "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
            headers: ["Host": "examplebucket.s3.amazonaws.com"], body: ByteBuffer())
        let start = try #require(CivilTime.timestamp(amzDate: "20130524T000000Z"))
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
        #expect(try verify(request, secret: secret, at: start) != nil)
        #expect(try verify(request, secret: secret, at: start + .seconds(86_400)) != nil)
        #expect(throws: SigV4Flaw.self) { try verify(request, secret: secret, at: start + .seconds(86_401)) }
    }

    // MARK: Time

    @Test(arguments: [(-300, true), (-301, false), (0, true), (300, true), (301, false)])
    func clocksMayDifferByFiveMinutes(_ seconds: Int, _ isGood: Bool) throws {
        let request = SignedVector.all[0].request
        let time = now + .seconds(seconds)
        let flaw = flaw { () throws(SigV4Flaw) in try verify(request, at: time) }
        #expect((flaw == nil) == isGood)
    }

    @Test func skewIsNamedInAWSsWords() throws {
        let request = SignedVector.all[0].request
        let old = flaw { () throws(SigV4Flaw) in try verify(request, at: now + .seconds(600)) }
        #expect(
            old?.fault(.json)
                == Fault(
                    "InvalidSignatureException", status: 403,
                    "Signature expired: 20261124T081530Z is now earlier than 20261124T082030Z "
                        + "(20261124T082530Z - 5 min.)"))
        #expect(old?.fault(.query).code == "SignatureDoesNotMatch")
        #expect(old?.fault(.s3).code == "RequestTimeTooSkewed")
        let early = flaw { () throws(SigV4Flaw) in try verify(request, at: now + .seconds(-600)) }
        #expect(
            early?.fault(.json).message
                == "Signature not yet current: 20261124T081530Z is still later than 20261124T081030Z "
                + "(20261124T080530Z + 5 min.)")
    }

    @Test(
        arguments: [
            ("1", nil), ("604800", nil), ("0", "X-Amz-Expires must be non-negative"),
            ("-1", "X-Amz-Expires must be non-negative"), ("x", "X-Amz-Expires should be a number"),
            (
                "604801",
                "X-Amz-Expires must be less than a week (in seconds); "
                    + "that is, the given X-Amz-Expires must be less than 604800 seconds"
            ),
        ] as [(String, String?)])
    func expiryIsOneSecondToOneWeek(_ expires: String, _ message: String?) throws {
        var request = SignedVector.all.first { $0.name == "get-vanilla/presigned" }!.request
        request.query = request.query.replacing("X-Amz-Expires=600", with: "X-Amz-Expires=\(expires)")
        let flaw = flaw { () throws(SigV4Flaw) in _ = try SigV4.parse(request) }
        #expect(flaw == message.map { .badQuery($0) })
    }

    @Test func presignedRequestsLiveAsLongAsTheySay() throws {
        let request = SignedVector.all.first { $0.name == "get-vanilla/presigned" }!.request
        #expect(try verify(request, at: now + .seconds(600)) != nil)
        #expect(throws: SigV4Flaw.self) { try verify(request, at: now + .seconds(601)) }
        #expect(throws: SigV4Flaw.self) { try verify(request, at: now + .seconds(-301)) }
    }

    // MARK: Claims

    @Test func whatIsNotSignedHasNoClaim() throws {
        for target in ["/", "/?a=1&X-Amz-Date=20261124T081530Z&b=2"] {
            let request = WireRequest(method: "GET", target: target, headers: ["Host": "h"], body: ByteBuffer())
            #expect(try SigV4.parse(request) == nil)
        }
    }

    @Test(arguments: [
        ("Bearer abc", SigV4Flaw.incomplete("Unsupported AWS 'algorithm': 'Bearer'.")),
        ("", .incomplete("Unsupported AWS 'algorithm': ''.")),
        (
            "AWS4-HMAC-SHA256 Credential",
            .incomplete(
                "'Credential' not a valid key=value pair (missing equal-sign) in Authorization header: "
                    + "'AWS4-HMAC-SHA256 Credential'.")
        ),
        (
            "AWS4-HMAC-SHA256",
            .incomplete(
                "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. "
                    + "Authorization header requires 'SignedHeaders' parameter. Authorization=AWS4-HMAC-SHA256")
        ),
        (
            "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=x",
            .incomplete(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'a/b'"
            )
        ),
        (
            "AWS4-HMAC-SHA256 Credential=a/20261124/r/s/aws5, SignedHeaders=host, Signature=x",
            .invalid(
                "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5'.")
        ),
        (
            "AWS4-HMAC-SHA256 Credential=a/20261123/r/s/aws4_request, SignedHeaders=host, Signature=x",
            .invalid(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
                    + "'20261123' != '20261124', from '20261124T081530Z'.")
        ),
        (
            "AWS4-HMAC-SHA256 Credential=a/20261124/r/s/aws4_request, SignedHeaders=x-amz-date, Signature=x",
            .invalid(
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
        ),
    ])
    func malformedHeadersAreNamed(_ authorization: String, _ flaw: SigV4Flaw) {
        let request = WireRequest(
            method: "GET", target: "/",
            headers: ["Host": "h", "X-Amz-Date": "20261124T081530Z", "Authorization": authorization],
            body: ByteBuffer())
        #expect(throws: flaw) { try SigV4.parse(request) }
    }

    @Test func theDateHeaderStandsIn() throws {
        var request = WireRequest(
            method: "GET", target: "/",
            headers: [
                "Host": "h", "Date": "Tue, 24 Nov 2026 08:15:30 GMT",
                "Authorization":
                    "AWS4-HMAC-SHA256 Credential=a/20261124/r/s/aws4_request, SignedHeaders=host, Signature=x",
            ], body: ByteBuffer())
        #expect(try SigV4.parse(request)?.date == "20261124T081530Z")
        request.headers.set("Date", "yesterday")
        #expect(throws: SigV4Flaw.self) { try SigV4.parse(request) }
    }

    @Test(arguments: [
        (SigV4Flaw.missing, "MissingAuthenticationTokenException", "MissingAuthenticationToken", "AccessDenied"),
        (.incomplete("x"), "IncompleteSignatureException", "IncompleteSignature", "AuthorizationHeaderMalformed"),
        (.badQuery("x"), "IncompleteSignatureException", "IncompleteSignature", "AuthorizationQueryParametersError"),
        (.unknownKey, "UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId"),
        (.expiredToken, "ExpiredTokenException", "ExpiredToken", "ExpiredToken"),
        (.mismatch, "InvalidSignatureException", "SignatureDoesNotMatch", "SignatureDoesNotMatch"),
        (.bodyMismatch, "InvalidSignatureException", "SignatureDoesNotMatch", "XAmzContentSHA256Mismatch"),
    ])
    func faultsGoByTheService(_ flaw: SigV4Flaw, _ json: String, _ query: String, _ s3: String) {
        #expect(flaw.fault(.json).code == json)
        #expect(flaw.fault(.query).code == query)
        #expect(flaw.fault(.s3).code == s3)
        for style in [SigV4Flaw.Style.json, .query, .s3] { #expect((400...403).contains(flaw.fault(style).status)) }
    }

    @Test func keysAreCachedUntilTheSecretChanges() throws {
        let cache = SigningKeyCache(capacity: 2)
        let request = SignedVector.all[0].request
        let claim = try #require(try SigV4.parse(request))
        for _ in 0..<2 {
            let key = cache.key(for: claim, secret: secret)
            _ = try SigV4.verify(claim, request, body: request.body, key: key, now: now)
        }
        let other = cache.key(for: claim, secret: "another")
        #expect(throws: SigV4Flaw.mismatch) {
            try SigV4.verify(claim, request, body: request.body, key: other, now: now)
        }
    }

    @Test func mutatedRequestsAreRefusedWithFaultsOfClients() {
        var generator = SeededGenerator(seed: 5)
        let vectors = SignedVector.all
        for _ in 0..<10_000 {
            let original = vectors.randomElement(using: &generator)!.request
            var request = original
            func mutate(_ text: String) -> String {
                String(decoding: Array(text.utf8).mutated(&generator), as: UTF8.self)
            }
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: request.query = mutate(request.query)
            case 1: request.path = mutate(request.path)
            case 2: request.headers = WireHeaders(request.headers.fields.map { ($0.name, mutate($0.value)) })
            default:
                if let value = request.headers["authorization"] { request.headers.set("authorization", mutate(value)) }
            }
            let flaw = flaw { () throws(SigV4Flaw) in try verify(request) }
            for style in [SigV4Flaw.Style.json, .query, .s3] {
                if let fault = flaw?.fault(style) { #expect((400...499).contains(fault.status)) }
            }
        }
    }
}

/// The example in the documentation of S3: 66,560 bytes in chunks of 64 KiB, with the signatures printed there.
struct AWSChunkedTests {
    private let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    private let time = CivilTime.timestamp(amzDate: "20130524T000000Z")!

    private func request(_ body: ByteBuffer, decodedLength: String = "66560") -> WireRequest {
        WireRequest(
            method: "PUT", target: "/examplebucket/chunkObject.txt",
            headers: [
                "Host": "s3.amazonaws.com", "x-amz-date": "20130524T000000Z",
                "x-amz-storage-class": "REDUCED_REDUNDANCY",
                "Authorization": "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
                    + "SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;"
                    + "x-amz-decoded-content-length;x-amz-storage-class,"
                    + "Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
                "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "Content-Encoding": "aws-chunked",
                "x-amz-decoded-content-length": decodedLength, "Content-Length": "66824",
            ], body: body)
    }

    private var body: ByteBuffer {
        var body = ByteBuffer()
        body.writeString("10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n")
        body.writeRepeatingByte(UInt8(ascii: "a"), count: 65_536)
        body.writeString("\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n")
        body.writeRepeatingByte(UInt8(ascii: "a"), count: 1024)
        body.writeString(
            "\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n")
        return body
    }

    @Test func signedChunksComeOut() throws {
        #expect(body.readableBytes == 66_824)
        let result = try #require(try verify(request(body), secret: secret, at: time))
        #expect(result.body == ByteBuffer(repeating: UInt8(ascii: "a"), count: 66_560))
        #expect(result.trailers.isEmpty)
    }

    @Test(arguments: [100, 65_700, 66_800, 10, 65_650])
    func aChangedByteIsNoticed(_ offset: Int) {
        var changed = body
        changed.setInteger(UInt8(ascii: "b"), at: offset)
        #expect(throws: SigV4Flaw.self) { try verify(request(changed), secret: secret, at: time) }
    }

    @Test func aMissingEndIsNoticed() {
        var generator = SeededGenerator(seed: 6)
        for _ in 0..<200 {
            let count = Int.random(in: 0..<66_735, using: &generator)
            let cut = ByteBuffer(body.readableBytesView.prefix(count))
            #expect(throws: SigV4Flaw.self) { try verify(request(cut), secret: secret, at: time) }
        }
    }

    private func unsignedChunks(_ text: String, length: String = "11") -> WireRequest {
        var request = WireRequest(
            method: "PUT", target: "/b/k",
            headers: ["Host": "s3.amazonaws.com", "X-Amz-Decoded-Content-Length": length],
            body: ByteBuffer(string: text))
        SigV4.sign(
            &request, by: SigningCredential(accessKey: "a", secret: secret), region: "us-east-1", service: "s3",
            at: time,
            payload: "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
        return request
    }

    @Test func unsignedChunksWithATrailerComeOut() throws {
        let request = unsignedChunks("6\r\nhello \r\n5\r\nworld\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n")
        let result = try #require(try verify(request, secret: secret, at: time))
        #expect(result.body == ByteBuffer(string: "hello world"))
        #expect(result.trailers.map(\.name) == ["x-amz-checksum-crc32"])
        #expect(result.trailers.map(\.value) == ["DUoRhQ=="])
    }

    @Test(arguments: [
        "", "5\r\nhello\r\n", "5\r\nhell\r\n0\r\n\r\n", "5\r\nhelloo\r\n0\r\n\r\n", "x\r\n", "-1\r\n",
        "fffffffff\r\n", "ffffffff\r\na", "5\r\nhello\r\n0\r\n\r\n", "0\r\nnonsense\r\n",
    ])
    func malformedChunksAreRefused(_ text: String) {
        let flaw = flaw { () throws(SigV4Flaw) in try verify(unsignedChunks(text), secret: secret, at: time) }
        guard case .badChunks? = flaw else {
            Issue.record("\(String(describing: flaw))")
            return
        }
        #expect(flaw?.fault(.s3).code == "IncompleteBody")
    }

    /// The documentation's example with a trailing checksum.
    @Test func signedTrailersAreVerified() throws {
        func request(_ crc: String) -> WireRequest {
            var body = ByteBuffer()
            body.writeString(
                "10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n")
            body.writeRepeatingByte(UInt8(ascii: "a"), count: 65_536)
            body.writeString(
                "\r\n400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n")
            body.writeRepeatingByte(UInt8(ascii: "a"), count: 1024)
            body.writeString(
                "\r\n0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
                    + "x-amz-checksum-crc32c:\(crc)\n\r\n"
                    + "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
            )
            return WireRequest(
                method: "PUT", target: "/examplebucket/chunkObject.txt",
                headers: [
                    "Host": "s3.amazonaws.com", "x-amz-date": "20130524T000000Z",
                    "x-amz-storage-class": "REDUCED_REDUNDANCY", "x-amz-trailer": "x-amz-checksum-crc32c",
                    "Authorization": "AWS4-HMAC-SHA256 "
                        + "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
                        + "SignedHeaders=content-encoding;host;x-amz-content-sha256;x-amz-date;"
                        + "x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer,"
                        + "Signature=106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
                    "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
                    "Content-Encoding": "aws-chunked", "x-amz-decoded-content-length": "66560",
                ], body: body)
        }
        let result = try #require(try verify(request("sOO8/Q=="), secret: secret, at: time))
        #expect(result.trailers.map(\.value) == ["sOO8/Q=="])
        #expect(throws: SigV4Flaw.mismatch) { try verify(request("sOO8/A=="), secret: secret, at: time) }
    }

    @Test func mutatedChunksNeverCrash() {
        var generator = SeededGenerator(seed: 7)
        let whole = Array(body.readableBytesView)
        let small = Array(whole.prefix(90)) + whole.suffix(200)
        for _ in 0..<2_000 {
            let changed = ByteBuffer(bytes: small.mutated(&generator))
            #expect(throws: SigV4Flaw.self) { try verify(request(changed), secret: secret, at: time) }
        }
    }
}
