import ApusArchive
import Foundation
import Testing

struct MergeTests {
    @Test func directoriesBecomeOneAndLaterFilesWin() throws {
        let folder = try TemporaryFolder()
        try folder.write("1/python/shared.py", "first")
        try folder.write("1/python/only.py", "only")
        try folder.write("1/bin/run", "#!/bin/sh", mode: 0o755)
        try folder.write("2/python/shared.py", "second", mode: 0o755)
        try folder.write("2/lib/deep/er/x", "x")
        try folder.write("3/lib/deep/y", "y")
        #expect(
            try folder.merge("1", "2", "3") == [
                "bin/ 755", "bin/run 755 #!/bin/sh", "lib/ 755", "lib/deep/ 755", "lib/deep/er/ 755",
                "lib/deep/er/x 644 x", "lib/deep/y 644 y", "python/ 755", "python/only.py 644 only",
                "python/shared.py 755 second",
            ])
        #expect(try folder.merge("2", "1").contains("python/shared.py 644 first"))
    }

    @Test func filesAreSharedAndNeitherTreeNeedsTheOther() throws {
        let folder = try TemporaryFolder()
        try folder.write("1/x", "x")
        let merged = try folder.merge("1")
        #expect(try folder.inode("1/x") == folder.inode("merged/x"))
        FileTree.remove("\(folder.path)/1")
        #expect(try listing("\(folder.path)/merged") == merged)
    }

    /// Shared memory is another file system than the temporary folder.
    @Test func acrossFileSystemsFilesAreCopied() throws {
        let folder = try TemporaryFolder()
        let other = "/dev/shm/apus-merge-\(UUID().uuidString)"
        defer { FileTree.remove(other) }
        let content = String(repeating: "long ", count: 300_000)
        try folder.write("1/large", content, mode: 0o755)
        try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/1/link", withDestinationPath: "large")
        let old = Date(timeIntervalSince1970: 1_000_000_000)
        try FileManager.default.setAttributes([.modificationDate: old], ofItemAtPath: "\(folder.path)/1/large")
        try FileTree.merge(["\(folder.path)/1"], into: other)
        #expect(try listing(other) == listing("\(folder.path)/1"))
        #expect(try String(contentsOfFile: "\(other)/large", encoding: .utf8) == content)
        let copied = try FileManager.default.attributesOfItem(atPath: "\(other)/large")[.modificationDate] as? Date
        #expect(copied == old)
    }

    @Test func whatIsOfAnotherKindIsReplacedWhole() throws {
        let folder = try TemporaryFolder()
        let files = FileManager.default
        try folder.write("1/thing/inner/x", "x")
        try folder.write("1/other", "file")
        try folder.write("1/real/x", "x")
        try folder.write("2/thing", "file")
        try folder.write("2/other/y", "y")
        try files.createSymbolicLink(atPath: "\(folder.path)/2/real", withDestinationPath: "other")
        #expect(
            try folder.merge("1", "2") == ["other/ 755", "other/y 644 y", "real -> other", "thing 644 file"])
        // Nothing is written through a link.
        #expect(
            try folder.merge("2", "1") == [
                "other 644 file", "real/ 755", "real/x 644 x", "thing/ 755", "thing/inner/ 755", "thing/inner/x 644 x",
            ])
        #expect(try listing("\(folder.path)/2/other") == ["y 644 y"])
    }

    @Test func namesMayBeAnyBytesAndPathsOfAnyLength() throws {
        let folder = try TemporaryFolder()
        let long = Array(repeating: String(repeating: "d", count: 200), count: 30).joined(separator: "/")
        let script = """
            import os
            os.mkdir(b"1")
            os.chdir(b"1")
            open(b"caf\\xe9", "w").close()
            for part in "\(long)".split("/"):
                os.mkdir(part)
                os.chdir(part)
            open("x", "w").close()
            """
        try folder.python(script)
        try FileTree.merge(["\(folder.path)/1"], into: "\(folder.path)/merged")
        let found = try folder.python(
            """
            import os
            os.chdir(b"merged")
            print(os.listdir(b".").count(b"caf\\xe9"))
            for part in "\(long)".split("/"):
                os.chdir(part)
            print(os.listdir("."))
            """)
        #expect(found == "1\n['x']\n")
        #expect(FileTree.remove("\(folder.path)/1") && FileTree.remove("\(folder.path)/merged"))
    }

    @Test func whatFailsLeavesNothing() throws {
        let folder = try TemporaryFolder()
        try folder.write("1/x", "x")
        #expect(throws: ArchiveError.self) { try folder.merge("1", "missing") }
        #expect(FileTree.names(in: folder.path) == ["1"])
        try folder.write("merged/y", "y")
        #expect(throws: ArchiveError.self) {
            try FileTree.merge(["\(folder.path)/1"], into: "\(folder.path)/merged")
        }
        #expect(try listing("\(folder.path)/merged") == ["y 644 y"])
    }
}

extension TemporaryFolder {
    /// Merges folders anew and lists the result.
    fileprivate func merge(_ names: String...) throws -> [String] {
        FileTree.remove("\(path)/merged")
        try FileTree.merge(names.map { "\(path)/\($0)" }, into: "\(path)/merged")
        return try listing("\(path)/merged")
    }

    fileprivate func inode(_ name: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: "\(path)/\(name)")[.systemFileNumber] as? Int
    }

    @discardableResult
    fileprivate func python(_ script: String) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = ["-c", script]
        process.currentDirectoryURL = URL(fileURLWithPath: path)
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: text, as: UTF8.self)
    }
}
