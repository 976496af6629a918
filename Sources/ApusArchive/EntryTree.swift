/// What the entries of an archive make, one by one; refuses those that no honest archive has. Knows no file system.
///
/// The rules keep every entry inside the tree whatever was unpacked before it: names go down only, and nothing lies below a
/// link. A link may climb only at its start and no higher than the root; since real directories are what it climbs, and what it
/// then meets on its way down obeys the same rule, it cannot lead out.
package struct EntryTree {
    package enum Kind: Equatable { case directory, file, link }

    package static let depthLimit = 100
    private static let nameLimit = 4095
    private static let componentLimit = 255

    /// Index 0 is the root.
    private var kinds: [Kind] = [.directory]
    private var children: [Child: Int] = [:]
    private let nodeLimit: Int

    private struct Child: Hashable {
        var parent: Int
        var name: [UInt8]
    }

    /// - Parameter nodeLimit: files, links and directories at the most, named or implied.
    package init(nodeLimit: Int) { self.nodeLimit = nodeLimit }

    /// Adds an entry. A file may come again and replaces the first.
    ///
    /// - Returns: the components of its path; empty for the root itself.
    package mutating func add(_ name: ArraySlice<UInt8>, _ kind: Kind) throws(ArchiveError) -> [[UInt8]] {
        let path = try EntryTree.components(name)
        guard let leaf = path.last else {
            guard kind == .directory else { throw unsafe(name, "has no name") }
            return []
        }
        var node = 0
        for component in path.dropLast() {
            node = try child(node, component, .directory)
            guard kinds[node] == .directory else { throw unsafe(name, "lies below something that is no directory") }
        }
        let before = kinds.count
        node = try child(node, leaf, kind)
        guard node >= before || (kinds[node] == kind && kind != .link) else {
            throw unsafe(name, "comes twice and is not the same")
        }
        return path
    }

    /// Checks where a link leads.
    ///
    /// - Parameter depth: directories above the link.
    package static func checkTarget(_ target: [UInt8], of name: ArraySlice<UInt8>, depth: Int) throws(ArchiveError) {
        guard !target.isEmpty, target.count <= nameLimit, target.first != UInt8(ascii: "/"), !target.contains(0) else {
            throw unsafe(name, "is a link that leads out of the archive")
        }
        var climbed = 0
        var isDescending = false
        for component in target.split(separator: UInt8(ascii: "/")) where component != [dot] {
            if component == [dot, dot] {
                climbed += 1
                guard !isDescending, climbed <= depth else {
                    throw unsafe(name, "is a link that leads out of the archive")
                }
            } else {
                isDescending = true
            }
        }
    }

    /// For messages: readable, and never longer than a line.
    static func text(_ name: ArraySlice<UInt8>) -> String {
        let shown = String(decoding: name.prefix(120), as: UTF8.self)
        let clean = String(shown.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? "?" : Character($0) })
        return "\"\(clean)\(name.count > 120 ? "…" : "")\""
    }

    private static let dot = UInt8(ascii: ".")

    private mutating func child(_ parent: Int, _ name: [UInt8], _ kind: Kind) throws(ArchiveError) -> Int {
        let child = Child(parent: parent, name: name)
        if let node = children[child] { return node }
        guard kinds.count <= nodeLimit else {
            throw ArchiveError(.tooManyEntries, "the archive has more than \(nodeLimit) files and directories")
        }
        children[child] = kinds.count
        kinds.append(kind)
        return kinds.count - 1
    }

    private static func components(_ name: ArraySlice<UInt8>) throws(ArchiveError) -> [[UInt8]] {
        guard !name.isEmpty, name.count <= nameLimit else { throw unsafe(name, "has an impossible name") }
        guard name.first != UInt8(ascii: "/") else { throw unsafe(name, "has an absolute name") }
        guard !name.contains(0), !name.contains(UInt8(ascii: "\\")) else {
            throw unsafe(name, "has a NUL or a backslash in its name")
        }
        var path: [[UInt8]] = []
        for component in name.split(separator: UInt8(ascii: "/")) where component != [dot] {
            guard component != [dot, dot] else { throw unsafe(name, "leads out of the archive") }
            guard component.count <= componentLimit, path.count < depthLimit else {
                throw unsafe(name, "has an impossible name")
            }
            path.append(Array(component))
        }
        return path
    }
}

private func unsafe(_ name: ArraySlice<UInt8>, _ what: String) -> ArchiveError {
    ArchiveError(.unsafe, "\(EntryTree.text(name)) \(what)")
}
