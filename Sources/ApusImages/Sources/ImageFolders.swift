import ApusModel
import Glibc

/// The host's folders that images may be taken from. What lies elsewhere is none of a client's business.
package struct ImageFolders: Sendable {
    private let folders: [String]

    /// - Parameter folders: absolute; a path that is not absolute is looked for in each, the first one first.
    package init(_ folders: [String]) { self.folders = folders }

    /// The file or folder without links on its way.
    ///
    /// - Throws: `.notFound`; `.badReference` for one outside, whether it exists or not.
    func find(_ path: String) throws(ImageFailure) -> String {
        let candidates = path.hasPrefix("/") ? [path] : folders.map { "\($0)/\(path)" }
        let opened = folders.compactMap(Self.resolved)
        for candidate in candidates {
            guard let found = Self.resolved(candidate) else { continue }
            guard opened.contains(where: { found == $0 || found.hasPrefix($0 == "/" ? "/" : "\($0)/") }) else {
                throw outside(path)
            }
            return found
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

    private static func resolved(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
