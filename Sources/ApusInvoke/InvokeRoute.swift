import ApusHTTP
import ApusWire

/// An Invoke request, recognised by its head.
struct InvokeRoute: Sendable {
    /// The function as the path names it, decoded.
    let function: String

    /// The answer is to be sent as it comes.
    let isStreamed: Bool

    /// - Parameter target: of a POST, with its query.
    /// - Returns: nil for other requests.
    init?(_ target: String) {
        let path = target.utf8.firstIndex(of: UInt8(ascii: "?")).map { target[..<$0] } ?? target[...]
        let whole = path.text(between: "/2015-03-31/functions/", and: "/invocations")
        guard
            let name = whole ?? path.text(between: "/2021-11-15/functions/", and: "/response-streaming-invocations"),
            !name.isEmpty, !name.utf8.contains(UInt8(ascii: "/"))
        else { return nil }
        function = name.utf8.contains(UInt8(ascii: "%")) ? Percent.decode(name) : String(name)
        isStreamed = whole == nil
    }
}
