import Glibc

/// What a guess looks at in a folder of code.
package struct ProjectFolder: Sendable {
    package var files: Set<String>
    package var executables: Set<String>

    /// The text of a file; nil when it cannot be read.
    package var text: @Sendable (String) -> String?

    package init(files: Set<String>, executables: Set<String>, text: @escaping @Sendable (String) -> String?) {
        self.files = files
        self.executables = executables
        self.text = text
    }

    /// Reads the top level of a folder.
    package init(reading path: String) throws(CommandFailure) {
        guard let folder = opendir(path) else {
            let reason = String(cString: strerror(errno))
            throw CommandFailure(.local, "the folder \(path) cannot be read: \(reason)")
        }
        defer { closedir(folder) }
        files = []
        executables = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            var status = stat()
            guard stat("\(path)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            files.insert(name)
            if status.st_mode & 0o111 != 0 { executables.insert(name) }
        }
        text = { name in (try? LocalFile.read("\(path)/\(name)")).map { String(decoding: $0, as: UTF8.self) } }
    }
}
