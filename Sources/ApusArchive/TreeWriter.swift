import Glibc

/// Creates the tree of an archive, readable by all and writable by its owner. Never follows a link.
final class TreeWriter {
    private let root: Descriptor
    /// The directory of the last entry, which is most often that of the next.
    private var parent: Descriptor?
    private var parentPath: [[UInt8]] = []

    /// - Parameter directory: must not exist.
    init(_ directory: String) throws(ArchiveError) {
        guard mkdir(directory, 0o755) == 0 else { throw systemError("create folder \(directory)") }
        root = try Descriptor(open(directory, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), "open folder \(directory)")
        fchmod(root.number, 0o755)
    }

    func makeDirectory(_ path: [[UInt8]]) throws(ArchiveError) {
        _ = try enter(path)
    }

    func makeLink(_ path: [[UInt8]], to target: [UInt8]) throws(ArchiveError) {
        guard let leaf = path.last else { return }
        let folder = try enter(Array(path.dropLast()))
        guard symlinkat(cString(target), folder, cString(leaf)) == 0 else { throw systemError("link \(text(path))") }
    }

    /// Creates a file, in place of one that is there.
    func makeFile(_ path: [[UInt8]], isExecutable: Bool) throws(ArchiveError) -> Descriptor {
        let folder = try enter(Array(path.dropLast()))
        let leaf = cString(path.last ?? [])
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        var number = openat(folder, leaf, flags, 0o600)
        if number < 0, errno == EEXIST, unlinkat(folder, leaf, 0) == 0 {
            number = openat(folder, leaf, flags, 0o600)
        }
        let file = try Descriptor(number, "create \(text(path))")
        guard fchmod(file.number, isExecutable ? 0o755 : 0o644) == 0 else { throw systemError("create \(text(path))") }
        return file
    }

    /// The directory at `path`, created where it is missing.
    private func enter(_ path: [[UInt8]]) throws(ArchiveError) -> Int32 {
        if path.isEmpty { return root.number }
        if parentPath == path, let number = parent?.number { return number }
        parent = nil
        for component in path {
            let above = parent?.number ?? root.number
            parent = try TreeWriter.enter(cString(component), in: above, path)
        }
        parentPath = path
        return parent?.number ?? root.number
    }

    private static func enter(
        _ name: [CChar], in folder: Int32, _ path: [[UInt8]]
    ) throws(ArchiveError) -> Descriptor {
        let flags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        let existing = openat(folder, name, flags)
        if existing >= 0 || errno != ENOENT { return try Descriptor(existing, "open \(text(path))") }
        guard mkdirat(folder, name, 0o755) == 0 else { throw systemError("create folder \(text(path))") }
        let created = try Descriptor(openat(folder, name, flags), "open \(text(path))")
        fchmod(created.number, 0o755)
        return created
    }
}

private func cString(_ name: [UInt8]) -> [CChar] { name.map { CChar(bitPattern: $0) } + [0] }

private func text(_ path: [[UInt8]]) -> String {
    EntryTree.text(Array(path.joined(separator: [UInt8(ascii: "/")]))[...])
}
