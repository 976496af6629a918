/// An AWS account, twelve decimal digits.
package struct AccountID: Hashable, Sendable, CustomStringConvertible {
    package let digits: String

    /// - Returns: nil unless `digits` is exactly twelve ASCII digits.
    package init?(_ digits: String) {
        guard digits.utf8.count == 12, digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
        self.digits = digits
    }

    /// The account of a server that was told no other.
    package static let standard = AccountID("000000000000")!

    package var description: String { digits }
}

/// A region's name, such as `us-east-1`. Apus has one machine or cluster behind all of them; a region only separates names.
package struct Region: Hashable, Sendable, CustomStringConvertible {
    package let name: String

    package init(_ name: String) { self.name = name }

    package static let standard = Region("us-east-1")

    package var description: String { name }
}

/// What everything stored is scoped by.
package struct Scope: Hashable, Sendable, CustomStringConvertible {
    package let account: AccountID
    package let region: Region

    package init(account: AccountID, region: Region) {
        self.account = account
        self.region = region
    }

    /// `ACCOUNT/REGION`, the prefix of every stored key.
    package var description: String { "\(account)/\(region)" }
}
