import ApusArchive
import ApusTesting
import Foundation
import Testing

struct PackTests {
    @Test func whatIsPackedComesBack() throws {
        let folder = try TemporaryFolder()
        try folder.write("src/app.py", "print(1)")
        try folder.write("src/bootstrap", "#!/bin/sh", mode: 0o744)
        try folder.write("src/data/größe.txt", String(repeating: "long ", count: 100_000), mode: 0o600)
        try folder.write("src/empty", "")
        try folder.write("outside/library.py", "import os")
        let links = FileManager.default
        try links.createSymbolicLink(atPath: "\(folder.path)/src/data/link", withDestinationPath: "../app.py")
        try links.createSymbolicLink(atPath: "\(folder.path)/src/shared", withDestinationPath: "../outside")
        let bytes = try ZipArchive.pack(directory: "\(folder.path)/src")
        try ZipArchive.unpack(bytes, into: "\(folder.path)/t", unzippedLimit: 10_000_000)
        let long = String(repeating: "long ", count: 8)
        #expect(
            try listing("\(folder.path)/t") == [
                "app.py 644 print(1)", "bootstrap 755 #!/bin/sh", "data/ 755", "data/größe.txt 644 \(long)",
                "data/link -> ../app.py", "empty 644 ", "shared/ 755", "shared/library.py 644 import os",
            ])
        #expect(bytes.count < 10_000)
    }

    @Test func theSameContentGivesTheSameBytes() throws {
        let folder = try TemporaryFolder()
        for name in ["one", "two"] {
            for file in name == "one" ? ["a", "b/c", "b/d"] : ["b/d", "a", "b/c"] {
                try folder.write("\(name)/\(file)", file)
            }
        }
        let old = [FileAttributeKey.modificationDate: Date(timeIntervalSince1970: 1_000_000_000)]
        try FileManager.default.setAttributes(old, ofItemAtPath: "\(folder.path)/two/a")
        let one = try ZipArchive.pack(directory: "\(folder.path)/one")
        #expect(try one == ZipArchive.pack(directory: "\(folder.path)/two"))
    }

    @Test func byproductsAreLeftOut() throws {
        let folder = try TemporaryFolder()
        let left = [".git/config", "a/__pycache__/x.pyc", ".venv/bin/python", "node_modules/.cache/x"]
        let kept = [".cache/y", "a/x.py", "node_modules/m/index.js"]
        for file in left + kept { try folder.write(file, "x") }
        let found = try names(ZipArchive.pack(directory: folder.path))
        #expect(
            found == [
                ".cache/", ".cache/y", "a/", "a/x.py", "node_modules/", "node_modules/m/", "node_modules/m/index.js",
            ])
        #expect(try names(ZipArchive.pack(directory: folder.path) { $0 != ".git" && $0 != ".git/config" }).count == 2)
    }

    @Test func pythonReadsWhatIsPacked() throws {
        let folder = try TemporaryFolder()
        try folder.write("src/größe.py", "print(1)")
        try folder.write("src/run", "x", mode: 0o755)
        let bytes = try ZipArchive.pack(directory: "\(folder.path)/src")
        try Data(bytes).write(to: URL(fileURLWithPath: "\(folder.path)/x.zip"))
        let seen = try ZipFixture.python(
            """
            z = zipfile.ZipFile("\(folder.path)/x.zip")
            assert z.testzip() is None
            for i in z.infolist():
                out.write(f"{i.filename} {i.external_attr >> 16:o} {i.date_time[:3]} {i.compress_type};".encode())
            """)
        let expected = "größe.py 100644 (1980, 1, 1) 8;run 100755 (1980, 1, 1) 8;"
        #expect(String(decoding: seen, as: UTF8.self) == expected)
    }

    @Test func linksInACircleAndMissingFoldersFail() throws {
        let folder = try TemporaryFolder()
        try folder.write("src/a", "x")
        try FileManager.default.createSymbolicLink(
            atPath: "\(folder.path)/src/loop", withDestinationPath: "\(folder.path)/src")
        expectFailure(.unsafe) { () throws(ArchiveError) in _ = try ZipArchive.pack(directory: "\(folder.path)/src") }
        expectFailure(.system) { () throws(ArchiveError) in _ = try ZipArchive.pack(directory: "\(folder.path)/none") }
    }

    @Test(.timeLimit(.minutes(1))) func fiftyMegabytesTakeSeconds() throws {
        let folder = try TemporaryFolder()
        var random = SeededGenerator(seed: 7)
        for file in 0..<50 {
            let words = (0..<131_072).map { _ in random.next() }
            let data = words.withUnsafeBytes { Data($0) }
            try data.write(to: URL(fileURLWithPath: "\(folder.path)/\(file)"))
        }
        let clock = ContinuousClock()
        var bytes: [UInt8] = []
        let packing = try clock.measure { bytes = try ZipArchive.pack(directory: folder.path) }
        var summary: ZipArchive.Summary?
        let inspecting = try clock.measure { summary = try ZipArchive.inspect(bytes, unzippedLimit: 60_000_000) }
        #expect(summary == .init(entries: 50, unzippedBytes: 52_428_800))
        let unpacking = try clock.measure {
            try ZipArchive.unpack(bytes, into: "\(folder.path)/t", unzippedLimit: 60_000_000)
        }
        print("50 MB: packed in \(packing), inspected in \(inspecting), unpacked in \(unpacking)")
        #expect(inspecting < .seconds(5))
    }

    /// The names in an archive, in its order, as Python reads them.
    private func names(_ bytes: [UInt8]) throws -> [String] {
        let folder = try TemporaryFolder()
        try Data(bytes).write(to: URL(fileURLWithPath: "\(folder.path)/x.zip"))
        let names = try ZipFixture.python(
            "out.write('\\n'.join(zipfile.ZipFile('\(folder.path)/x.zip').namelist()).encode())")
        return String(decoding: names, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
