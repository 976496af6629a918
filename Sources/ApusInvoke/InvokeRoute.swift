import ApusHTTP
import ApusWire

/// Recognises Invoke requests by their head.
enum InvokeRoute {
    /// - Parameter target: of a POST, with its query.
    /// - Returns: the function as the path names it, decoded; nil for other requests.
    static func functionName(_ target: String) -> String? {
        let path = target.utf8.firstIndex(of: UInt8(ascii: "?")).map { target[..<$0] } ?? target[...]
        guard let name = path.text(between: "/2015-03-31/functions/", and: "/invocations"), !name.isEmpty,
            !name.utf8.contains(UInt8(ascii: "/"))
        else { return nil }
        return name.utf8.contains(UInt8(ascii: "%")) ? Percent.decode(name) : String(name)
    }
}
