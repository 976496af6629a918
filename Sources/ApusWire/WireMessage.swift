package import NIOCore

/// Header fields in the order they came, found without regard to case.
package struct WireHeaders: Sendable, ExpressibleByDictionaryLiteral {
    package private(set) var fields: [(name: String, value: String)]

    package init(_ fields: [(name: String, value: String)] = []) { self.fields = fields }

    package init(dictionaryLiteral elements: (String, String)...) {
        self.fields = elements.map { (name: $0.0, value: $0.1) }
    }

    /// The first value of a field.
    package subscript(_ name: String) -> String? { fields.first { $0.name.matchesHeader(name) }?.value }

    /// Every value of a field, in order.
    package func all(_ name: String) -> [String] { fields.filter { $0.name.matchesHeader(name) }.map(\.value) }

    package mutating func add(_ name: String, _ value: String) { fields.append((name, value)) }

    package mutating func set(_ name: String, _ value: String) {
        fields.removeAll { $0.name.matchesHeader(name) }
        fields.append((name, value))
    }
}

extension String {
    /// Equal but for the case of ASCII letters.
    package func matchesHeader(_ other: String) -> Bool {
        guard utf8.count == other.utf8.count else { return false }
        let quick = utf8.withContiguousStorageIfAvailable { mine in
            other.utf8.withContiguousStorageIfAvailable { theirs in
                mine.indices.allSatisfy { String.isSameLetter(mine[$0], theirs[$0]) }
            }
        }
        return (quick ?? nil) ?? zip(utf8, other.utf8).allSatisfy { String.isSameLetter($0, $1) }
    }

    private static func isSameLetter(_ a: UInt8, _ b: UInt8) -> Bool {
        a == b || ((a ^ b) == 0x20 && (a | 0x20) >= 0x61 && (a | 0x20) <= 0x7A)
    }
}

/// A request as it came off the connection, whole.
package struct WireRequest: Sendable {
    package var method: String

    /// As sent: still percent-encoded, without the query.
    package var path: String

    /// As sent: still percent-encoded, without the `?`; empty when there was none.
    package var query: String

    package var headers: WireHeaders
    package var body: ByteBuffer

    package init(method: String, path: String, query: String, headers: WireHeaders, body: ByteBuffer) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
    }

    /// - Parameter target: the request target with its query, such as `/a%20b?x=1`.
    package init(method: String, target: String, headers: WireHeaders, body: ByteBuffer) {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        self.init(
            method: method, path: String(parts[0]), query: parts.count > 1 ? String(parts[1]) : "", headers: headers,
            body: body)
    }
}

package struct WireResponse: Sendable {
    package var status: Int
    package var headers: WireHeaders
    package var body: ByteBuffer

    package init(status: Int, headers: WireHeaders = [:], body: ByteBuffer = ByteBuffer()) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}
