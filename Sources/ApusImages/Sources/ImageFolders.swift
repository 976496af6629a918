package import ApusModel
import Glibc

/// The host's folders that images may be taken from. What lies elsewhere is none of a client's business.
package struct ImageFolders: Sendable {
    private let folders: [String]

    /// - Parameter folders: absolute; a path that is not absolute is looked for in each, the first one first.
    package init(_ folders: [String]) { self.folders = folders }

    /// The file or folder without links on its way.
    ///
    /// - Throws: `.notFound`; `.badReference` for one outside, whether it exists or not, and for a path that climbs.
    package func find(_ path: String) throws(ImageFailure) -> String {
        if path.split(separator: "/").contains("..") { throw outside(path) }
        let candidates = path.hasPrefix("/") ? [path] : folders.map { "\($0)/\(path)" }
        let opened = folders.compactMap(Self.resolved)
        for candidate in candidates {
            let (found, isWhole) = Self.nearest(candidate)
            let isInside = opened.contains { found == $0 || found.hasPrefix($0 == "/" ? "/" : "\($0)/") }
            if isInside, isWhole { return found }
            // What is missing behind a link that leads out gets the answer of what is there.
            let isLedOut = !isInside && folders.contains { candidate.hasPrefix("\($0)/") && Self.resolved($0) != nil }
            if isWhole || isLedOut { throw outside(path) }
        }
        let isBelow = !path.hasPrefix("/") || folders.contains { path.hasPrefix("\($0)/") }
        throw isBelow ? ImageFailure(.notFound, "\(path) does not exist") : outside(path)
    }

    private func outside(_ path: String) -> ImageFailure {
        ImageFailure(
            .badReference,
            "\(path) does not lie below a folder for images (\(folders.joined(separator: ", "))); "
                + "the operator adds one with --image-folder")
    }

    /// What there is of a path without links on its way, and whether that is all of it.
    private static func nearest(_ path: String) -> (found: String, isWhole: Bool) {
        var part = path[...]
        while !part.isEmpty {
            if let found = resolved(String(part)) { return (found, part.count == path.count) }
            part = part.prefix(upTo: part.lastIndex(of: "/") ?? part.startIndex)
        }
        return ("/", false)
    }

    private static func resolved(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
