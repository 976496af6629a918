/// Files in a layer that take away what lower layers have.
///
/// - Source: OCI image specification, "Image Layer Filesystem Changeset", "Whiteouts".
package enum Whiteout: Equatable {
    /// Of the directory that it lies in, everything of the layers below.
    case all
    /// One name beside it.
    case one([UInt8])
    /// Something that another layered file system keeps for itself.
    case foreign

    private static let prefix = Array(".wh.".utf8)
    private static let opaque = Array(".wh..wh..opq".utf8)

    /// - Returns: nil for a name that is an ordinary file's.
    package init?(_ name: [UInt8]) {
        guard name.starts(with: Self.prefix) else { return nil }
        let rest = Array(name.dropFirst(Self.prefix.count))
        if name == Self.opaque {
            self = .all
        } else if rest.isEmpty || rest == Folder.Name.dot || rest == Folder.Name.dots || rest.starts(with: Self.prefix)
        {
            self = .foreign
        } else {
            self = .one(rest)
        }
    }
}
