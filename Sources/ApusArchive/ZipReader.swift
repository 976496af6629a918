import CLibArchive
import Glibc

/// The entries of a zip in memory, in the order of their bytes.
final class ZipReader {
    private let archive: OpaquePointer

    /// - Parameter memory: stays valid as long as the reader.
    init(_ memory: UnsafeRawBufferPointer) throws(ArchiveError) {
        guard let archive = archive_read_new() else { throw ArchiveError(.system, "read archive: out of memory") }
        self.archive = archive
        // The other zip reader of libarchive goes without the directory, and would accept other archives.
        try check(archive_read_support_format_zip_seekable(archive))
        try check(archive_read_open_memory(archive, memory.baseAddress, memory.count))
    }

    deinit { archive_read_free(archive) }

    /// - Returns: nil after the last.
    func next() throws(ArchiveError) -> ZipEntry? {
        var entry: OpaquePointer?
        let result = archive_read_next_header(archive, &entry)
        guard result != ARCHIVE_EOF else { return nil }
        // A warning is about the name's characters, which come from the directory.
        guard result == ARCHIVE_OK || result == ARCHIVE_WARN, let entry else { throw failure() }
        return try ZipEntry(entry, isExact: result == ARCHIVE_OK)
    }

    /// The next inflated bytes of the current entry, valid until the next call; checksum and size are checked at its end.
    ///
    /// - Returns: nil at the end.
    func nextBlock() throws(ArchiveError) -> UnsafeRawBufferPointer? {
        var start: UnsafeRawPointer?
        var count = 0
        var offset: Int64 = 0
        let result = archive_read_data_block(archive, &start, &count, &offset)
        guard result != ARCHIVE_EOF else { return nil }
        try check(result)
        return UnsafeRawBufferPointer(start: start, count: count)
    }

    private func check(_ result: Int32) throws(ArchiveError) {
        guard result == ARCHIVE_OK else { throw failure() }
    }

    private func failure() -> ArchiveError {
        let reason = archive_error_string(archive).map { String(cString: $0) } ?? "unknown reason"
        return ArchiveError(.malformed, "read archive: \(reason)")
    }
}

/// What an entry's header says.
struct ZipEntry {
    var kind: EntryTree.Kind
    var isExecutable: Bool
    /// Of a link.
    var target: [UInt8] = []
    var modified: timespec?

    fileprivate init(_ entry: OpaquePointer, isExact: Bool) throws(ArchiveError) {
        isExecutable = archive_entry_perm(entry) & 0o111 != 0
        if archive_entry_mtime_is_set(entry) != 0 {
            modified = timespec(tv_sec: archive_entry_mtime(entry), tv_nsec: archive_entry_mtime_nsec(entry))
        }
        guard archive_entry_hardlink(entry) == nil else { throw ArchiveError(.unsafe, "the archive has a hard link") }
        switch archive_entry_filetype(entry) {
        case S_IFREG: kind = .file
        case S_IFDIR: kind = .directory
        case S_IFLNK:
            kind = .link
            guard isExact, let text = archive_entry_symlink(entry) else {
                throw ArchiveError(.malformed, "a link of the archive leads nowhere")
            }
            target = String(cString: text).utf8.map { $0 }
        default: throw ArchiveError(.unsafe, "the archive has an entry that is neither file, directory nor link")
        }
    }
}

/// Runs `body` with a character set that can hold every name; libarchive converts names to that of the calling thread.
func withUnicodeNames<Value, Failure: Error>(_ body: () throws(Failure) -> Value) throws(Failure) -> Value {
    let previous = uselocale(unicodeLocale)
    defer { uselocale(previous) }
    return try body()
}

// A null locale leaves the thread's as it is. Never freed, never changed: safe to share.
private nonisolated(unsafe) let unicodeLocale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nil)
