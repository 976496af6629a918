/// Where a registry is, and where it may send those who ask it.
package enum RegistryAddress {
    /// The server of a registry: Docker's has another name than its images.
    package static func server(_ host: String) -> String {
        ["docker.io", "index.docker.io"].contains(host) ? "registry-1.docker.io" : host
    }

    /// Docker's own images may be named without their folder.
    package static func repository(_ name: String, at host: String) -> String {
        server(host) == "registry-1.docker.io" && !name.contains("/") ? "library/\(name)" : name
    }

    /// Whether a host, with a port or without, is this one.
    package static func isLoopback(_ authority: some StringProtocol) -> Bool {
        let name = authority.prefix { $0 != ":" }
        let isNumber = name.utf8.allSatisfy { $0 == UInt8(ascii: ".") || (0x30...0x39).contains($0) }
        return name == "localhost" || (name.hasPrefix("127.") && isNumber)
    }

    /// Whether a URL that a registry names may be asked: over HTTPS, and over HTTP on this host if the registry is there, too.
    package static func isSafe(_ url: String, for host: String) -> Bool {
        let scheme = url.prefix { $0 != ":" }
        guard scheme == "https" || scheme == "http", url.hasPrefix("\(scheme)://") else { return false }
        let authority = url.dropFirst(scheme.count + 3).prefix { !"/?#".contains($0) }
        // No user, and nothing that two readers of URLs may take for two hosts.
        let isPlain = authority.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20) || ".-:[]".utf8.contains(byte)
        }
        guard isPlain, !authority.isEmpty else { return false }
        return scheme == "https" || (isLoopback(host) && isLoopback(authority))
    }

    /// What a `Location` leads to.
    ///
    /// - Parameter url: that was asked.
    /// - Returns: nil for one that must not be followed.
    package static func redirect(from url: String, to location: String, for host: String) -> String? {
        guard location.hasPrefix("/"), !location.hasPrefix("//") else {
            return isSafe(location, for: host) ? location : nil
        }
        let parts = url.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        return parts.count > 2 ? "\(parts[0])//\(parts[2])\(location)" : nil
    }
}
