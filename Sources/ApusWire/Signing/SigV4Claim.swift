package import ApusModel

/// What a signature covers of a request's head; the fast path gives it without making a ``WireRequest``.
package protocol SignedHead {
    var method: String { get }

    /// As sent, without the query.
    var path: String { get }

    /// As sent, without the `?`.
    var query: String { get }

    /// Calls `body` with each value of a field, in order.
    ///
    /// - Parameter name: in lower case.
    func forEachValue(of name: String, _ body: (String) -> Void)
}

extension SignedHead {
    /// The first value of a field.
    func first(_ name: String) -> String? {
        var found: String?
        forEachValue(of: name) { if found == nil { found = $0 } }
        return found
    }
}

extension WireRequest: SignedHead {
    package func forEachValue(of name: String, _ body: (String) -> Void) {
        for field in headers.fields where field.name.matchesHeader(name) { body(field.value) }
    }
}

/// Who signed a request, and how, by its own words; nothing of it is verified.
package struct SigV4Claim: Sendable, Equatable {
    package enum Form: Sendable, Equatable {
        case header
        /// In the query, valid for so many seconds.
        case presigned(expires: Int)
    }

    package enum Payload: Sendable, Equatable {
        /// The hash was not sent: it is the body's.
        case body
        /// 64 hexadecimal digits.
        case hash(String)
        case unsigned
        /// Chunks with signatures of their own.
        case signedChunks(trailer: Bool)
        case unsignedChunks
    }

    package let accessKey: String

    /// `20261124`, as in the scope.
    package let day: String

    package let region: String
    package let service: String

    /// Lower-case names joined by semicolons.
    package let signedHeaders: String

    package let signature: String
    package let form: Form

    /// `20261124T081530Z`.
    package let date: String

    package let time: Timestamp
    package let sessionToken: String?
    package let payload: Payload

    /// The word of ``payload`` in the canonical request; empty for ``Payload/body``.
    let payloadWord: String
}
