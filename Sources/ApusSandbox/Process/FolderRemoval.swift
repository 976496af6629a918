import Glibc

/// Removes a folder with everything below it, without following links.
enum FolderRemoval {
    static func remove(_ path: String) {
        guard let list = opendir(path) else {
            unlink(path)
            return
        }
        while let entry = readdir(list) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name == "." || name == ".." { continue }
            let child = "\(path)/\(name)"
            if entry.pointee.d_type == UInt8(DT_DIR) {
                chmod(child, 0o700)
                remove(child)
            } else {
                unlink(child)
            }
        }
        closedir(list)
        rmdir(path)
    }
}
