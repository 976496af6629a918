import ApusInvoke
import ApusModel
import ApusServiceKit
import ApusWire
import NIOCore
import Testing

struct FunctionURLTests {
    private static let time = Timestamp(milliseconds: 1_583_348_638_390)

    private static func url(_ rules: CrossOriginRules? = nil) -> FunctionURL {
        FunctionURL(
            id: "abc", function: FunctionKey(scope: Scope(account: .standard, region: .standard), name: "hello"),
            qualifier: nil, isSigned: false, isStreamed: false, crossOrigin: rules, admits: { _ in true })
    }

    private static func request(
        _ method: String = "POST", _ target: String = "/", headers: [(name: String, value: String)] = [],
        body: ByteBuffer = ByteBuffer()
    ) -> FunctionURLRequest {
        let path = String(target.prefix { $0 != "?" })
        return FunctionURLRequest(
            method: method, target: target, path: path, host: "abc.lambda-url.us-east-1.localhost:4566",
            headers: headers, body: body, sourceIP: "127.0.0.1")
    }

    private static func event(_ request: FunctionURLRequest, caller: FunctionURLCaller? = nil) throws -> JSON {
        try JSON(
            parsing: FunctionURLEvent(
                request: request, url: url(), caller: caller, id: RequestID(existing: "id-1"), traceID: "Root=1",
                time: time
            ).payload)
    }

    // MARK: Events

    @Test func anEventIsPayloadFormat2() throws {
        let request = Self.request(
            "PUT", "/pa2%Fth/%20?q=a%20b&m=foo&m=%2Fbar&empty",
            headers: [
                ("X-One", "1"), ("x-one", "2"), ("Cookie", "a=b; c=d"), ("Connection", "close"),
                ("User-Agent", "agent"), ("Content-Type", "application/json; charset=utf-8"),
            ],
            body: ByteBuffer(string: #"{"a":"ü"}"#))
        let expected = try JSON(
            parsing: #"""
                {"version":"2.0","routeKey":"$default","rawPath":"/pa2%Fth/%20",
                "rawQueryString":"q=a%20b&m=foo&m=%2Fbar&empty","cookies":["a=b","c=d"],
                "headers":{"x-one":"1,2","user-agent":"agent","content-type":"application/json; charset=utf-8",
                "host":"abc.lambda-url.us-east-1.localhost:4566","x-forwarded-for":"127.0.0.1",
                "x-forwarded-proto":"http","x-forwarded-port":"4566","x-amzn-trace-id":"Root=1"},
                "queryStringParameters":{"q":"a b","m":"foo,/bar","empty":""},
                "requestContext":{"accountId":"anonymous","apiId":"abc",
                "domainName":"abc.lambda-url.us-east-1.localhost","domainPrefix":"abc",
                "http":{"method":"PUT","path":"/pa2%Fth/%20","protocol":"HTTP/1.1","sourceIp":"127.0.0.1",
                "userAgent":"agent"},"requestId":"id-1","routeKey":"$default","stage":"$default",
                "time":"04/Mar/2020:19:03:58 +0000","timeEpoch":1583348638390},
                "body":"{\"a\":\"ü\"}","isBase64Encoded":false}
                """#)
        #expect(try Self.event(request) == expected)
    }

    @Test func whatIsNotThereIsLeftOut() throws {
        let event = try Self.event(Self.request())
        #expect(event["cookies"] == nil && event["queryStringParameters"] == nil && event["body"] == nil)
        #expect(event["isBase64Encoded"] == false)
    }

    @Test func aSignedRequestSaysWhoSigned() throws {
        let caller = FunctionURLCaller(principal: .root(of: .standard), accessKeyID: "AKIA")
        let context = try #require(try Self.event(Self.request(), caller: caller)["requestContext"])
        #expect(context["accountId"] == .string(AccountID.standard.digits))
        #expect(
            context["authorizer"]?["iam"] == [
                "accessKey": "AKIA", "accountId": "000000000000", "callerId": "000000000000", "cognitoIdentity": nil,
                "principalOrgId": nil, "userArn": "arn:aws:iam::000000000000:root", "userId": "000000000000",
            ])
    }

    @Test(arguments: [
        ("text/plain", "abc", false), ("TEXT/HTML; charset=x", "abc", false), ("application/xml", "abc", false),
        ("application/vnd.api+json", "abc", false), ("image/svg+xml", "abc", false),
        ("application/x-www-form-urlencoded", "abc", true), ("application/octet-stream", "abc", true),
        ("multipart/form-data; boundary=a", "abc", true), (nil, "abc", true), ("", "abc", true),
        ("application/jsonx", "abc", true),
    ])
    func bodiesThatAreNotTextAreBase64(type: String?, body: String, isBase64: Bool) throws {
        let headers = type.map { [(name: "content-type", value: $0)] } ?? []
        let event = try Self.event(Self.request(headers: headers, body: ByteBuffer(string: body)))
        #expect(event["isBase64Encoded"] == .bool(isBase64))
        #expect(event["body"] == (isBase64 ? "YWJj" : "abc"))
    }

    @Test func textThatIsNotUTF8IsBase64() throws {
        let event = try Self.event(
            Self.request(headers: [("content-type", "text/plain")], body: ByteBuffer(bytes: [0xFF, 0xFE])))
        #expect(event["body"] == "//4=" && event["isBase64Encoded"] == true)
    }

    // MARK: Answers

    /// The bytes of an answer that came as a whole.
    private static func text(_ answer: FunctionURLAnswer?) -> String? {
        guard case .bytes(let bytes)? = answer?.body else { return nil }
        return String(buffer: bytes)
    }

    @Test(arguments: [
        (#"{"hello": "world"}"#, #"{"hello":"world"}"#), (#"["hello", 3, true]"#, #"["hello",3,true]"#),
        (#""hello""#, "hello"), ("3", "3"), ("3.1", "3.1"), ("true", "true"), ("null", "null"),
        (#"{"body":"x"}"#, #"{"body":"x"}"#),
    ])
    func aValueIsTheAnswer(returned: String, sent: String) {
        let answer = FunctionURLAnswer(returned: ByteBuffer(string: returned))
        #expect(Self.text(answer) == sent)
        #expect(answer?.head.status == 200)
        #expect(answer?.head.fields.map { "\($0.name): \($0.value)" } == ["Content-Type: application/json"])
    }

    @Test func anObjectWithAStatusSaysWhatToAnswer() {
        let answer = FunctionURLAnswer(
            returned: ByteBuffer(
                string: #"""
                    {"statusCode": 201, "headers": {"content-type": "text/plain", "X-N": 1, "X-B": true, "Connection": "close"},
                    "cookies": ["a=1; Secure", "b=2"], "body": "aGk=", "isBase64Encoded": true}
                    """#))
        #expect(answer?.head.status == 201)
        #expect(
            answer?.head.fields.map { "\($0.name): \($0.value)" } == [
                "content-type: text/plain", "X-N: 1", "X-B: true", "x-amzn-Remapped-Connection: close",
                "Set-Cookie: a=1; Secure", "Set-Cookie: b=2",
            ])
        #expect(Self.text(answer) == "hi")
    }

    @Test(arguments: [(#"{"statusCode":"418","body":"tea"}"#, 418, "tea"), (#"{"statusCode":204}"#, 204, "")])
    func aStatusMayBeText(returned: String, status: Int, body: String) {
        let answer = FunctionURLAnswer(returned: ByteBuffer(string: returned))
        #expect(answer?.head.status == status)
        #expect(Self.text(answer) == body)
    }

    @Test(arguments: [
        "", "not json", #"{"statusCode":99}"#, #"{"statusCode":100}"#, #"{"statusCode":600}"#,
        #"{"statusCode":9223372036854775807}"#, #"{"statusCode":"x"}"#, #"{"statusCode":null}"#, #"{"statusCode":[]}"#,
        #"{"statusCode":200,"headers":{"a b":"c"}}"#, #"{"statusCode":200,"headers":{"":"c"}}"#,
        #"{"statusCode":200,"headers":{"a":"b\r\nx: y"}}"#, #"{"statusCode":200,"headers":{"a\r\nb":"c"}}"#,
        #"{"statusCode":200,"headers":{"a":{}}}"#, #"{"statusCode":200,"headers":{"a":"\u0000"}}"#,
        #"{"statusCode":200,"cookies":["a\nb"]}"#, #"{"statusCode":200,"cookies":[1]}"#,
        #"{"statusCode":200,"body":"***","isBase64Encoded":true}"#,
    ])
    func whatCannotBeSentIsNoAnswer(returned: String) {
        #expect(FunctionURLAnswer(returned: ByteBuffer(string: returned)) == nil)
    }

    // MARK: Preludes

    private static let nulls = [UInt8](repeating: 0, count: 8)

    @Test(arguments: 1...40)
    func aPreludeMayComeInPiecesOfAnySize(size: Int) throws {
        let bytes = Array(#"{"statusCode":202,"headers":{"x":"y"},"cookies":["c=d"]}"#.utf8) + Self.nulls + [0, 1, 2]
        var prelude = IntegrationPrelude()
        var seen: (FunctionURLHead, [UInt8])?
        for start in stride(from: 0, to: bytes.count, by: size) {
            let part = ByteBuffer(bytes: bytes[start..<min(start + size, bytes.count)])
            if seen != nil {
                seen?.1 += Array(buffer: part)
            } else if case .head(let head, let body) = prelude.take(part) {
                seen = (head, Array(buffer: body))
            }
        }
        let (head, body) = try #require(seen)
        #expect(head.status == 202)
        #expect(
            head.fields.map { "\($0.name): \($0.value)" } == [
                "x: y", "Set-Cookie: c=d", "Content-Type: application/octet-stream",
            ])
        #expect(body == [0, 1, 2])
    }

    @Test(arguments: [
        Self.nulls, Array("{}".utf8) + [0, 0, 0, 1], Array("[]".utf8) + Self.nulls, Array("{".utf8) + Self.nulls,
        Array(#"{"statusCode":1}"#.utf8) + Self.nulls, [0xFF, 0xFE] + Self.nulls,
        [UInt8](repeating: 0x20, count: IntegrationPrelude.limit + 1),
    ])
    func aPreludeThatIsNoneIsRefused(bytes: [UInt8]) {
        var prelude = IntegrationPrelude()
        guard case .malformed = prelude.take(ByteBuffer(bytes: bytes)) else {
            Issue.record("accepted")
            return
        }
    }

    @Test func anEndWithoutAPreludeIsNoAnswer() {
        #expect(FunctionURLAnswer(streamed: ByteBuffer(string: "{}")) == nil)
        let answer = FunctionURLAnswer(streamed: ByteBuffer(bytes: Array("{}".utf8) + Self.nulls + Array("hi".utf8)))
        #expect(Self.text(answer) == "hi")
        #expect(answer?.head.status == 200)
    }

    // MARK: Other origins

    private static func preflight(_ rules: CrossOriginRules, origin: String) -> [String]? {
        rules.preflight(
            request(
                "OPTIONS",
                headers: [
                    ("Origin", origin), ("Access-Control-Request-Method", "PUT"),
                    ("Access-Control-Request-Headers", "x-a,x-b"),
                ])
        )?.fields.map { "\($0.name): \($0.value)" }
    }

    @Test func aPreflightIsAnsweredByTheRules() {
        let rules = CrossOriginRules(
            origins: ["https://a.example"], methods: ["GET", "PUT"], headers: ["x-a"], maxAge: 60)
        #expect(
            Self.preflight(rules, origin: "https://a.example") == [
                "Content-Type: application/json", "Access-Control-Allow-Origin: https://a.example", "Vary: Origin",
                "Access-Control-Allow-Methods: GET,PUT", "Access-Control-Allow-Headers: x-a",
                "Access-Control-Max-Age: 60",
            ])
        #expect(Self.preflight(rules, origin: "https://b.example") == ["Content-Type: application/json"])
        #expect(rules.preflight(Self.request("OPTIONS", headers: [("Origin", "https://a.example")])) == nil)
        #expect(rules.preflight(Self.request("GET", headers: [("Access-Control-Request-Method", "PUT")])) == nil)
    }

    @Test func withCredentialsNothingIsAnsweredByAStar() {
        let rules = CrossOriginRules(origins: ["*"], methods: ["*"], headers: ["*"], allowsCredentials: true)
        #expect(
            Self.preflight(rules, origin: "https://a.example") == [
                "Content-Type: application/json", "Access-Control-Allow-Origin: https://a.example", "Vary: Origin",
                "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Methods: PUT",
                "Access-Control-Allow-Headers: x-a,x-b",
            ])
    }

    @Test func theRulesReplaceWhatTheFunctionSays() throws {
        var head = try #require(
            FunctionURLAnswer(
                returned: ByteBuffer(
                    string: #"{"statusCode":200,"headers":{"access-control-allow-origin":"https://evil.example"}}"#))
        ).head
        CrossOriginRules(origins: ["*"], exposed: ["x-a", "x-b"]).apply(to: &head, origin: "https://a.example")
        #expect(
            head.fields.map { "\($0.name): \($0.value)" } == [
                "Content-Type: application/json", "Access-Control-Allow-Origin: *",
                "Access-Control-Expose-Headers: x-a,x-b",
            ])
    }
}
