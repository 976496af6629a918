import ApusArchive
import Foundation

/// Zips written by hand, so that they can be wrong in every way, and by Python, so that they are right in its way.
struct ZipFixture {
    struct Entry {
        var name: [UInt8]
        var content: [UInt8] = []
        /// The name in the header before the content, where it differs.
        var ownName: [UInt8]?
        var mode: UInt32 = 0o100644
        var flags = 0
        var method = 0
        var checksum: UInt32?
        var size: Int?

        init(_ name: String, _ content: String = "", mode: UInt32 = 0o100644) {
            self.name = Array(name.utf8)
            self.content = Array(content.utf8)
            self.mode = mode
        }
    }

    var entries: [Entry]
    var prefix: [UInt8] = []
    var comment: [UInt8] = []

    init(_ entries: [Entry]) { self.entries = entries }

    var bytes: [UInt8] {
        var bytes = prefix
        var directory: [UInt8] = []
        for entry in entries {
            let offset = bytes.count - prefix.count
            let name = entry.ownName ?? entry.name
            let tail = { (name: [UInt8]) in
                number(entry.flags, 2) + number(entry.method, 2) + number(0, 2) + number(0x21, 2)
                    + number(Int(entry.checksum ?? crc32(entry.content)), 4) + number(entry.content.count, 4)
                    + number(entry.size ?? entry.content.count, 4) + number(name.count, 2) + number(0, 2)
            }
            bytes += number(0x0403_4B50, 4) + number(20, 2) + tail(name) + name + entry.content
            directory += number(0x0201_4B50, 4) + number(0x0314, 2) + number(20, 2) + tail(entry.name)
            directory += number(0, 2) + number(0, 2) + number(0, 2) + number(Int(entry.mode) << 16, 4)
            directory += number(offset, 4) + entry.name
        }
        let start = bytes.count - prefix.count
        bytes += directory + number(0x0605_4B50, 4) + number(0, 4) + number(entries.count, 2)
        bytes += number(entries.count, 2) + number(directory.count, 4) + number(start, 4)
        return bytes + number(comment.count, 2) + comment
    }

    /// What a Python program prints to its standard output.
    static func python(_ program: String) throws -> [UInt8] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let prelude = "import io, os, stat, sys, zipfile\nout = io.BytesIO()\n"
        let end = "\nsys.stdout.buffer.write(out.getvalue())\n"
        process.arguments = ["python3", "-c", prelude + program + end]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw ArchiveError(.system, "python failed") }
        return Array(data)
    }

    private func number(_ value: Int, _ width: Int) -> [UInt8] {
        (0..<width).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }

    private func crc32(_ bytes: [UInt8]) -> UInt32 {
        var crc: UInt32 = .max
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        return ~crc
    }
}

/// A folder that goes away with its owner.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = "\(NSTemporaryDirectory())/apus-archive-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { FileTree.remove(path) }

    func write(_ name: String, _ content: String, mode: Int = 0o644) throws {
        let file = "\(path)/\(name)"
        let parent = (file as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        try Data(content.utf8).write(to: URL(fileURLWithPath: file))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
    }
}

/// `path mode content` of everything below a folder, links as `path -> target`.
func listing(_ folder: String, _ below: String = "") throws -> [String] {
    var lines: [String] = []
    for name in FileTree.names(in: "\(folder)/\(below)") ?? [] {
        let path = below.isEmpty ? name : "\(below)/\(name)"
        let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder)/\(path)")
        let mode = String((attributes[.posixPermissions] as? Int ?? 0), radix: 8)
        switch attributes[.type] as? FileAttributeType {
        case .typeSymbolicLink?:
            lines.append("\(path) -> \(try FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(path)"))")
        case .typeDirectory?:
            lines.append("\(path)/ \(mode)")
            lines += try listing(folder, path)
        default:
            let content = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(path)"))
            lines.append("\(path) \(mode) \(String(decoding: content.prefix(40), as: UTF8.self))")
        }
    }
    return lines
}
