package import ApusModel
import Glibc

/// The root file system of an image: its layers over each other, as one directory of hard links into their trees.
package struct RootTree: ~Copyable {
    private static let depthLimit = 400

    private let root: Folder

    /// Counts what each layer adds, whether or not another hides it: a layer that is listed often costs its links each time.
    private var budget: LayerBudget

    /// Makes the tree, and has it on disk before it bears its name.
    ///
    /// - Parameters:
    ///   - layers: trees of ``Layer/unpack``, the lowest first, on the file system of the result.
    ///   - directory: appears whole or not at all; one that is there already is left alone.
    ///   - budget: for the names of all layers.
    package static func merge(
        _ layers: [String], into directory: String, budget: LayerBudget = LayerBudget()
    ) throws(ImageFailure) {
        let draft = "\(directory).\(UInt32.random(in: .min ... .max))"
        defer { try? Folder.remove(draft) }
        var tree = RootTree(root: try Folder.create(draft), budget: budget)
        for layer in layers { try tree.apply(Folder(layer), to: tree.root.again(), at: []) }
        try tree.furnish()
        try tree.root.syncAll()
        guard rename(draft, directory) == 0 || errno == EEXIST || errno == ENOTEMPTY else {
            throw systemFailure("name \(directory)")
        }
    }

    private mutating func apply(
        _ layer: borrowing Folder, to target: borrowing Folder, at path: [Folder.Name]
    ) throws(ImageFailure) {
        let names = try layer.names()
        // First what the lower layers lose: a layer may take a name away and bring it back.
        for name in names {
            switch Whiteout(name) {
            case .all: try target.removeAll()
            case .one(let name): try target.remove(name)
            case .foreign, nil: break
            }
        }
        for name in names where Whiteout(name) == nil {
            try budget.spendEntry()
            if try layer.kind(name) == .folder {
                try applyFolder(layer.folder(name), name, to: target, at: path)
            } else {
                try target.remove(name)
                try target.take(name, of: layer, as: name)
            }
        }
    }

    private mutating func applyFolder(
        _ folder: borrowing Folder, _ name: Folder.Name, to target: borrowing Folder, at path: [Folder.Name]
    ) throws(ImageFailure) {
        guard path.count < Self.depthLimit else {
            throw ImageFailure(.invalid, "\(name.text) of a layer lies too deep")
        }
        let place = path + [name]
        switch try target.kind(name) {
        case .folder: return try apply(folder, to: target.folder(name), at: place)
        case .link where try folder.mode() == 0o700:
            // The layer has something below a folder that it does not have itself: then the link of a lower one leads there, as
            // /bin leads to /usr/bin.
            if let real = try resolve(place) { return try apply(folder, to: open(real), at: real) }
        default: break
        }
        try target.remove(name)
        try apply(folder, to: target.makeFolder(name, mode: 0o755), at: place)
    }

    /// What the launcher mounts over, and what a program may rely on. See `CApusLauncher/protocol.h`.
    private func furnish() throws(ImageFailure) {
        for name in ["dev", "etc", "mnt", "proc", "run", "sys", "tmp", "var"] { _ = try folder(name, in: root) }
        _ = try folder("rapid", in: folder("var", in: root))
        let etc = try folder("etc", in: root)
        for name in ["hostname", "hosts", "resolv.conf"] {
            try etc.remove(Array(name.utf8))
            _ = try etc.makeFile(Array(name.utf8), mode: 0o644)
        }
    }

    /// A real directory, in place of what else is there by that name.
    private func folder(_ text: String, in above: borrowing Folder) throws(ImageFailure) -> Folder {
        let name = Array(text.utf8)
        if try above.kind(name) == .folder { return try above.folder(name) }
        try above.remove(name)
        return try above.makeFolder(name, mode: 0o755)
    }

    // MARK: Links

    /// Follows links as a process does whose root the tree is.
    ///
    /// - Returns: the way to a directory without links; nil when there is none.
    private func resolve(_ path: [Folder.Name]) throws(ImageFailure) -> [Folder.Name]? {
        var pending = Array(path.reversed())
        var way: [Folder.Name] = []
        var links = 0
        while let name = pending.popLast() {
            if name == Folder.Name.dots {
                _ = way.popLast()
                continue
            }
            let folder = try open(way)
            switch try folder.kind(name) {
            case .folder: way.append(name)
            case .link:
                links += 1
                let target = try folder.target(name)
                if links > 40 { return nil }
                if target.first == UInt8(ascii: "/") { way = [] }
                let steps = target.split(separator: UInt8(ascii: "/")).map { Array($0) }
                pending += steps.filter { $0 != Folder.Name.dot }.reversed()
            default: return nil
            }
        }
        return way
    }

    private func open(_ way: [Folder.Name]) throws(ImageFailure) -> Folder {
        var folder = try root.again()
        for name in way { folder = try folder.folder(name) }
        return folder
    }
}
