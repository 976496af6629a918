import Crypto
import Glibc

/// The folders and files of one server.
struct Places {
    let data: String

    /// Where code is unpacked: outside the data folder where the host offers a place that does not outlive it.
    let code: String
    let runtimes: String
    let launcher: String

    /// Tells this server's resources of the host from another's: the same for the same data folder.
    let instance: String

    /// Finds everything and makes what is missing.
    init(_ settings: ServerSettings, instanceSuffix: String) throws {
        try Self.makeFolder(settings.data, mode: 0o700)
        data = try Self.resolved(settings.data)
        let digest = SHA256.hash(data: Array(data.utf8)).prefix(4)
        instance = digest.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() + instanceSuffix
        let executable = try Self.resolved("/proc/self/exe")
        let bin = Self.parent(executable)
        launcher = "\(bin)/apus-launcher"
        runtimes = try Self.resolved(try settings.runtimes ?? Self.runtimes(near: bin))
        let volatile = "/run/apus"
        let base =
            geteuid() == 0 && (try? Self.makeFolder(volatile, mode: 0o711)) != nil ? "\(volatile)/\(instance)" : data
        if base != data { try Self.makeFolder(base, mode: 0o711) }
        code = "\(base)/code"
        try Self.makeFolder(code, mode: 0o711)
    }

    var credentials: String { "\(data)/credentials" }

    /// Beside an installed executable, or above one that was built in the project's folder.
    private static func runtimes(near bin: String) throws -> String {
        var candidates = ["\(parent(bin))/share/apus/Runtimes"]
        var folder = bin
        while folder != "/" {
            candidates.append("\(folder)/Runtimes")
            folder = parent(folder)
        }
        guard let found = candidates.first(where: { access("\($0)/python", R_OK) == 0 }) else {
            throw StartError("no Runtimes folder was found near \(bin); name it with --runtimes")
        }
        return found
    }

    private static func parent(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }

    private static func resolved(_ path: String) throws -> String {
        guard let resolved = realpath(path, nil) else {
            throw StartError("\(path) cannot be used: \(String(cString: strerror(errno)))")
        }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// Makes a folder and those above it.
    private static func makeFolder(_ path: String, mode: mode_t) throws {
        if mkdir(path, mode) == 0 || errno == EEXIST { return }
        if errno == ENOENT, path != "/", path.contains("/") {
            try makeFolder(parent(path), mode: 0o755)
            if mkdir(path, mode) == 0 || errno == EEXIST { return }
        }
        throw StartError("the folder \(path) cannot be made: \(String(cString: strerror(errno)))")
    }
}
