import ApusArchive
import Testing

struct EntryTreeTests {
    typealias Step = (name: String, kind: EntryTree.Kind)

    @Test(
        arguments: [
            ("app.py", [["app.py"]]), ("a/b/c", [["a", "b", "c"]]), ("./a//b/./c/", [["a", "b", "c"]]), ("./", [[]]),
            ("...", [["..."]]), ("a/..b", [["a", "..b"]]),
        ] as [(String, [[String]])])
    func namesAreTakenApart(_ name: String, _ expected: [[String]]) throws {
        var tree = EntryTree(nodeLimit: 10)
        let kind: EntryTree.Kind = name.hasSuffix("/") ? .directory : .file
        let path = try tree.add(ArraySlice(name.utf8), kind)
        #expect([path.map { String(decoding: $0, as: UTF8.self) }] == expected)
    }

    @Test(arguments: [
        "", "/", "/etc/passwd", "//x", "..", "../x", "a/../b", "a/..", "a\\b", "..\\x", "a\0b", ".",
        String(repeating: "x", count: 256), String(repeating: "a/", count: 101) + "x",
        String(repeating: "abcdefg/", count: 512) + "x",
    ])
    func namesThatNoHonestArchiveHasAreRefused(_ name: String) {
        var tree = EntryTree(nodeLimit: 1000)
        expectFailure(.unsafe) { () throws(ArchiveError) in _ = try tree.add(ArraySlice(name.utf8), .file) }
    }

    @Test func nothingLiesBelowALinkOrAFile() throws {
        for kind in [EntryTree.Kind.link, .file] {
            var tree = EntryTree(nodeLimit: 10)
            _ = try tree.add(ArraySlice("a".utf8), kind)
            expectFailure(.unsafe) { () throws(ArchiveError) in _ = try tree.add(ArraySlice("a/b".utf8), .file) }
            expectFailure(.unsafe) { () throws(ArchiveError) in _ = try tree.add(ArraySlice("./a//b/c".utf8), .link) }
        }
    }

    @Test func aDirectoryIsNeverReplaced() throws {
        var tree = EntryTree(nodeLimit: 10)
        _ = try tree.add(ArraySlice("d/x".utf8), .file)
        for kind in [EntryTree.Kind.link, .file] {
            expectFailure(.unsafe) { () throws(ArchiveError) in _ = try tree.add(ArraySlice("d".utf8), kind) }
        }
        _ = try tree.add(ArraySlice("d/".utf8), .directory)
    }

    @Test func aFileMayComeTwiceAndALinkMayNot() throws {
        var tree = EntryTree(nodeLimit: 10)
        _ = try tree.add(ArraySlice("f".utf8), .file)
        _ = try tree.add(ArraySlice("f".utf8), .file)
        expectFailure(.unsafe) { () throws(ArchiveError) in _ = try tree.add(ArraySlice("f".utf8), .link) }
        _ = try tree.add(ArraySlice("l".utf8), .link)
        expectFailure(.unsafe) { () throws(ArchiveError) in _ = try tree.add(ArraySlice("l".utf8), .link) }
        expectFailure(.unsafe) { () throws(ArchiveError) in _ = try tree.add(ArraySlice("l".utf8), .file) }
    }

    @Test func impliedDirectoriesCountToo() throws {
        var tree = EntryTree(nodeLimit: 4)
        _ = try tree.add(ArraySlice("a/b/c/d".utf8), .file)
        expectFailure(.tooManyEntries) { () throws(ArchiveError) in _ = try tree.add(ArraySlice("e".utf8), .file) }
    }

    @Test(arguments: [
        (0, "x", true), (0, "a/b", true), (1, "../x", true), (2, "../../x", true), (1, "./../x", true), (0, ".", true),
        (0, "..", false), (1, "../..", false), (0, "/etc", false), (0, "", false), (0, "a/../b", false),
        (2, "../a/../b", false), (0, "a/..", false),
    ])
    func linksStayInside(_ depth: Int, _ target: String, _ isFine: Bool) {
        let check = { () throws(ArchiveError) in
            try EntryTree.checkTarget(Array(target.utf8), of: ArraySlice("l".utf8), depth: depth)
        }
        if isFine {
            #expect(throws: Never.self) { try check() }
        } else {
            expectFailure(.unsafe) { () throws(ArchiveError) in try check() }
        }
    }
}

/// Expects the code, whatever the words.
func expectFailure(
    _ code: ArchiveError.Code, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws(ArchiveError) -> Void
) {
    do {
        try body()
        Issue.record("nothing was thrown", sourceLocation: sourceLocation)
    } catch {
        #expect(error.code == code, "\(error)", sourceLocation: sourceLocation)
    }
}
