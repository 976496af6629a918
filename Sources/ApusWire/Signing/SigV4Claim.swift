package import ApusModel

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
