import CLibArchive
import Glibc

extension ZipArchive {
    /// Packs the content of a folder. The same content gives the same bytes, whenever and wherever it was written.
    ///
    /// Links within the folder stay links; what others lead to is packed in their place. Sockets, pipes and devices are left
    /// out.
    ///
    /// - Parameter excluding: takes a path relative to the folder, and says whether to leave it out with all below it.
    package static func pack(
        directory: String, excluding: (String) -> Bool = isByproduct
    ) throws(ArchiveError) -> [UInt8] {
        var listing = FolderListing(root: directory)
        try listing.list(excluding: excluding)
        return try withUnicodeNames { () throws(ArchiveError) in
            let writer = try ZipWriter()
            for item in listing.items { try writer.add(item) }
            return try writer.finish()
        }
    }

    /// What tools leave in a folder of source code, and a function never needs.
    package static func isByproduct(_ path: String) -> Bool {
        let components = path.split(separator: "/")
        switch components.last {
        case ".git", "__pycache__", ".venv": return true
        case ".cache": return components.dropLast().last == "node_modules"
        default: return false
        }
    }
}

/// What is to be packed, in the order of names.
private struct FolderListing {
    struct Item {
        enum Content: Equatable {
            case directory
            case link(String)
            case file(path: String, size: Int, isExecutable: Bool)
        }
        var name: String
        var content: Content
    }

    let root: String
    private(set) var items: [Item] = []

    init(root: String) { self.root = root }

    mutating func list(excluding: (String) -> Bool) throws(ArchiveError) {
        try list(root, as: "", inside: [], excluding: excluding)
    }

    /// - Parameter ancestors: the directories being listed, so that a link to one of them is not followed for ever.
    private mutating func list(
        _ path: String, as name: String, inside ancestors: [FileIdentity], excluding: (String) -> Bool
    ) throws(ArchiveError) {
        var status = stat()
        guard stat(path, &status) == 0, let names = FileTree.names(in: path) else {
            throw systemError("read folder \(path)")
        }
        let identity = FileIdentity(status)
        guard !ancestors.contains(identity) else {
            throw ArchiveError(.unsafe, "\(path) is a link to a folder around it; remove it or exclude it")
        }
        for child in names {
            let childName = name.isEmpty ? child : "\(name)/\(child)"
            if excluding(childName) { continue }
            try add("\(path)/\(child)", as: childName, inside: ancestors + [identity], excluding: excluding)
        }
    }

    private mutating func add(
        _ path: String, as name: String, inside ancestors: [FileIdentity], excluding: (String) -> Bool
    ) throws(ArchiveError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { throw systemError("read \(path)") }
        if status.st_mode & S_IFMT == S_IFLNK {
            let target = try FolderListing.target(path)
            if FolderListing.staysInside(target, of: name) {
                items.append(Item(name: name, content: .link(target)))
                return
            }
            guard stat(path, &status) == 0 else { throw systemError("follow link \(path) to \(target)") }
        }
        switch status.st_mode & S_IFMT {
        case S_IFDIR:
            items.append(Item(name: "\(name)/", content: .directory))
            try list(path, as: name, inside: ancestors, excluding: excluding)
        case S_IFREG:
            let isExecutable = status.st_mode & 0o111 != 0
            items.append(
                Item(name: name, content: .file(path: path, size: Int(status.st_size), isExecutable: isExecutable)))
        default: break
        }
    }

    private static func target(_ path: String) throws(ArchiveError) -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = buffer.withUnsafeMutableBytes { readlink(path, $0.baseAddress!, $0.count) }
        guard count >= 0 else { throw systemError("read link \(path)") }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    private static func staysInside(_ target: String, of name: String) -> Bool {
        let bytes = Array(name.utf8)
        let depth = bytes.count { $0 == UInt8(ascii: "/") }
        do {
            try EntryTree.checkTarget(Array(target.utf8), of: bytes[...], depth: depth)
            return true
        } catch {
            return false
        }
    }
}

private struct FileIdentity: Equatable {
    var device: dev_t
    var node: ino_t

    init(_ status: stat) {
        device = status.st_dev
        node = status.st_ino
    }
}

/// Writes a zip to memory.
private final class ZipWriter {
    private let archive: OpaquePointer
    private var bytes: [UInt8] = []

    init() throws(ArchiveError) {
        guard let archive = archive_write_new() else { throw ArchiveError(.system, "write archive: out of memory") }
        self.archive = archive
        try check(archive_write_set_format_zip(archive))
        try check(archive_write_set_options(archive, "zip:compression=deflate,zip:compression-level=6"))
        try check(archive_write_set_bytes_in_last_block(archive, 1))
        // Unretained is enough: only this object calls the archive that calls it back.
        let client = Unmanaged.passUnretained(self).toOpaque()
        try check(
            archive_write_open2(
                archive, client, nil,
                { _, client, bytes, count in
                    guard let client, let bytes else { return -1 }
                    Unmanaged<ZipWriter>.fromOpaque(client).takeUnretainedValue().bytes
                        .append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: count))
                    return count
                }, nil, nil))
    }

    deinit { archive_write_free(archive) }

    /// The entry gets no time: the archive then holds the earliest one there is, the same in every time zone.
    func add(_ item: FolderListing.Item) throws(ArchiveError) {
        guard let entry = archive_entry_new() else { throw ArchiveError(.system, "write archive: out of memory") }
        defer { archive_entry_free(entry) }
        archive_entry_set_pathname(entry, item.name)
        switch item.content {
        case .directory:
            archive_entry_set_mode(entry, S_IFDIR | 0o755)
            try check(archive_write_header(archive, entry))
        case .link(let target):
            archive_entry_set_mode(entry, S_IFLNK | 0o777)
            archive_entry_set_symlink(entry, target)
            try check(archive_write_header(archive, entry))
        case .file(let path, let size, let isExecutable):
            archive_entry_set_mode(entry, S_IFREG | (isExecutable ? 0o755 : 0o644))
            archive_entry_set_size(entry, Int64(size))
            try check(archive_write_header(archive, entry))
            try copy(path, size)
        }
    }

    func finish() throws(ArchiveError) -> [UInt8] {
        try check(archive_write_close(archive))
        return bytes
    }

    private func copy(_ path: String, _ size: Int) throws(ArchiveError) {
        let file = try Descriptor(open(path, O_RDONLY | O_CLOEXEC), "open \(path)")
        var buffer = [UInt8](repeating: 0, count: 1 << 17)
        var total = 0
        while true {
            let count = buffer.withUnsafeMutableBytes { read(file.number, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw systemError("read \(path)") }
            if count == 0 { break }
            total += count
            guard total <= size, archive_write_data(archive, buffer, count) == count else { break }
        }
        guard total == size else { throw ArchiveError(.system, "pack \(path): the file changed meanwhile") }
    }

    private func check(_ result: Int32) throws(ArchiveError) {
        guard result == ARCHIVE_OK else {
            let reason = archive_error_string(archive).map { String(cString: $0) } ?? "unknown reason"
            throw ArchiveError(.system, "write archive: \(reason)")
        }
    }
}
