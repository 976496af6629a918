import ApusRuntimeAPI
import ApusSandbox
import Glibc

/// Executables in `/opt/extensions`, which run beside the runtime.
///
/// - Source: Lambda developer guide, "Using the Lambda Extensions API to create extensions".
enum ExternalExtensions {
    /// In place of the runtime's command line: what starts them, and then the runtime (Sources/CApusLauncher/programs.h).
    static func arguments(_ names: [String], runtime: [String]) -> [String] {
        ["/var/rapid/init", "programs"] + names.map { "/opt/extensions/\($0)" } + ["--"] + runtime
    }

    /// The names of what is no folder in a folder of the host, in their order: one more than may run, at the most. Follows no link, as
    /// the function's files may have some that lead out of them.
    fileprivate static func names(in root: String, _ path: [String]) -> [String] {
        var folder = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        for name in path where folder >= 0 {
            let parent = folder
            folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            close(parent)
        }
        guard folder >= 0, let list = fdopendir(folder) else { return [] }
        defer { closedir(list) }
        var names: [String] = []
        while let entry = readdir(list) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { name in
                String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !isFolder(name, in: folder) { names.append(name) }
        }
        return Array(names.sorted().prefix(ExtensionsState.limit + 1))
    }

    private static func isFolder(_ name: String, in folder: Int32) -> Bool {
        var status = stat()
        return fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}

extension FunctionFiles {
    /// The names of external extensions.
    var extensions: [String] {
        if let image { return ExternalExtensions.names(in: image.root, ["opt", "extensions"]) }
        guard let layers, layers.hasExtensions else { return [] }
        return ExternalExtensions.names(in: layers.path, ["extensions"])
    }
}
