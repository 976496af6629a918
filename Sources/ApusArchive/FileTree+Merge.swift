import Glibc

extension FileTree {
    /// Lays trees over each other in a new directory: directories become one, and of anything else that comes twice the later
    /// tree's stays. Files are hard links into the trees where the file systems allow that, else copies. Links are kept as they
    /// are: whatever lies around them in the result is a real directory, as it was in their own tree, so they cannot lead out.
    ///
    /// - Parameter directory: must not exist, and is gone again when this throws.
    package static func merge(_ trees: [String], into directory: String) throws(ArchiveError) {
        guard mkdir(directory, 0o755) == 0 else { throw systemError("create folder \(directory)") }
        do throws(ArchiveError) {
            let target = try Folder(opening: directory)
            for tree in trees { try target.take(Folder(opening: tree)) }
        } catch {
            remove(directory)
            throw error
        }
    }
}
