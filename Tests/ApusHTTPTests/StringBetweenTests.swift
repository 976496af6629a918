import ApusHTTP
import Testing

struct StringBetweenTests {
    @Test(arguments: [
        ("/a/x/z", "x"), ("/a//z", ""), ("/a/z", nil), ("/a/x/zz", nil), ("/b/x/z", nil), ("", nil), ("/a/é/z", "é"),
        ("/A/x/z", nil),
    ])
    func onlyAWholeFrameCounts(_ text: String, inside: String?) {
        #expect(text.text(between: "/a/", and: "/z").map { String($0) } == inside)
        // A part of a text is looked at as the whole is.
        #expect("-\(text)-".dropFirst().dropLast().text(between: "/a/", and: "/z").map { String($0) } == inside)
    }
}
