/// - Source: Lambda quotas.
enum CodeRules {
    /// Bytes of a package sent with the request: 50 MB.
    static let zippedLimit = 52_428_800

    /// Bytes of its files: 250 MB.
    static let unzippedLimit = 262_144_000
}
