import ApusTesting
import ApusWire
import NIOCore
import Testing

struct JSONTests {
    @Test(
        arguments: [
            ("null", JSON.null), ("true", true), (" false\n", false), ("0", 0), ("-0", 0), ("-12", -12),
            ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
            ("9223372036854775808", .double(9_223_372_036_854_775_808)), ("1.5", 1.5), ("1e2", .double(100)),
            ("-2.5E-1", -0.25), ("1E+2", .double(100)), (#""""#, ""), (#""a""#, "a"),
            (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u00e9\u20AC""#, "é€"), (#""\ud83d\ude00""#, "😀"),
            (#""\ud83d""#, "\u{FFFD}"), (#""\ude00x""#, "\u{FFFD}x"), (#""\ud83d\u0041""#, "\u{FFFD}A"),
            (#""é😀\u0000""#, "é😀\0"), ("[]", []), ("[1,[2,[]],{}]", [1, [2, []], [:]]), ("{}", [:]),
            (#"{"b":1,"a":{"c":null}}"#, ["b": 1, "a": ["c": nil]]), (#"{"a":1,"b":2,"a":3}"#, ["a": 3, "b": 2]),
            (#"{"é":1,"":2}"#, ["é": 1, "": 2]), ("\t\r\n [ 1 , 2 ] ", [1, 2]),
            (
                #""0123456789012345678901234567890123456789\n0123456789""#,
                "0123456789012345678901234567890123456789\n0123456789"
            ),
        ] as [(String, JSON)])
    func accepts(_ text: String, _ value: JSON) throws {
        let isObject = value.object != nil
        #expect((Array(text.utf8).withUnsafeBytes { JSONScan.object($0, textOf: "a") } != nil) == isObject)
        #expect(try JSON(parsing: text) == value)
        #expect(JSONScan.isValid(ByteBuffer(string: text)))
    }

    @Test(arguments: [
        ("", 0), (" ", 1), ("nul", 0), ("nulll", 0), ("True", 0), ("{", 1), ("[", 1), ("}", 0), ("[1", 2), ("[1,", 3),
        ("[1,]", 3), ("[,1]", 1), ("[1 2]", 3), ("{\"a\"}", 4), ("{\"a\":}", 5), ("{\"a\":1,}", 7), ("{a:1}", 1),
        ("{\"a\":1 \"b\":2}", 7), ("01", 1), ("-", 1), ("-a", 1), ("+1", 0), ("1.", 2), ("1.e1", 2), (".5", 0),
        ("1e", 2), ("1e+", 3), ("0x1", 1), ("1 1", 2), ("\"", 1), ("\"a", 2), ("\"\\", 2), ("\"\\x\"", 2),
        ("\"\\u12\"", 5), ("\"\\u123g\"", 6), ("\"\u{1}\"", 1), ("\"a\nb\"", 2), ("'a'", 0), ("NaN", 0),
        ("Infinity", 0), ("[1]x", 3), ("\u{FEFF}1", 0), ("\"01234567890123456789\u{1F}\"", 21),
    ])
    func refuses(_ text: String, at offset: Int) {
        #expect(throws: JSONError.self) { try JSON(parsing: text) }
        #expect(JSONScan.firstError(ByteBuffer(string: text))?.offset == offset)
    }

    @Test(
        arguments: [
            [0x80], [0xC0, 0x80], [0xC2], [0xC2, 0x20], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xE2, 0x82],
            [0xF0, 0x80, 0x80, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xF0, 0x9F, 0x98],
        ] as [[UInt8]])
    func refusesWhatIsNotUTF8(_ bytes: [UInt8]) {
        let text = [0x22] + bytes + [0x22]
        #expect(throws: JSONError.self) { try JSON(parsing: text) }
        #expect(!JSONScan.isValid(ByteBuffer(bytes: text)))
    }

    /// Strings are scanned in words of eight bytes: each lane must see each kind of byte.
    @Test(arguments: 0..<24)
    func everyByteIsSeenAtEveryPlace(_ place: Int) {
        for byte in UInt8.min...UInt8.max {
            var text = [UInt8](repeating: UInt8(ascii: "x"), count: 32)
            text[place] = byte
            let isGood = byte >= 0x20 && byte < 0x80 && byte != 0x22 && byte != 0x5C
            #expect(JSONScan.isValid(ByteBuffer(bytes: [0x22] + text + [0x22])) == isGood, "\(byte)")
        }
    }

    @Test func depthIsLimited() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(try JSON(parsing: nested(128)).array?.count == 1)
        #expect(throws: JSONError(offset: 128, reason: .tooDeep(limit: 128))) { try JSON(parsing: nested(129)) }
        #expect(JSONScan.isValid(ByteBuffer(string: nested(1000))))
        #expect(!JSONScan.isValid(ByteBuffer(string: nested(1001))))
        #expect(!JSONScan.isValid(ByteBuffer(string: String(repeating: "{\"a\":", count: 1_000_000))))
    }

    @Test func numbersBeyondDoublesAreRefused() {
        #expect(throws: JSONError(offset: 1, reason: .badNumber(.outOfRange))) { try JSON(parsing: "[1e400]") }
    }

    /// The two texts that begin alike were recorded.
    @Test(
        arguments: [
            (
                [0x99],
                "Unexpected character ((CTRL-CHAR, code 153)): expected a valid value "
                    + "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')", 1, 1
            ),
            ([0x22, 0x61, 0x87], "Invalid UTF-8 start byte 0x87", 1, 3),
            (
                Array("hello".utf8),
                "Unrecognized token 'hello': was expecting "
                    + "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')", 1, 1
            ),
            (
                Array("{\n  \"a\" 1}".utf8),
                "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value", 2, 7
            ),
        ] as [([UInt8], String, Int, Int)])
    func errorsReadAsLambdaSaysThem(_ bytes: [UInt8], _ sentence: String, _ line: Int, _ column: Int) throws {
        let error = try #require(JSONScan.firstError(ByteBuffer(bytes: bytes)))
        #expect(
            error.lambdaText(in: bytes) == sentence
                + "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); "
                + "line: \(line), column: \(column)]")
    }

    @Test(
        arguments: [
            (JSON.string("a\"\\\u{1}\n\u{7F}é"), #""a\"\\\u0001\n"# + "\u{7F}é\""), (1.5, "1.5"),
            (.double(1e300), "1e+300"),
            (.double(.nan), #""NaN""#), ([1, nil, true, ["k": "v"]], #"[1,null,true,{"k":"v"}]"#),
        ] as [(JSON, String)])
    func writes(_ value: JSON, _ text: String) { #expect(value.text == text) }

    @Test func randomValuesComeBack() throws {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<2_000 {
            let value = randomValue(depth: 4, &generator)
            #expect(try JSON(parsing: value.bytes) == value)
            #expect(JSONScan.isValid(ByteBuffer(bytes: value.bytes)))
        }
    }

    @Test func mutatedTextNeverCrashesAndReadersAgree() {
        var generator = SeededGenerator(seed: 2)
        for _ in 0..<20_000 {
            let bytes = randomValue(depth: 3, &generator).bytes.mutated(&generator)
            let error = JSONScan.firstError(ByteBuffer(bytes: bytes), depth: 128)
            do throws(JSONError) {
                let value = try JSON(parsing: bytes)
                #expect(error == nil)
                #expect((try? JSON(parsing: value.bytes)) == value)
            } catch {
                let scan = JSONScan.firstError(ByteBuffer(bytes: bytes), depth: 128)
                if error.reason != .badNumber(.outOfRange) { #expect(scan == error) }
                _ = error.lambdaText(in: bytes)
            }
        }
    }

    private func randomValue(depth: Int, _ generator: inout SeededGenerator) -> JSON {
        switch Int.random(in: 0..<(depth > 0 ? 8 : 6), using: &generator) {
        case 0: return .null
        case 1: return .bool(Bool.random(using: &generator))
        case 2:
            return .integer(Int64(truncatingIfNeeded: generator.next()) >> Int64.random(in: 0..<64, using: &generator))
        case 3: return .double(Double.random(in: -1e9...1e9, using: &generator) + 0.5)
        case 4, 5:
            let alphabet: [Character] = ["a", "b", "\"", "\\", "\n", "\u{1}", "é", "€", "😀", " ", "/", "\u{7F}"]
            let count = Int.random(in: 0..<40, using: &generator)
            return .string(String((0..<count).map { _ in alphabet.randomElement(using: &generator)! }))
        case 6:
            return .array(
                (0..<Int.random(in: 0..<4, using: &generator)).map { _ in randomValue(depth: depth - 1, &generator) })
        default:
            return .object(
                WireMap(
                    (0..<Int.random(in: 0..<4, using: &generator)).map { place in
                        (key: "k\(place)", value: randomValue(depth: depth - 1, &generator))
                    }))
        }
    }
}

struct Base64Tests {
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func vectorsOfTheStandard(_ plain: String, _ encoded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == encoded)
        #expect(Base64.decode(encoded) == Array(plain.utf8))
    }

    @Test(arguments: [
        "Z", "Zg", "Zg=", "Zg===", "=Zg=", "Z===", "====", "Zm9v=", "Zm=v", "Zh==", "Zm9=", "Zm 9", "Zm9v\n", "Zm-_",
        "Zm9vé===",
    ])
    func refuses(_ text: String) { #expect(Base64.decode(text) == nil) }

    @Test func randomBytesComeBack() {
        var generator = SeededGenerator(seed: 3)
        for count in 0..<300 {
            let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
        }
        for _ in 0..<10_000 {
            let bytes = Array(Base64.encode((0..<9).map { UInt8($0) }).utf8).mutated(&generator)
            let text = String(decoding: bytes, as: UTF8.self)
            if let decoded = Base64.decode(text) { #expect(Base64.encode(decoded) == text) }
        }
    }
}

struct JSONObjectScanTests {
    @Test(
        arguments: [
            (#"{"level":"warn","n":1}"#, "warn"), (#" {"n":{"level":"x"},"level":"a\"b"} "#, "a\"b"),
            (#"{"level":"a","level":"b"}"#, "b"), (#"{"level":"a","level":1}"#, nil), (#"{"Level":"a"}"#, nil),
            (#"{"level":null}"#, nil), (#"{"n":["level","a"]}"#, nil), ("{}", nil),
        ] as [(String, String?)])
    func findsAMemberAtTheTop(_ text: String, _ value: String?) {
        let found = Array(text.utf8).withUnsafeBytes { JSONScan.object($0, textOf: "level") }
        #expect(found.map(\.text) == .some(value))
    }

    @Test(arguments: [
        "", "x", "[]", #""level""#, #"{"level":"a""#, #"{"level":"a"}x"#, #"{"level":}"#, #"{"level":"a",}"#,
        #"{"level" "a"}"#, "{\"level\":\"\n\"}", "{\"level\":\"\u{7f}\"} }",
    ])
    func anythingElseIsNoObject(_ text: String) {
        #expect(Array(text.utf8).withUnsafeBytes { JSONScan.object($0, textOf: "level") } == nil)
    }

    @Test func deepNestingIsNoObject() {
        let deep = #"{"n":"# + String(repeating: "[", count: 2000) + String(repeating: "]", count: 2000) + "}"
        #expect(Array(deep.utf8).withUnsafeBytes { JSONScan.object($0, textOf: "level") } == nil)
    }
}

struct PercentTests {
    @Test(arguments: [
        ("a b", "a%20b"), ("/é~", "%2F%C3%A9~"), ("-._~aZ09", "-._~aZ09"), ("+%", "%2B%25"), ("", ""),
    ])
    func encodes(_ plain: String, _ encoded: String) {
        #expect(Percent.encode(plain) == encoded)
        #expect(Percent.decode(encoded) == plain)
    }

    @Test(arguments: [
        ("%", "%"), ("%2", "%2"), ("%zz", "%zz"), ("%41%", "A%"), ("%c3%a9", "é"), ("%FF", "\u{FFFD}"), ("a+b", "a+b"),
    ])
    func decodesWhatIsNotEncodedWell(_ text: String, _ plain: String) { #expect(Percent.decode(text) == plain) }

    @Test func readsQueries() {
        let parameters = Percent.query("a=1&b&c=x%20y+z&=e&&a=2=3")
        #expect(parameters.map(\.name) == ["a", "b", "c", "", "a"])
        #expect(parameters.map(\.value) == ["1", "", "x y z", "e", "2=3"])
    }
}
