/// An error as an AWS client sees it. Code and message are AWS's to the letter: SDKs and scripts match them.
package struct Fault: Error, Equatable, Sendable {
    /// Whose mistake it was; becomes `Type: User` or `Type: Server`, `Sender` or `Receiver` on the wire.
    package enum Origin: Equatable, Sendable { case sender, receiver }

    /// The name that a client matches, such as `ResourceNotFoundException`.
    package var code: String

    /// The HTTP status, 400...599.
    package var status: Int

    package var origin: Origin
    package var message: String

    /// Members beside the message, such as `Reason` of a throttle.
    package var fields: [(name: String, value: String)] { fieldPairs.map { ($0.name, $0.value) } }

    /// HTTP headers beside the usual ones, such as `Retry-After`.
    package var headers: [(name: String, value: String)] { headerPairs.map { ($0.name, $0.value) } }

    private var fieldPairs: [Pair]
    private var headerPairs: [Pair]

    package init(
        _ code: String, status: Int, origin: Origin? = nil, _ message: String,
        fields: [(name: String, value: String)] = [], headers: [(name: String, value: String)] = []
    ) {
        self.code = code
        self.status = status
        self.origin = origin ?? (status >= 500 ? .receiver : .sender)
        self.message = message
        self.fieldPairs = fields.map { Pair(name: $0.name, value: $0.value) }
        self.headerPairs = headers.map { Pair(name: $0.name, value: $0.value) }
    }

    private struct Pair: Equatable, Sendable {
        var name: String
        var value: String
    }
}
