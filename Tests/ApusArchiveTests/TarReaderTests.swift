import ApusArchive
import Foundation
import Glibc
import Testing

struct TarReaderTests {
    /// A gzip member without content.
    ///
    /// - Source: RFC 1952, 2.3.
    private static let member: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]

    /// A gzip member of content that is not compressed.
    private static func stored(_ content: [UInt8]) throws -> [UInt8] {
        let length = UInt16(content.count)
        var sum: UInt32 = 0xFFFF_FFFF
        for byte in content {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 0 ? sum >> 1 : sum >> 1 ^ 0xEDB8_8320 }
        }
        func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
            withUnsafeBytes(of: number.littleEndian) { Array($0) }
        }
        let block = [1] + bytes(length) + bytes(~length) + content
        return Array(member.prefix(10)) + block + bytes(~sum) + bytes(UInt32(content.count))
    }

    private static func read(_ bytes: [UInt8]) throws -> Int {
        let path = "\(NSTemporaryDirectory())apus-tar-\(UUID().uuidString)"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let file = open(path, O_RDONLY | O_CLOEXEC)
        defer {
            close(file)
            unlink(path)
        }
        var count = 0
        let reader = try TarReader(file) { (part) throws(ArchiveError) in count += part.count }
        while try reader.next() != nil {}
        try reader.finish()
        return count
    }

    @Test func oneCompressionIsUndone() throws {
        let content = [UInt8](repeating: 0, count: 10240)
        #expect(try Self.read(content) == 10240)
        #expect(try Self.read(Self.stored(content)) == 10240)
    }

    @Test func aCompressionWithinAnotherIsNot() throws {
        let twice = try Self.stored(Self.stored([UInt8](repeating: 0, count: 10240)))
        #expect(throws: ArchiveError.self) { try Self.read(twice) }
    }

    @Test func membersWithoutContentAreGivenUp() throws {
        let count = (32 << 20) / Self.member.count
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count * Self.member.count)
        for _ in 0..<count { bytes += Self.member }
        let failure = #expect(throws: ArchiveError.self) { try Self.read(bytes) }
        #expect(failure?.code == .malformed)
    }
}
