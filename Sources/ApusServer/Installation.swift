import Glibc

/// What lies beside the executable: installed in a prefix, or built in the project's folder.
package enum Installation {
    /// The folder of the executable.
    package static var bin: String? {
        guard let executable = realpath("/proc/self/exe", nil) else { return nil }
        defer { free(executable) }
        return parent(String(cString: executable))
    }

    /// - Parameters:
    ///   - name: such as `Runtimes`.
    ///   - entry: what the folder that is meant has in it.
    package static func folder(_ name: String, with entry: String) -> String? {
        guard let bin else { return nil }
        var candidates = ["\(parent(bin))/share/apus/\(name)"]
        var folder = bin
        while folder != "/" {
            candidates.append("\(folder)/\(name)")
            folder = parent(folder)
        }
        return candidates.first { access("\($0)/\(entry)", R_OK) == 0 }
    }

    static func parent(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }
}
