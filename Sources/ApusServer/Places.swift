import Crypto
import Glibc

/// The folders and files of one server.
struct Places {
    let data: String

    /// Where code is unpacked: outside the data folder where the host offers a place that does not outlive it.
    let code: String

    /// Where container images are unpacked. That takes long, so it outlives the server.
    let unpackedImages: String
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
        guard let bin = Installation.bin else { throw StartError("the folder of the executable cannot be read") }
        launcher = "\(bin)/apus-launcher"
        guard let runtimes = settings.runtimes ?? Installation.folder("Runtimes", with: "python") else {
            throw StartError("no Runtimes folder was found near \(bin); name it with --runtimes")
        }
        self.runtimes = try Self.resolved(runtimes)
        let volatile = "/run/apus"
        let base =
            geteuid() == 0 && (try? Self.makeFolder(volatile, mode: 0o711)) != nil ? "\(volatile)/\(instance)" : data
        if base != data { try Self.makeFolder(base, mode: 0o711) }
        code = "\(base)/code"
        try Self.makeFolder(code, mode: 0o711)
        unpackedImages = "\(data)/unpacked"
        try Self.makeFolder(unpackedImages, mode: 0o700)
        try Self.makeFolder(images, mode: 0o700)
    }

    var credentials: String { "\(data)/credentials" }

    /// Where the operator may put container images as files.
    var images: String { "\(data)/images" }

    /// Who the server is to registries, as `docker login` writes it.
    var registryCredentials: String { "\(data)/registry-credentials.json" }

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
            try makeFolder(Installation.parent(path), mode: 0o755)
            if mkdir(path, mode) == 0 || errno == EEXIST { return }
        }
        throw StartError("the folder \(path) cannot be made: \(String(cString: strerror(errno)))")
    }
}
