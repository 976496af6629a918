import ApusArchive
import ApusTesting
import Foundation
import Testing

private let limit = 10_000_000

struct ZipArchiveTests {
    @Test func pythonsArchiveIsUnpackedWithItsModes() throws {
        let bytes = try ZipFixture.python(
            """
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
                z.writestr("app.py", "print(1)")
                for name, mode in [("bootstrap", 0o755), ("suid", 0o4755), ("secret", 0o600), ("d/r\\u00e9sum\\u00e9", 0o644)]:
                    info = zipfile.ZipInfo(name)
                    info.external_attr = (stat.S_IFREG | mode) << 16
                    z.writestr(info, name)
                info = zipfile.ZipInfo("d/l\\u00efnk")
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
                z.writestr(info, "../r\\u00e9sum\\u00e9")
                z.mkdir("empty", 0o700)
            """)
        #expect(try ZipArchive.inspect(bytes, unzippedLimit: limit) == .init(entries: 7, unzippedBytes: 37))
        let folder = try TemporaryFolder()
        try ZipArchive.unpack(bytes, into: "\(folder.path)/t", unzippedLimit: limit)
        #expect(
            try listing("\(folder.path)/t") == [
                "app.py 644 print(1)", "bootstrap 755 bootstrap", "d/ 755", "d/lïnk -> ../résumé",
                "d/résumé 644 d/résumé", "empty/ 755", "secret 644 secret", "suid 755 suid",
            ])
    }

    @Test func modificationTimesAreKept() throws {
        let bytes = try ZipFixture.python(
            """
            with zipfile.ZipFile(out, "w") as z:
                z.writestr(zipfile.ZipInfo("a", (2001, 2, 3, 4, 5, 6)), "x")
            """)
        let folder = try TemporaryFolder()
        try ZipArchive.unpack(bytes, into: "\(folder.path)/t", unzippedLimit: limit)
        let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder.path)/t/a")
        let year = Calendar.current.component(.year, from: try #require(attributes[.modificationDate] as? Date))
        #expect(year == 2001)
    }

    @Test func theLastOfTwoFilesOfOneNameStays() throws {
        let folder = try TemporaryFolder()
        let bytes = ZipFixture([.init("a", "one"), .init("a", "two", mode: 0o100755)]).bytes
        try ZipArchive.unpack(bytes, into: "\(folder.path)/t", unzippedLimit: limit)
        #expect(try listing("\(folder.path)/t") == ["a 755 two"])
    }

    @Test func prefixCommentAndSixtyFourBitRecordsAreRead() throws {
        var fixture = ZipFixture([.init("a", "one"), .init("b/c", "two")])
        fixture.prefix = Array("#!/bin/sh\n".utf8)
        fixture.comment = Array("a comment".utf8)
        #expect(try ZipArchive.inspect(fixture.bytes, unzippedLimit: limit).unzippedBytes == 6)
        let wide = try ZipFixture.python(
            """
            with zipfile.ZipFile(out, "w") as z:
                with z.open("big", "w", force_zip64=True) as f:
                    f.write(b"x" * 1000)
            """)
        #expect(try ZipArchive.inspect(wide, unzippedLimit: limit).unzippedBytes == 1000)
        let many = try ZipFixture.python(
            """
            with zipfile.ZipFile(out, "w") as z:
                for i in range(70000):
                    z.writestr(str(i), b"")
            """)
        #expect(try ZipArchive.inspect(many, unzippedLimit: limit).entries == 70_000)
        expectFailure(.tooManyEntries) { () throws(ArchiveError) in
            _ = try ZipArchive.inspect(many, unzippedLimit: limit, entryLimit: 69_999)
        }
    }

    @Test func anEmptyArchiveHasNoEntries() throws {
        #expect(try ZipArchive.inspect(ZipFixture([]).bytes, unzippedLimit: 0).entries == 0)
    }

    @Test func realInflatedBytesAreCounted() throws {
        let bomb = try ZipFixture.python(
            """
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
                z.writestr("zeros", bytes(50_000_000))
            """)
        #expect(bomb.count < 100_000)
        let folder = try TemporaryFolder()
        expectFailure(.tooLarge) { () throws(ArchiveError) in
            try ZipArchive.unpack(bomb, into: "\(folder.path)/t", unzippedLimit: limit)
        }
        #expect(try listing(folder.path) == [])
        // The same with sizes that lie: whatever they claim, the archive is refused.
        for claimed in [[UInt8](repeating: 0, count: 4), [1, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0x7F]] {
            var lying = bomb
            lying.replaceSubrange(22..<26, with: claimed)
            let directory = try #require(lastIndex(of: [0x50, 0x4B, 1, 2], in: lying))
            lying.replaceSubrange(directory + 24..<directory + 28, with: claimed)
            #expect(throws: ArchiveError.self) { try ZipArchive.inspect(lying, unzippedLimit: limit) }
        }
    }

    @Test func limitsAreExact() throws {
        let bytes = ZipFixture([.init("a", "12345"), .init("b", "67890")]).bytes
        #expect(try ZipArchive.inspect(bytes, unzippedLimit: 10).unzippedBytes == 10)
        expectFailure(.tooLarge) { () throws(ArchiveError) in _ = try ZipArchive.inspect(bytes, unzippedLimit: 9) }
    }

    struct Hostile: CustomTestStringConvertible {
        var testDescription: String
        var code: ArchiveError.Code
        var fixture: ZipFixture

        init(_ description: String, _ code: ArchiveError.Code, _ entries: [ZipFixture.Entry]) {
            self.testDescription = description
            self.code = code
            self.fixture = ZipFixture(entries)
        }
    }

    static let hostile: [Hostile] = [
        Hostile("traversal", .unsafe, [.init("../evil", "x")]),
        Hostile("traversal inside", .unsafe, [.init("a/../../evil", "x")]),
        Hostile("absolute", .unsafe, [.init("/tmp/evil", "x")]),
        Hostile("backslash", .unsafe, [.init("..\\evil", "x")]),
        Hostile("NUL", .unsafe, [.init("a\0b", "x")]),
        Hostile("link to the root", .unsafe, [.init("l", "/", mode: 0o120777)]),
        Hostile("link out", .unsafe, [.init("l", "../x", mode: 0o120777)]),
        Hostile("link out by descending", .unsafe, [.init("a/l", "../b/../../x", mode: 0o120777)]),
        Hostile("file below a link", .unsafe, [.init("l", "d", mode: 0o120777), .init("l/x", "x")]),
        Hostile("directory becomes a link", .unsafe, [.init("d/x", "x"), .init("d", ".", mode: 0o120777)]),
        Hostile("link becomes a file", .unsafe, [.init("l", "x", mode: 0o120777), .init("l", "x")]),
        Hostile("link becomes a directory", .unsafe, [.init("l", "x", mode: 0o120777), .init("l/", mode: 0o40755)]),
        Hostile("device", .unsafe, [.init("null", mode: 0o020666)]),
        Hostile("block device", .unsafe, [.init("sda", mode: 0o060666)]),
        Hostile("socket", .unsafe, [.init("s", mode: 0o140666)]),
        Hostile("link to nothing", .unsafe, [.init("l", "", mode: 0o120777)]),
        Hostile("encrypted", .unsupported, [changed(.init("a", "x")) { $0.flags = 1 }]),
        Hostile("strongly encrypted", .unsupported, [changed(.init("a", "x")) { $0.flags = 0x41 }]),
        Hostile("bzip2", .unsupported, [changed(.init("a", "x")) { $0.method = 12 }]),
        Hostile("two names", .malformed, [changed(.init("a", "x")) { $0.ownName = Array("b".utf8) }]),
        Hostile("bad checksum", .malformed, [changed(.init("a", "x")) { $0.checksum = 1 }]),
        Hostile("wrong size", .malformed, [changed(.init("a", "x")) { $0.size = 2 }]),
        Hostile("not deflated", .malformed, [changed(.init("a", "\u{7}xx")) { $0.method = 8 }]),
        Hostile("empty name", .unsafe, [.init("", "x")]),
    ]

    private static func changed(
        _ entry: ZipFixture.Entry, _ change: (inout ZipFixture.Entry) -> Void
    ) -> ZipFixture.Entry {
        var entry = entry
        change(&entry)
        return entry
    }

    @Test(arguments: hostile)
    func hostileArchivesAreRefusedAndLeaveNothing(_ hostile: Hostile) throws {
        let bytes = hostile.fixture.bytes
        expectFailure(hostile.code) { () throws(ArchiveError) in _ = try ZipArchive.inspect(bytes, unzippedLimit: limit)
        }
        let folder = try TemporaryFolder()
        expectFailure(hostile.code) { () throws(ArchiveError) in
            try ZipArchive.unpack(bytes, into: "\(folder.path)/t", unzippedLimit: limit)
        }
        #expect(try listing(folder.path) == [])
    }

    @Test func pythonsHostileArchivesAreRefused() throws {
        let overlap = try ZipFixture.python(
            """
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
                z.writestr("a", bytes(1000))
                z.filelist.append(z.filelist[0])
            """)
        expectFailure(.malformed) { () throws(ArchiveError) in _ = try ZipArchive.inspect(overlap, unzippedLimit: limit)
        }
    }

    @Test(arguments: ["", "x", "PK\u{5}\u{6}", "this is no zip at all, it is a line of text", "\u{1F}\u{8B}"])
    func otherBytesAreNoArchive(_ text: String) {
        expectFailure(.malformed) { () throws(ArchiveError) in
            _ = try ZipArchive.inspect(Array(text.utf8), unzippedLimit: limit)
        }
    }

    @Test func everyTruncationIsRefused() throws {
        let bytes = ZipFixture([.init("a", "some text"), .init("b/c", "more text")]).bytes
        for count in 0..<bytes.count {
            #expect(throws: ArchiveError.self) { try ZipArchive.inspect(Array(bytes[..<count]), unzippedLimit: limit) }
        }
    }

    /// Whatever the bytes, the answer is a summary or an error, and what is unpacked obeys the rules.
    @Test func damagedArchivesNeverDoHarm() throws {
        let folder = try TemporaryFolder()
        var random = SeededGenerator(seed: 20_261_124)
        let python = try ZipFixture.python(
            """
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
                z.writestr("app.py", "print(1)\\n" * 50)
                z.writestr("d/e.py", "x" * 10)
                info = zipfile.ZipInfo("l")
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
                z.writestr(info, "d/e.py")
            """)
        let seeds = [python, ZipFixture([.init("a", "x"), .init("d/", mode: 0o40755), .init("d/b", "y")]).bytes]
        var accepted = 0
        for round in 0..<20_000 {
            var bytes = seeds[round % seeds.count]
            for _ in 0...Int.random(in: 0...3, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<5, using: &random) {
                case 0: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &random)
                case 1: bytes[place] = [0, 0xFF, 0x2E, 0x2F].randomElement(using: &random)!
                case 2: bytes.remove(at: place)
                case 3: bytes.insert(.random(in: 0...255, using: &random), at: place)
                default: bytes[place] = .random(in: 0...255, using: &random)
                }
            }
            let summary = try? ZipArchive.inspect(bytes, unzippedLimit: 100_000)
            if summary != nil { accepted += 1 }
            if round % 10 == 0 {
                let unpacked = try? ZipArchive.unpack(bytes, into: "\(folder.path)/t", unzippedLimit: 100_000)
                #expect(unpacked == summary)
                if unpacked != nil { FileTree.remove("\(folder.path)/t") }
                #expect(try listing(folder.path) == [])
            }
        }
        #expect(accepted > 0)
    }

    @Test func randomBytesAreNoArchive() {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<2000 {
            var bytes = (0..<Int.random(in: 0...300, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            bytes += [0x50, 0x4B, 5, 6] + (0..<18).map { _ in UInt8.random(in: 0...3, using: &random) }
            _ = try? ZipArchive.inspect(bytes, unzippedLimit: 100_000)
        }
    }

    @Test func anExistingFolderIsLeftAlone() throws {
        let folder = try TemporaryFolder()
        try folder.write("t/keep", "x")
        expectFailure(.system) { () throws(ArchiveError) in
            try ZipArchive.unpack(ZipFixture([.init("a", "x")]).bytes, into: "\(folder.path)/t", unzippedLimit: limit)
        }
        #expect(try listing("\(folder.path)/t") == ["keep 644 x"])
    }

    private func lastIndex(of pattern: [UInt8], in bytes: [UInt8]) -> Int? {
        (0...bytes.count - pattern.count).last { Array(bytes[$0..<$0 + pattern.count]) == pattern }
    }
}
