import ApusArchive
package import ApusModel
import Glibc

/// What the layers of one image, or its root, may take of the disk.
package struct LayerBudget: Sendable {
    /// Bytes of the uncompressed layers.
    ///
    /// - Source: Lambda quotas, "Container image code package size".
    private(set) var bytes: Int

    /// Files, links and directories.
    private(set) var entries: Int

    package init(bytes: Int = 10 << 30, entries: Int = 1_000_000) {
        self.bytes = bytes
        self.entries = entries
    }

    package mutating func spend(bytes count: Int) throws(ImageFailure) {
        guard count <= bytes else { throw ImageFailure(.invalid, "the image is larger than 10 GB uncompressed") }
        bytes -= count
    }

    package mutating func spendEntry() throws(ImageFailure) {
        entries -= 1
        guard entries >= 0 else { throw ImageFailure(.invalid, "the image has more than 1000000 files") }
    }
}

/// Makes the directory tree of one layer. Whiteouts stay as the empty files that they are.
///
/// Everything can be read by all, and nothing is set-uid, a device, or with attributes. Directories that the layer has as entries
/// are 0755. Those that only lie above an entry are 0700: whether a link of a lower layer gives way to them is asked when
/// the layers are merged.
final class LayerWriter {
    /// Directories above an entry at the most.
    private static let depthLimit = 200
    private static let nameLimit = 3500

    private let root: Folder
    /// The directory of the last entry, which is most often that of the next.
    private var parent: Folder?
    private var parentPath: [Folder.Name] = []
    var budget: LayerBudget

    /// - Parameter directory: must not exist.
    init(_ directory: String, budget: LayerBudget) throws(ImageFailure) {
        root = try Folder.create(directory)
        self.budget = budget
    }

    func put(_ entry: TarReader.Entry, _ reader: TarReader) throws(ImageFailure) {
        var path = try Self.path(entry.name)
        try budget.spendEntry()
        guard let leaf = path.popLast() else {
            guard entry.kind == .directory else { throw Self.unsafe(entry.name, "has no name") }
            return
        }
        switch Whiteout(leaf) {
        case .foreign: return
        case .all, .one:
            try clear(leaf, in: path)
            _ = try enter(path).makeFile(leaf, mode: 0o644)
        case nil: try put(entry, leaf, in: path, reader)
        }
    }

    private func put(
        _ entry: TarReader.Entry, _ leaf: Folder.Name, in path: [Folder.Name], _ reader: TarReader
    ) throws(ImageFailure) {
        switch entry.kind {
        case .special: return
        case .directory:
            if try enter(path).kind(leaf) == .folder { return try enter(path).folder(leaf).setMode(0o755) }
            try clear(leaf, in: path)
            _ = try enter(path).makeFolder(leaf, mode: 0o755)
        case .link(let target):
            guard !target.isEmpty else { throw Self.unsafe(entry.name, "is a link that leads nowhere") }
            try clear(leaf, in: path)
            try enter(path).makeLink(leaf, to: target)
        case .hardLink(let target): try putHardLink(entry.name, leaf, in: path, to: Self.path(target))
        case .file:
            try clear(leaf, in: path)
            try putFile(entry, leaf, in: path, reader)
        }
    }

    private func putFile(
        _ entry: TarReader.Entry, _ leaf: Folder.Name, in path: [Folder.Name], _ reader: TarReader
    ) throws(ImageFailure) {
        // What a sparse file leaves out costs nothing on this disk, and might cost much where it is read.
        try budget.spend(bytes: entry.size)
        let file = try enter(path).makeFile(leaf, mode: entry.isExecutable ? 0o755 : 0o644)
        while let block = try reading({ () throws(ArchiveError) in try reader.nextBlock() }) {
            guard block.offset + block.bytes.count <= entry.size else {
                throw Self.unsafe(entry.name, "has more bytes than it states")
            }
            try file.write(block.bytes, at: block.offset)
        }
        try file.setSize(entry.size)
        // Compiled Python files are valid only while the time of their source is the one they name.
        if let modified = entry.modified { file.setModified(modified) }
    }

    private func putHardLink(
        _ name: [UInt8], _ leaf: Folder.Name, in path: [Folder.Name], to target: [Folder.Name]
    ) throws(ImageFailure) {
        if target == path + [leaf] { return }
        let other = target.last ?? Folder.Name.dot
        guard let folder = try existing(Array(target.dropLast())), Whiteout(other) == nil,
            let kind = try folder.kind(other), kind != .folder
        else { throw Self.unsafe(name, "is another name of something that the layer does not have") }
        try clear(leaf, in: path)
        try enter(path).take(other, of: folder, as: leaf)
    }

    // MARK: Directories

    private func clear(_ leaf: Folder.Name, in path: [Folder.Name]) throws(ImageFailure) {
        guard let kind = try enter(path).kind(leaf) else { return }
        if kind == .folder { parent = nil }
        try enter(path).remove(leaf)
    }

    /// The directory at `path`, made where it is missing.
    private func enter(_ path: [Folder.Name]) throws(ImageFailure) -> Folder {
        if parentPath == path, let folder = try parent?.again() { return folder }
        var folder = try root.again()
        for name in path {
            switch try folder.kind(name) {
            case .folder: folder = try folder.folder(name)
            case nil:
                try budget.spendEntry()
                folder = try folder.makeFolder(name, mode: 0o700)
            default: throw Self.unsafe(name, "lies above an entry and is no folder")
            }
        }
        parent = try folder.again()
        parentPath = path
        return folder
    }

    /// - Returns: nil when there is none; links lead nowhere.
    private func existing(_ path: [Folder.Name]) throws(ImageFailure) -> Folder? {
        var folder = try root.again()
        for name in path {
            guard try folder.kind(name) == .folder else { return nil }
            folder = try folder.folder(name)
        }
        return folder
    }

    // MARK: Names

    /// The steps of a name in a layer, which may begin with a slash or `./`.
    private static func path(_ name: [UInt8]) throws(ImageFailure) -> [Folder.Name] {
        guard !name.isEmpty, name.count <= nameLimit, !name.contains(0) else {
            throw unsafe(name, "has an impossible name")
        }
        let path = name.split(separator: UInt8(ascii: "/")).filter { !$0.elementsEqual(Folder.Name.dot) }.map {
            Array($0)
        }
        guard path.count <= depthLimit, path.allSatisfy({ $0 != Folder.Name.dots && $0.count <= 255 }) else {
            throw unsafe(name, "has an impossible name, or one that leads out of the image")
        }
        return path
    }

    private static func unsafe(_ name: [UInt8], _ what: String) -> ImageFailure {
        ImageFailure(.invalid, "\(name.text) of a layer \(what)")
    }
}

/// Runs work on an archive, whose failures are the image's unless the system's.
func reading<Value>(_ body: () throws(ArchiveError) -> Value) throws(ImageFailure) -> Value {
    do throws(ArchiveError) {
        return try body()
    } catch {
        throw ImageFailure(error.code == .system ? .unavailable : .invalid, error.context)
    }
}
