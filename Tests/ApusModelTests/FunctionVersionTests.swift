import ApusModel
import Testing

struct FunctionVersionTests {
    @Test(arguments: [
        ("$LATEST", FunctionVersion.latest), ("1", .published(1)), ("10", .published(10)),
        ("999999999", .published(999_999_999)),
    ])
    func versionsAreReadAndPrinted(_ text: String, version: FunctionVersion) {
        #expect(FunctionVersion(text) == version)
        #expect(version.description == text)
    }

    @Test(arguments: ["", "0", "01", "-1", "+1", "1.0", "live", "$latest", "LATEST", "99999999999999999999", "１"])
    func otherTextsAreNoVersions(_ text: String) {
        #expect(FunctionVersion(text) == nil)
    }
}
