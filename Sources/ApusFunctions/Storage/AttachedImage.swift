import ApusModel
import ApusServiceKit
import ApusWire

/// The image of a function, as it was found when the function was created or updated.
struct AttachedImage: WireShape, Equatable {
    var found: ResolvedImage

    init(_ found: ResolvedImage) { self.found = found }

    init(_ value: ShapeValue) {
        let members = ShapeMembers(value)
        found = ResolvedImage(
            uri: members.get("uri") ?? "", resolvedURI: members.get("resolvedURI") ?? "",
            digest: members.get("digest") ?? "", manifest: members.get("manifest") ?? "",
            parts: members.get("parts") ?? [])
    }

    var shapeValue: ShapeValue {
        var members = ShapeMembers()
        members.set("uri", found.uri)
        members.set("resolvedURI", found.resolvedURI)
        members.set("digest", found.digest)
        members.set("manifest", found.manifest)
        members.set("parts", found.parts)
        return members.shapeValue
    }

    /// The names of its blobs.
    var blobs: [String] { [found.manifest] + found.parts }

    /// The image in the place of a package. Its size is not told.
    ///
    /// - Source: recorded responses: `CodeSize` is 0, `CodeSha256` the digest in hexadecimal.
    var package: DeploymentPackage {
        DeploymentPackage(code: found.manifest, sha256: found.digest, size: 0, unzippedSize: 0)
    }
}
