package import ApusModel
import Synchronization

/// An address that calls a function over plain HTTP.
package struct FunctionURL: Sendable {
    /// 32 characters; the first label of the host.
    package let id: String
    package let function: FunctionKey

    /// An alias; nil for `$LATEST`.
    package let qualifier: String?

    /// Callers have to sign their requests (`AWS_IAM`).
    package let isSigned: Bool

    /// Answers go out as they come (`RESPONSE_STREAM`).
    package let isStreamed: Bool
    package let crossOrigin: CrossOriginRules?

    /// Whether the resource policy lets somebody call by this URL. Nil stands for one of whom nothing is known.
    package let admits: @Sendable (Principal?) -> Bool

    package init(
        id: String, function: FunctionKey, qualifier: String?, isSigned: Bool, isStreamed: Bool,
        crossOrigin: CrossOriginRules?, admits: @escaping @Sendable (Principal?) -> Bool
    ) {
        self.id = id
        self.function = function
        self.qualifier = qualifier
        self.isSigned = isSigned
        self.isStreamed = isStreamed
        self.crossOrigin = crossOrigin
        self.admits = admits
    }

    /// Nobody guesses it.
    package static func makeID() -> String {
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz0123456789".utf8)
        return String(decoding: (0..<32).map { _ in alphabet[Int.random(in: alphabet.indices)] }, as: UTF8.self)
    }
}

/// Which pages of other origins may use a URL, and how (CORS).
package struct CrossOriginRules: Equatable, Sendable {
    /// `*` in any of the lists stands for everything.
    package var origins: [String]
    package var methods: [String]
    package var headers: [String]
    package var exposed: [String]
    package var allowsCredentials: Bool

    /// Seconds that a browser may remember the answer to a preflight.
    package var maxAge: Int?

    package init(
        origins: [String] = [], methods: [String] = [], headers: [String] = [], exposed: [String] = [],
        allowsCredentials: Bool = false, maxAge: Int? = nil
    ) {
        self.origins = origins
        self.methods = methods
        self.headers = headers
        self.exposed = exposed
        self.allowsCredentials = allowsCredentials
        self.maxAge = maxAge
    }
}

/// Every function URL there is. A function has one at the most, and each of its aliases another.
package final class FunctionURLDirectory: Sendable {
    private struct Contents {
        var urls: [String: FunctionURL] = [:]
        var ids: [FunctionReference: String] = [:]
    }

    private let contents = Mutex(Contents())

    package init() {}

    package subscript(_ id: String) -> FunctionURL? { contents.withLock { $0.urls[id] } }

    package func set(_ url: FunctionURL) {
        contents.withLock { contents in
            let target = FunctionReference(key: url.function, qualifier: url.qualifier)
            if let former = contents.ids.updateValue(url.id, forKey: target) { contents.urls[former] = nil }
            contents.urls[url.id] = url
        }
    }

    package func remove(_ target: FunctionReference) {
        contents.withLock { contents in
            if let id = contents.ids.removeValue(forKey: target) { contents.urls[id] = nil }
        }
    }

    package func removeAll(of function: FunctionKey) {
        contents.withLock { contents in
            for (target, id) in contents.ids where target.key == function {
                contents.ids[target] = nil
                contents.urls[id] = nil
            }
        }
    }
}
