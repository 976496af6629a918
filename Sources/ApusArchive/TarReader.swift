import CLibArchive
package import Glibc

/// The entries of a tar file in their order, read as a stream: compressed once by gzip or zstd, or not at all. What an entry says is
/// handed on as it is; where it may lead is for the caller to judge. Blocks: for a thread that may wait.
package final class TarReader {
    package struct Entry {
        package enum Kind: Equatable {
            case directory
            case file
            case link(target: [UInt8])
            /// Another name of an earlier entry.
            case hardLink(target: [UInt8])
            /// A device, a pipe or a socket.
            case special
        }

        package var name: [UInt8]
        package var kind: Kind
        package var isExecutable: Bool

        /// Bytes of a file; what its blocks do not cover is zero.
        package var size: Int
        package var modified: timespec?
    }

    private let source: DecompressedFile
    private let archive: OpaquePointer

    /// - Parameters:
    ///   - file: stays open as long as the reader, and is not closed by it.
    ///   - observe: sees every byte of the uncompressed file once, in order; all of them after ``finish()``.
    package init(
        _ file: Int32, observe: @escaping (UnsafeRawBufferPointer) throws(ArchiveError) -> Void = { _ in }
    ) throws(ArchiveError) {
        source = try DecompressedFile(file, observe)
        guard let archive = archive_read_new() else { throw ArchiveError(.system, "read tar: out of memory") }
        self.archive = archive
        try check(archive_read_support_format_tar(archive))
        try check(archive_read_support_format_empty(archive))
        let context = Unmanaged.passUnretained(source).toOpaque()
        try check(archive_read_open(archive, context, nil, readDecompressed, nil))
    }

    deinit { archive_read_free(archive) }

    /// - Returns: nil after the last.
    package func next() throws(ArchiveError) -> Entry? {
        try withUnicodeNames { () throws(ArchiveError) in
            var entry: OpaquePointer?
            let result = archive_read_next_header(archive, &entry)
            guard result != ARCHIVE_EOF else { return nil }
            // A warning is about characters; a name that is lost by them is missed below.
            guard result == ARCHIVE_OK || result == ARCHIVE_WARN, let entry else { throw failure() }
            return try Entry(entry)
        }
    }

    /// The next bytes of the current entry and their place in it, valid until the next call.
    ///
    /// - Returns: nil at the end.
    package func nextBlock() throws(ArchiveError) -> (bytes: UnsafeRawBufferPointer, offset: Int)? {
        var start: UnsafeRawPointer?
        var count = 0
        var offset: Int64 = 0
        let result = archive_read_data_block(archive, &start, &count, &offset)
        guard result != ARCHIVE_EOF else { return nil }
        try check(result)
        guard offset >= 0, offset <= Int64.max - Int64(count) else {
            throw ArchiveError(.malformed, "read tar: a block lies at an impossible place")
        }
        return (UnsafeRawBufferPointer(start: start, count: count), Int(offset))
    }

    /// Reads what follows the last entry.
    package func finish() throws(ArchiveError) { while try source.next() != nil {} }

    private func check(_ result: Int32) throws(ArchiveError) {
        guard result == ARCHIVE_OK else { throw failure() }
    }

    private func failure() -> ArchiveError { source.failure ?? archiveFailure(archive, "read tar") }
}

extension TarReader.Entry {
    fileprivate init(_ entry: OpaquePointer) throws(ArchiveError) {
        guard let name = archive_entry_pathname(entry) else {
            throw ArchiveError(.malformed, "read tar: an entry has no name")
        }
        self.name = bytes(name)
        isExecutable = archive_entry_perm(entry) & 0o111 != 0
        // libarchive hands on what an extended header says of the size, whatever it is.
        size = Int(archive_entry_size(entry))
        guard size >= 0 else { throw ArchiveError(.malformed, "read tar: an entry has a negative size") }
        if archive_entry_mtime_is_set(entry) != 0 {
            modified = timespec(tv_sec: archive_entry_mtime(entry), tv_nsec: archive_entry_mtime_nsec(entry))
        }
        if let target = archive_entry_hardlink(entry) {
            kind = .hardLink(target: bytes(target))
            return
        }
        switch archive_entry_filetype(entry) {
        case S_IFREG: kind = .file
        case S_IFDIR: kind = .directory
        case S_IFLNK:
            guard let target = archive_entry_symlink(entry) else {
                throw ArchiveError(.malformed, "read tar: a link leads nowhere")
            }
            kind = .link(target: bytes(target))
        default: kind = .special
        }
    }
}

/// The bytes that a file has when it is uncompressed.
private final class DecompressedFile {
    /// Compressed bytes that may be read before as many uncompressed ones have come of them. Honest compression never makes a
    /// file much longer; members without content would be read for hours.
    private static let idleLimit = 16 << 20

    private let archive: OpaquePointer
    private let file: Int32
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
    private var consumed = 0
    private var produced = 0
    private let observe: (UnsafeRawBufferPointer) throws(ArchiveError) -> Void
    private var isOver = false

    /// Why there was nothing more, where that was no end.
    private(set) var failure: ArchiveError?

    init(
        _ file: Int32, _ observe: @escaping (UnsafeRawBufferPointer) throws(ArchiveError) -> Void
    ) throws(ArchiveError) {
        guard let archive = archive_read_new() else { throw ArchiveError(.system, "read tar: out of memory") }
        self.archive = archive
        self.file = file
        self.observe = observe
        // Asked to find out by itself, libarchive would undo up to 25 compressions over each other.
        if let filter = compression(of: file), archive_read_append_filter(archive, filter) != ARCHIVE_OK {
            throw broken()
        }
        archive_read_support_format_raw(archive)
        archive_read_support_format_empty(archive)
        let context = Unmanaged.passUnretained(self).toOpaque()
        guard archive_read_open(archive, context, nil, readCompressed, nil) == ARCHIVE_OK else { throw broken() }
        var entry: OpaquePointer?
        let result = archive_read_next_header(archive, &entry)
        isOver = result == ARCHIVE_EOF
        guard isOver || result == ARCHIVE_OK else { throw broken() }
    }

    deinit {
        archive_read_free(archive)
        buffer.deallocate()
    }

    private func broken() -> ArchiveError { failure ?? archiveFailure(archive, "read compressed file") }

    /// For libarchive: lends the next compressed bytes.
    ///
    /// - Returns: their number, 0 at the end, below 0 when there is a ``failure``.
    fileprivate func fill(_ start: UnsafeMutablePointer<UnsafeRawPointer?>?) -> Int {
        guard consumed - produced <= Self.idleLimit + produced else {
            failure = ArchiveError(.malformed, "read compressed file: it is longer than what it holds")
            return Int(ARCHIVE_FATAL)
        }
        var count = -1
        repeat { count = read(file, buffer.baseAddress, buffer.count) } while count < 0 && errno == EINTR
        guard count >= 0 else {
            failure = ArchiveError(.system, "read compressed file: \(String(cString: strerror(errno)))")
            return Int(ARCHIVE_FATAL)
        }
        consumed += count
        start?.pointee = UnsafeRawPointer(buffer.baseAddress)
        return count
    }

    /// - Returns: nil at the end.
    func next() throws(ArchiveError) -> UnsafeRawBufferPointer? {
        if let failure { throw failure }
        guard !isOver else { return nil }
        do throws(ArchiveError) {
            var start: UnsafeRawPointer?
            var count = 0
            var offset: Int64 = 0
            let result = archive_read_data_block(archive, &start, &count, &offset)
            isOver = result == ARCHIVE_EOF
            if isOver { return nil }
            guard result == ARCHIVE_OK else { throw broken() }
            produced += count
            let block = UnsafeRawBufferPointer(start: start, count: count)
            try observe(block)
            return block
        } catch {
            failure = error
            throw error
        }
    }
}

/// What a file is compressed by, as its first bytes say.
///
/// - Source: RFC 1952, 2.3.1; RFC 8878, 3.1.1 and 3.1.2 (a file may begin with a skippable frame).
private func compression(of file: Int32) -> Int32? {
    var magic: [UInt8] = [0, 0, 0, 0]
    guard pread(file, &magic, 4, 0) == 4 else { return nil }
    if magic[0] == 0x1F, magic[1] == 0x8B { return ARCHIVE_FILTER_GZIP }
    if magic == [0x28, 0xB5, 0x2F, 0xFD] { return ARCHIVE_FILTER_ZSTD }
    return magic[0] & 0xF0 == 0x50 && magic[1...] == [0x2A, 0x4D, 0x18] ? ARCHIVE_FILTER_ZSTD : nil
}

/// For libarchive: lends the next compressed bytes of a ``DecompressedFile``.
private func readCompressed(
    _ archive: OpaquePointer?, _ context: UnsafeMutableRawPointer?, _ start: UnsafeMutablePointer<UnsafeRawPointer?>?
) -> Int {
    guard let context else { return Int(ARCHIVE_FATAL) }
    return Unmanaged<DecompressedFile>.fromOpaque(context).takeUnretainedValue().fill(start)
}

/// For libarchive: lends the next block, tells 0 at the end.
private func readDecompressed(
    _ archive: OpaquePointer?, _ context: UnsafeMutableRawPointer?, _ start: UnsafeMutablePointer<UnsafeRawPointer?>?
) -> Int {
    guard let context else { return Int(ARCHIVE_FATAL) }
    let source = Unmanaged<DecompressedFile>.fromOpaque(context).takeUnretainedValue()
    while true {
        guard let block = try? source.next() else { return source.failure == nil ? 0 : Int(ARCHIVE_FATAL) }
        // An empty block would be taken for the end.
        if block.isEmpty { continue }
        start?.pointee = block.baseAddress
        return block.count
    }
}

private func archiveFailure(_ archive: OpaquePointer, _ context: String) -> ArchiveError {
    let reason = archive_error_string(archive).map { String(cString: $0) } ?? "unknown reason"
    return ArchiveError(.malformed, "\(context): \(reason)")
}

private func bytes(_ text: UnsafePointer<CChar>) -> [UInt8] {
    UnsafeBufferPointer(start: text, count: strlen(text)).map { UInt8(bitPattern: $0) }
}
