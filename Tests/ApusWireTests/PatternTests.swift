import ApusTesting
import ApusWire
import Testing

struct PatternTests {
    @Test(
        arguments: [
            ("abc", ["abc"], ["", "ab", "abcd", "xabc"]),
            ("a*", ["", "a", "aaaa"], ["b", "ab"]),
            ("[a-zA-Z0-9-_]+", ["a-_Z9"], ["", "a.b", "é"]),
            ("(|x)", ["", "x"], ["xx"]),
            ("a{2,3}", ["aa", "aaa"], ["a", "aaaa"]),
            ("a{2,}", ["aa", "aaaaa"], ["a"]),
            ("a{2}b?", ["aa", "aab"], ["aabb"]),
            (#"\d{12}|\*"#, ["123456789012", "*"], ["12345678901", "**"]),
            (#"(?!^[0-9]+$)([a-zA-Z0-9-_]+)"#, ["a", "1a", "a1"], ["1", "123", ""]),
            (#"((?!^\d+$)^[0-9a-zA-Z-_]+$)"#, ["live", "v1"], ["1", "$LATEST"]),
            (#"(a(:((?!\d+$)[0-9a-zA-Z-_]+))?)"#, ["a", "a:b", "a:1b"], ["a:1", "a:"]),
            (#"[0-9A-Za-z\.\-_]*(?<!\.)"#, ["", "a", "a.b"], ["a.", "."]),
            (#"$|kafka://x"#, ["", "kafka://x"], ["x"]),
            (#"(^(?!(system\x2e)))(^[_a-zA-Z0-9])([^$]*)"#, ["abc", "systemx"], ["system.x", "$a", ""]),
            (#"^a$|^b$"#, ["a", "b"], ["ab", ""]),
            (".*", ["", "abc", "é😀"], ["a\nb"]),
            (#"[\s\S]*"#, ["", "a\nb"], []),
            (#"[^\s]+"#, ["abc"], ["a b", ""]),
            (#"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)"#, ["", "é ٣/x@y", "a-b"], ["a!b", "😀"]),
            (#"[\u0020-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+"#, ["a", "😀"], ["\u{1}", "\u{FFFE}"]),
            (#"[\w-_]*"#, ["a-_"], ["."]),
            ("[]a]", ["]", "a"], ["b"]),
            ("[a-]", ["a", "-"], ["b"]),
            ("(?:ab)+", ["ab", "abab"], ["a", "aba"]),
            ("(a*)*", ["", "aaa"], ["b"]),
        ] as [(String, [String], [String])])
    func matchesWholeTexts(_ source: String, _ good: [String], _ bad: [String]) {
        let pattern = Pattern(source)
        #expect(pattern.isSupported)
        for text in good { #expect(pattern.matches(text), "\(text)") }
        for text in bad { #expect(!pattern.matches(text), "\(text)") }
    }

    @Test(arguments: ["(", ")", "[", "a{", "a{2,1}", "*", #"\q"#, "[z-a]", "(?P<x>a)", #"\p{Q}"#, "a{99999999999}"])
    func whatIsNotSupportedRefusesNothing(_ source: String) {
        let pattern = Pattern(source)
        #expect(!pattern.isSupported)
        #expect(pattern.matches("anything"))
    }

    /// Each of these takes a backtracking matcher longer than the universe has.
    @Test(arguments: ["(a*)*b", "(a|a)*b", "(a|aa)+b", "((a+)+)+b", "(a?){50}a{50}b"])
    func hostileTextsTakeLinearTime(_ source: String) {
        let elapsed = ContinuousClock().measure {
            #expect(!Pattern(source).matches(String(repeating: "a", count: 20_000)))
        }
        #expect(elapsed < .seconds(5))
    }

    @Test func randomPatternsNeverCrash() {
        var generator = SeededGenerator(seed: 4)
        let alphabet = Array("ab(|)*+?{}[]^$\\.-,12dwsp:!<=")
        for _ in 0..<20_000 {
            let source = String(
                (0..<Int.random(in: 0..<16, using: &generator)).map { _ in
                    alphabet.randomElement(using: &generator)!
                })
            // Large counts multiply; tables have none nested.
            guard source.count(where: { $0 == "{" }) < 2 else { continue }
            _ = Pattern(source).matches("ab1")
        }
    }
}
