package import ApusHTTP
package import NIOCore

/// Header fields in the order they came, found without regard to case.
package struct WireHeaders: Sendable, ExpressibleByDictionaryLiteral {
    /// Fields that came off a connection stay bytes until somebody changes them.
    private enum Storage: Sendable {
        case block(FieldBlock)
        case list([(name: String, value: String)])
    }

    private var storage: Storage

    package init(_ fields: [(name: String, value: String)] = []) { storage = .list(fields) }

    package init(_ block: FieldBlock) { storage = .block(block) }

    package init(dictionaryLiteral elements: (String, String)...) {
        self.init(elements.map { (name: $0.0, value: $0.1) })
    }

    package var fields: [(name: String, value: String)] {
        switch storage {
        case .block(let block): block.texts
        case .list(let list): list
        }
    }

    /// The first value of a field.
    package subscript(_ name: String) -> String? {
        switch storage {
        case .block(let block): block.first(name)
        case .list(let list): list.first { $0.name.matchesHeader(name) }?.value
        }
    }

    /// Every value of a field, in order.
    package func all(_ name: String) -> [String] { fields.filter { $0.name.matchesHeader(name) }.map(\.value) }

    /// Calls `body` with the bytes of each value of a field, in order.
    ///
    /// - Parameter name: compared without regard to case.
    func forEachValue(of name: UnsafeBufferPointer<UInt8>, _ body: (UnsafeRawBufferPointer) -> Void) {
        switch storage {
        case .block(let block): block.forEachValue(of: name, body)
        case .list(let list):
            let name = String(decoding: name, as: UTF8.self)
            for field in list where field.name.matchesHeader(name) {
                var value = field.value
                value.withUTF8 { body(UnsafeRawBufferPointer($0)) }
            }
        }
    }

    package mutating func add(_ name: String, _ value: String) {
        var list = fields
        // The list has one owner while it grows.
        storage = .list([])
        list.append((name, value))
        storage = .list(list)
    }

    package mutating func set(_ name: String, _ value: String) {
        storage = .list(fields.filter { !$0.name.matchesHeader(name) } + [(name, value)])
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
        let end = target.utf8.firstIndex(of: UInt8(ascii: "?"))
        self.init(
            method: method, path: end.map { String(target[..<$0]) } ?? target,
            query: end.map { String(target[target.utf8.index(after: $0)...]) } ?? "", headers: headers, body: body)
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
