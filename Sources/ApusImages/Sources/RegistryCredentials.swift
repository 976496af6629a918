package import ApusModel
import ApusWire
import Glibc

/// Who the server is to registries, as Docker's `config.json` and Podman's `auth.json` say it: `auths` by host, each with `auth`,
/// the Base64 of `USER:PASSWORD`.
package struct RegistryCredentials: Sendable {
    private var authorizations: [String: String] = [:]

    init() {}

    /// - Parameter file: where it is missing there are no credentials.
    init(file path: String) throws(ImageFailure) {
        let number = open(path, O_RDONLY | O_CLOEXEC)
        if number < 0, errno == ENOENT {
            self.init()
            return
        }
        let file = try OpenFile(adopting: number, path)
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = bytes.withUnsafeMutableBytes { read(file.number, $0.baseAddress, $0.count) }
        guard count >= 0 else { throw systemFailure("read \(path)") }
        try self.init(Array(bytes.prefix(count)))
    }

    /// - Throws: `.invalid` for what is no such file.
    package init(_ file: [UInt8]) throws(ImageFailure) {
        guard let json = try? JSON(parsing: file), let hosts = json["auths"]?.object else {
            throw ImageFailure(.invalid, "the credentials of registries are no file as `docker login` writes it")
        }
        for (host, entry) in hosts.entries {
            guard let auth = entry["auth"]?.string, Base64.decode(auth) != nil else { continue }
            authorizations[Self.name(host)] = "Basic \(auth)"
        }
    }

    /// The value of the header.
    package func authorization(for host: String) -> String? { authorizations[Self.name(host)] }

    /// Docker names its own registry by a URL, and the service there has another name yet.
    private static func name(_ host: String) -> String {
        let name = host.split(separator: "://").last.map(String.init) ?? host
        return RegistryAddress.server(String(name.prefix { $0 != "/" }))
    }
}
