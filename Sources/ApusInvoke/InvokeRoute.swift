import ApusWire

/// Recognises Invoke requests by their head.
enum InvokeRoute {
    private static let prefix = "/2015-03-31/functions/"
    private static let suffix = "/invocations"

    /// - Parameter target: of a POST, with its query.
    /// - Returns: the function as the path names it, decoded; nil for other requests.
    static func functionName(_ target: String) -> String? {
        guard target.hasPrefix(prefix) else { return nil }
        let path = target.utf8.firstIndex(of: UInt8(ascii: "?")).map { target[..<$0] } ?? target[...]
        guard path.hasSuffix(suffix), path.utf8.count > prefix.utf8.count + suffix.utf8.count else { return nil }
        let name = path.dropFirst(prefix.utf8.count).dropLast(suffix.utf8.count)
        guard !name.utf8.contains(UInt8(ascii: "/")) else { return nil }
        return name.utf8.contains(UInt8(ascii: "%")) ? Percent.decode(name) : String(name)
    }
}
