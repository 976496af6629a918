package import ApusModel

/// `ImageUri`: where an image is.
///
/// ```
/// HOST[:PORT]/REPOSITORY[:TAG][@sha256:DIGEST]    a registry; without a tag, latest
/// oci:FOLDER[:TAG][@sha256:DIGEST]                an OCI image layout in a folder of the host
/// oci-archive:FILE[:TAG][@sha256:DIGEST]          the same in a tar file
/// ```
///
/// A digest is what counts where there is one. The text that names a tag's digest is the same text with the digest added, and so
/// reads as the image that the tag named then.
package struct ImageURI: Equatable, Sendable {
    package enum Place: Equatable, Sendable {
        case registry(host: String, repository: String)
        case layout(folder: String)
        case archive(file: String)
    }

    package var place: Place
    package var tag: String?
    package var digest: ImageDigest?

    /// - Throws: `.badReference`.
    package init(_ text: String) throws(ImageFailure) {
        guard text.utf8.count <= 2048, !text.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) else {
            throw ImageFailure(.badReference, "the URI is too long, or has spaces")
        }
        var rest = text[...]
        if let at = rest.lastIndex(of: "@") {
            guard let digest = ImageDigest(rest[rest.index(after: at)...]) else {
                throw ImageFailure(.badReference, "what follows the @ is no digest")
            }
            self.digest = digest
            rest = rest[..<at]
        }
        for (scheme, isArchive) in [("oci:", false), ("oci-archive:", true)] where rest.hasPrefix(scheme) {
            let (path, tag) = Self.splitTag(rest.dropFirst(scheme.count))
            guard !path.isEmpty else { throw ImageFailure(.badReference, "the URI names no path") }
            place = isArchive ? .archive(file: String(path)) : .layout(folder: String(path))
            self.tag = tag
            return
        }
        let (name, tag) = Self.splitTag(rest)
        guard let slash = name.firstIndex(of: "/"), Self.isHost(name[..<slash]) else {
            throw ImageFailure(.badReference, "the URI names no registry")
        }
        let repository = name[name.index(after: slash)...]
        guard Self.isRepository(repository) else {
            throw ImageFailure(.badReference, "the repository has no such name")
        }
        place = .registry(host: String(name[..<slash]), repository: String(repository))
        self.tag = tag
    }

    /// The same image for good.
    package static func resolved(_ text: String, _ digest: ImageDigest) -> String {
        let name = text.lastIndex(of: "@").map { text[..<$0] } ?? text[...]
        // As AWS does, a registry's without the tag. Of a path nothing is left out, since it may have a colon itself.
        let isPath = name.hasPrefix("oci:") || name.hasPrefix("oci-archive:")
        return "\(isPath ? name : splitTag(name).name)@\(digest)"
    }

    private static func splitTag(_ text: Substring) -> (name: Substring, tag: String?) {
        guard let colon = text.lastIndex(of: ":"), case let tag = text[text.index(after: colon)...], isTag(tag) else {
            return (text, nil)
        }
        return (text[..<colon], String(tag))
    }

    /// - Source: OCI distribution specification, "Pulling manifests".
    private static func isTag(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= 128, isWord(first) || first == UInt8(ascii: "_") else {
            return false
        }
        return text.utf8.allSatisfy { isWord($0) || "._-".utf8.contains($0) }
    }

    /// A first step that could be a part of a repository's name is none: an image without a registry is refused, not looked for
    /// at a place of our choice.
    private static func isHost(_ text: Substring) -> Bool {
        guard text == "localhost" || text.contains(".") || text.contains(":") else { return false }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let isPort = parts.count == 1 || (parts.count == 2 && UInt16(parts[1]) != nil)
        return isPort && !parts[0].isEmpty && parts[0].utf8.allSatisfy { isWord($0) || "._-".utf8.contains($0) }
    }

    private static func isRepository(_ text: Substring) -> Bool {
        let steps = text.split(separator: "/", omittingEmptySubsequences: false)
        return text.utf8.count <= 255
            && steps.allSatisfy { step in
                step.utf8.first.map(isLowerOrDigit) == true && step.utf8.last.map(isLowerOrDigit) == true
                    && step.utf8.allSatisfy { isLowerOrDigit($0) || "._-".utf8.contains($0) }
            }
    }

    private static func isWord(_ byte: UInt8) -> Bool { isLowerOrDigit(byte) || (0x41...0x5A).contains(byte) }

    private static func isLowerOrDigit(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
    }
}
