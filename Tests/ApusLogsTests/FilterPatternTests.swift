import ApusLogs
import ApusModel
import ApusShapes
import ApusTesting
import Testing

struct FilterPatternTests {
    private static let messages = [
        "ERROR disk full", "error Disk full", "WARN ERROR soon", "INFO all well", "a \"quoted word\" here",
        "50% [x] {y}",
        "back\\slash", "-dash ?mark",
    ]

    @Test(
        arguments: [
            ("", [0, 1, 2, 3, 4, 5, 6, 7]), ("   ", [0, 1, 2, 3, 4, 5, 6, 7]), ("ERROR", [0, 2]), ("ERROR full", [0]),
            ("full ERROR", [0]), ("  ERROR   full ", [0]), ("ERR", [0, 2]), ("\"disk full\"", [0]), ("\"Disk\"", [1]),
            ("-ERROR", [1, 3, 4, 5, 6, 7]), ("full -ERROR", [1]), ("-\"disk full\" ERROR", [2]),
            ("?ERROR ?INFO", [0, 2, 3]), ("?ERROR ?INFO full", [0]), ("?ERROR -WARN", [0]),
            ("\"\\\"quoted word\\\"\"", [4]), ("\"[x]\"", [5]), ("50%", [5]), ("\"back\\\\slash\"", [6]),
            ("\"-dash\"", [7]), ("\"?mark\"", [7]), ("nothing", []),
        ] as [(String, [Int])])
    func termsChooseTheEventsThatTheyOccurIn(_ pattern: String, expected: [Int]) async throws {
        try await LogsFixture.run { fixture in
            await fixture.write(Self.messages.enumerated().map { ("s", $0.offset, $0.element) })
            let found = try await fixture.filter { $0.filterPattern = pattern }
            #expect(found.texts == expected.map { Self.messages[$0] })
        }
    }

    @Test(arguments: [
        ("\"open", "Invalid filter pattern"), ("-", "Invalid filter pattern"), ("?", "Invalid filter pattern"),
        ("\"\"", "Invalid filter pattern"), ("a -\"\"", "Invalid filter pattern"),
        ("\"end\\", "Invalid filter pattern"),
        (
            "{ $.level = \"ERROR\" }",
            "Filter patterns of this kind are not available in this version of Apus: { $.level = \"ERROR\" }"
        ),
        ("[ip, user]", "Filter patterns of this kind are not available in this version of Apus: [ip, user]"),
        (" %regex%", "Filter patterns of this kind are not available in this version of Apus:  %regex%"),
    ])
    func otherPatternsAreRefused(_ pattern: String, message: String) async throws {
        try await LogsFixture.run { fixture in
            await fixture.write([("s", 0, "x")])
            let fault = try await fault { _ = try await fixture.filter { $0.filterPattern = pattern } }
            #expect(fault == Fault("InvalidParameterException", status: 400, message))
        }
    }
}
