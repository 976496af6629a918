import Glibc

/// A directory by its descriptor, so that names may be any bytes and paths of any length.
struct Folder: ~Copyable {
    private let descriptor: Descriptor
    private var number: Int32 { descriptor.number }

    private static let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC

    init(opening path: String) throws(ArchiveError) {
        descriptor = try Descriptor(open(path, Self.flags), "open folder \(path)")
    }

    private init(_ name: [CChar], in above: borrowing Folder) throws(ArchiveError) {
        descriptor = try Descriptor(openat(above.number, name, Self.flags), "open folder \(text(name))")
    }

    /// Takes what the other has, in place of what is there.
    func take(_ other: borrowing Folder) throws(ArchiveError) {
        guard fchmod(number, 0o755) == 0 else { throw systemError("open a folder to others") }
        for name in try other.names() {
            if try other.kind(name) == S_IFDIR {
                try makeFolder(name).take(Folder(name, in: other))
            } else {
                try clear(name)
                guard linkat(other.number, name, number, name, 0) != 0 else { continue }
                try copy(name, from: other)
            }
        }
    }

    private func names() throws(ArchiveError) -> [[CChar]] {
        // The listing closes the descriptor that it is given.
        guard let list = fdopendir(openat(number, ".", Self.flags)) else { throw systemError("list a folder") }
        defer { closedir(list) }
        var names: [[CChar]] = []
        while let entry = readdir(list) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                bytes.prefix { $0 != 0 }.map { CChar(bitPattern: $0) } + [0]
            }
            if name != [dot, 0], name != [dot, dot, 0] { names.append(name) }
        }
        return names
    }

    /// The file type bits of the mode.
    private func kind(_ name: [CChar]) throws(ArchiveError) -> mode_t { try status(name).st_mode & S_IFMT }

    private func status(_ name: [CChar]) throws(ArchiveError) -> stat {
        var status = stat()
        guard fstatat(number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            throw systemError("look at \(text(name))")
        }
        return status
    }

    private func makeFolder(_ name: [CChar]) throws(ArchiveError) -> Folder {
        if mkdirat(number, name, 0o755) != 0 {
            guard errno == EEXIST else { throw systemError("create folder \(text(name))") }
            if try kind(name) != S_IFDIR {
                try clear(name)
                guard mkdirat(number, name, 0o755) == 0 else { throw systemError("create folder \(text(name))") }
            }
        }
        return try Folder(name, in: self)
    }

    /// Removes what is in it. Links are removed, never followed.
    func empty() throws(ArchiveError) {
        for name in try names() { try clear(name) }
    }

    /// Removes what is there by that name, if anything is.
    private func clear(_ name: [CChar]) throws(ArchiveError) {
        if unlinkat(number, name, 0) == 0 || errno == ENOENT { return }
        guard errno == EISDIR || errno == EPERM else { throw systemError("remove \(text(name))") }
        try Folder(name, in: self).empty()
        guard unlinkat(number, name, AT_REMOVEDIR) == 0 else { throw systemError("remove folder \(text(name))") }
    }

    private func copy(_ name: [CChar], from other: borrowing Folder) throws(ArchiveError) {
        let status = try other.status(name)
        if status.st_mode & S_IFMT == S_IFLNK {
            var target = [CChar](repeating: 0, count: Int(PATH_MAX))
            guard readlinkat(other.number, name, &target, target.count - 1) >= 0,
                symlinkat(target, number, name) == 0
            else { throw systemError("link \(text(name))") }
            return
        }
        let source = try Descriptor(openat(other.number, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), "open \(text(name))")
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let file = try Descriptor(openat(number, name, flags, 0o600), "create \(text(name))")
        while true {
            let count = sendfile(file.number, source.number, nil, 1 << 30)
            guard count >= 0 else { throw systemError("copy \(text(name))") }
            if count == 0 { break }
        }
        guard fchmod(file.number, status.st_mode & 0o777) == 0,
            futimens(file.number, [status.st_atim, status.st_mtim]) == 0
        else { throw systemError("copy \(text(name))") }
    }
}

private let dot = CChar(bitPattern: UInt8(ascii: "."))

private func text(_ name: [CChar]) -> String {
    EntryTree.text(name.dropLast().map { UInt8(bitPattern: $0) }[...])
}
