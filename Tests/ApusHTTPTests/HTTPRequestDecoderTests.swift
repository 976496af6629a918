import ApusHTTP
import ApusTesting
import NIOCore
import Testing

struct HTTPRequestDecoderTests {
    // MARK: Whole requests

    @Test func aRequestWithoutBodyIsAHeadAndAnEnd() {
        let log = Transcript("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n\r\n")
        #expect(log.lines == ["get /2018-06-01/runtime/invocation/next", "end"])
        #expect(log.failure == nil)
    }

    @Test func aBodyHasTheLengthThatTheHeadSays() {
        let log = Transcript("POST /r HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET /n HTTP/1.1\r\n\r\n")
        #expect(log.lines == ["post /r", "body hello", "end", "get /n", "end"])
    }

    @Test func chunksAreJoinedAndTrailersKept() {
        let log = Transcript(
            "POST /r HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTrailer: Lambda-Runtime-Function-Error-Type\r\n\r\n"
                + "5;extension=1\r\nhello\r\nA\r\n, whole wo\r\n3\r\nrld\r\n0\r\n"
                + "Lambda-Runtime-Function-Error-Type:  Runtime.Late \r\nX:\r\n\r\n")
        #expect(
            log.lines == [
                "post /r", "body hello, whole world", "trailer Lambda-Runtime-Function-Error-Type=Runtime.Late",
                "trailer X=", "end",
            ])
    }

    @Test func pipelinedRequestsComeOneAfterAnother() {
        let log = Transcript(String(repeating: "POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nok", count: 50))
        #expect(log.lines.count == 150)
        #expect(log.lines.allSatisfy { ["post /a", "body ok", "end"].contains($0) })
    }

    @Test(arguments: [
        ("GET", "get"), ("POST", "post"), ("PUT", "put"), ("DELETE", "other"), ("get", "other"), ("GETT", "other"),
    ])
    func theMethodIsCaseSensitive(_ method: String, found: String) {
        #expect(Transcript("\(method) /x HTTP/1.1\r\n\r\n").lines == ["\(found) /x", "end"])
    }

    @Test func emptyLinesBeforeARequestAreSkipped() {
        #expect(Transcript("\r\n\r\n\nGET /x HTTP/1.1\r\n\r\n").lines == ["get /x", "end"])
    }

    @Test func fieldsAreFoundWithoutRegardToCaseAndTrimmed() throws {
        let head = try #require(
            Transcript("GET / HTTP/1.1\r\nlambda-RUNTIME-x: \t a b \t\r\nLambda-Runtime-X: second\r\n\r\n").heads.first)
        #expect(head.field("Lambda-Runtime-X") == "a b")
        #expect(head.field("Lambda-Runtime-Y") == nil)
    }

    @Test(arguments: [
        ("HTTP/1.1", "", true), ("HTTP/1.1", "Connection: close\r\n", false),
        ("HTTP/1.1", "Connection: CLOSE\r\n", false), ("HTTP/1.1", "Connection: TE , close\r\n", false),
        ("HTTP/1.1", "Connection: closed\r\n", true), ("HTTP/1.0", "", false),
        ("HTTP/1.0", "Connection: keep-alive\r\n", true), ("HTTP/1.1", "Connection: upgrade\r\n", true),
    ])
    func theConnectionIsKeptAsTheVersionAndTheFieldSay(_ version: String, field: String, isKept: Bool) throws {
        let head = try #require(Transcript("GET / \(version)\r\n\(field)\r\n").heads.first)
        #expect(head.keepAlive == isKept)
    }

    @Test func aClientMayWaitForTheServersConsent() throws {
        let text = "POST / HTTP/1.1\r\nContent-Length: 1\r\nExpect: 100-Continue\r\n\r\n"
        let head = try #require(Transcript(text).heads.first)
        #expect(head.expectsContinue)
        #expect(head.contentLength == 1)
    }

    // MARK: Refusals

    @Test(arguments: [
        Input("GET /\r\n\r\n"), "GET / HTTP/2.0\r\n\r\n", "GET / HTTP/1.1 \r\n\r\n", " GET / HTTP/1.1\r\n\r\n",
        "GET  / HTTP/1.1\r\n\r\n", "GET http://h/ HTTP/1.1\r\n\r\n", "GET * HTTP/1.1\r\n\r\n",
        "GET /\u{1} HTTP/1.1\r\n\r\n", "GET /ü HTTP/1.1\r\n\r\n", "X\nGET / HTTP/1.1\r\n\r\n",
        "G(T / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nNo colon\r\n\r\n", "GET / HTTP/1.1\r\n: x\r\n\r\n",
        "GET / HTTP/1.1\r\nA : x\r\n\r\n", "GET / HTTP/1.1\r\nA: x\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nA: x\ry\r\n\r\n", "GET / HTTP/1.1\r\nA: x\ny\r\n\r\n", "GET / HTTP/1.1\r\nA: \0\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
    ])
    func malformedHeadsEndTheConnection(_ input: Input) {
        let log = Transcript(input.text)
        #expect(log.failure == .malformed)
        #expect(log.lines == [])
    }

    /// Where two readers could disagree about where a request ends.
    @Test(arguments: [
        Input("Content-Length: 5\r\nTransfer-Encoding: chunked"), "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6", "Content-Length: 5, 5", "Content-Length: +5", "Content-Length: -1",
        "Content-Length: 0x5", "Content-Length: 5 5", "Content-Length:", "Content-Length: 99999999999999999999",
        "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: chunked, chunked", "Transfer-Encoding: identity",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "Transfer-Encoding:\u{B}chunked",
        "Transfer-Encoding : chunked", "Content-Length\u{0}: 5",
    ])
    func ambiguousLengthsAreRefused(_ fields: Input) {
        #expect(Transcript("POST / HTTP/1.1\r\n\(fields.text)\r\n\r\nhello").failure == .malformed)
    }

    @Test func equalLengthsSaidTwiceAreOneLength() {
        let log = Transcript("POST / HTTP/1.1\r\nContent-Length: 2\r\ncontent-length: 2\r\n\r\nok")
        #expect(log.lines == ["post /", "body ok", "end"])
    }

    @Test(arguments: [
        Input("x\r\n"), "\r\n", "-5\r\nhello\r\n", "0x5\r\nhello\r\n", "5 \r\nhello\r\n", "5\nhello\r\n",
        "123456789\r\n",
        "5\r\nhelloX\r\n", "5\r\nhello\n", "5\r\nhello\r\r\n", Input("5;" + String(repeating: "e", count: 300)),
        "0\r\nno colon\r\n\r\n", "0\r\n: x\r\n\r\n", "0\r\na b: x\r\n\r\n", "0\r\na: x\ry\r\n\r\n", "0\r\n\n",
    ])
    func malformedChunksEndTheConnection(_ chunks: Input) {
        #expect(Transcript("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\(chunks.text)").failure == .malformed)
    }

    // MARK: Limits

    @Test func aHeadOf128KiBIsReadAndALongerOneIsNot() {
        let begin = "GET / HTTP/1.1\r\nA: "
        let room = 131_072 - begin.utf8.count - 4
        #expect(Transcript("\(begin)\(String(repeating: "x", count: room))\r\n\r\n").lines == ["get /", "end"])
        #expect(Transcript("\(begin)\(String(repeating: "x", count: room + 1))\r\n\r\n").failure == .headTooLarge)
    }

    @Test func aHeadThatDoesNotEndIsCutOff() {
        #expect(Transcript(String(repeating: "A", count: 131_072)).failure == nil)
        #expect(Transcript(String(repeating: "A", count: 131_073)).failure == .headTooLarge)
    }

    @Test func aHeadHas200FieldsAtTheMost() {
        #expect(Transcript("GET / HTTP/1.1\r\n\(String(repeating: "A: b\r\n", count: 200))\r\n").failure == nil)
        #expect(Transcript("GET / HTTP/1.1\r\n\(String(repeating: "A: b\r\n", count: 201))\r\n").failure != nil)
    }

    @Test func trailersAreLimitedToo() {
        let begin = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
        #expect(Transcript("\(begin)\(String(repeating: "A: b\r\n", count: 200))\r\n").failure == nil)
        #expect(Transcript("\(begin)\(String(repeating: "A: b\r\n", count: 201))\r\n").failure == .headTooLarge)
        #expect(Transcript("\(begin)A: \(String(repeating: "b", count: 140_000))").failure == .malformed)
    }

    @Test func aConnectionIsBetweenRequestsWhenNoneHasBegun() throws {
        var decoder = HTTPRequestDecoder()
        var buffer = ByteBuffer(string: "POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n")
        #expect(decoder.isBetweenRequests)
        _ = try decoder.next(&buffer)
        #expect(!decoder.isBetweenRequests)
        buffer.writeString("x")
        while try decoder.next(&buffer) != nil {}
        #expect(decoder.isBetweenRequests)
    }

    // MARK: Splits and noise

    @Test(arguments: [
        Input("GET /next HTTP/1.1\r\nHost: x\r\n\r\n\r\nPOST /r HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"),
        "POST /r HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nA: b\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        "POST /r HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX", "GET /x HTTP/1.1\r\nA: b\rc\r\n\r\n",
    ])
    func bytesThatTrickleInAreReadAsIfTheyCameAtOnce(_ input: Input) {
        let whole = Transcript(input.text)
        let single = Transcript(pieces: input.text.utf8.map { [$0] })
        #expect(single == whole)
        #expect(!whole.lines.isEmpty || whole.failure != nil)
    }

    @Test func twentyThousandMutatedRequestsAreReadTheSameHoweverTheyAreSplit() {
        let seeds = [
            "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nAccept: */*\r\n\r\n",
            "POST /r HTTP/1.1\r\nContent-Length: 11\r\nConnection: close\r\n\r\n{\"a\":\"b\"}\r\n",
            "POST /r HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nb\r\nhello world\r\n0\r\nT: v\r\n\r\n",
            "PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\nGET /n HTTP/1.1\r\n\r\n",
        ].map { Array($0.utf8) }
        let alphabet = Array("\r\n: \t;0aF,-/\0\u{7F}".utf8)
        var generator = SeededGenerator(seed: 1)
        var (read, refused) = (0, 0)
        for _ in 0..<20_000 {
            let bytes = generator.mutated(
                (0..<Int.random(in: 1...2, using: &generator)).flatMap { _ in
                    seeds.randomElement(using: &generator)!
                }, alphabet: alphabet)
            let whole = Transcript(pieces: [bytes])
            let split = Transcript(pieces: generator.pieces(bytes))
            guard split == whole else {
                Issue.record("\(bytes) split: \(split), whole: \(whole)")
                return
            }
            if whole.failure == nil { read += 1 } else { refused += 1 }
        }
        // Neither outcome is what every input comes to.
        #expect(read > 1000)
        #expect(refused > 1000)
    }

    @Test func noiseIsNeverMoreThanRefused() {
        var generator = SeededGenerator(seed: 2)
        for _ in 0..<2000 {
            let bytes = generator.bytes(0...300) + Array("\r\n\r\n".utf8)
            #expect(Transcript(pieces: [bytes]) == Transcript(pieces: generator.pieces(bytes)))
        }
    }
}

/// What the decoder made of some bytes, with the parts of a body joined.
private struct Transcript: Equatable, CustomStringConvertible {
    var lines: [String] = []
    var failure: HTTPRequestDecoder.Failure?
    var heads: [HTTPRequestHead] = []

    init(_ text: String) { self.init(pieces: [Array(text.utf8)]) }

    init(pieces: [[UInt8]]) {
        var decoder = HTTPRequestDecoder()
        var buffer = ByteBuffer()
        var body: [UInt8] = []
        do throws(HTTPRequestDecoder.Failure) {
            for piece in pieces {
                buffer.writeBytes(piece)
                while let event = try decoder.next(&buffer) {
                    switch event {
                    case .head(let head):
                        heads.append(head)
                        lines.append("\(head.method) \(head.target)")
                    case .body(let part):
                        body += part.readableBytesView
                    case .end(let trailers):
                        if !body.isEmpty { lines.append("body \(String(decoding: body, as: UTF8.self))") }
                        body = []
                        for (name, value) in trailers { lines.append("trailer \(name)=\(value)") }
                        lines.append("end")
                    }
                }
            }
        } catch {
            failure = error
        }
        if !body.isEmpty { lines.append("part \(body)") }
    }

    static func == (a: Self, b: Self) -> Bool { a.lines == b.lines && a.failure == b.failure }

    var description: String { "\(lines) \(failure.map { "\($0)" } ?? "ok")" }
}
