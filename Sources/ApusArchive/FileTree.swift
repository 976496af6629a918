import Glibc

/// Directories and what lies below them.
package enum FileTree {
    /// Removes a directory with everything below it. Links are removed, never followed.
    ///
    /// - Returns: whether nothing is left.
    @discardableResult
    package static func remove(_ path: String) -> Bool {
        if unlink(path) == 0 || errno == ENOENT { return true }
        guard errno == EISDIR || errno == EPERM else { return false }
        try? Folder(opening: path).empty()
        return rmdir(path) == 0 || errno == ENOENT
    }

    /// The names in a directory, in the order of their bytes.
    ///
    /// - Returns: nil when it cannot be read; `errno` tells why.
    package static func names(in path: String) -> [String]? {
        guard let folder = opendir(path) else { return nil }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}
