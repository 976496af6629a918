package import ApusModel

/// Who makes a request.
package struct Principal: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// The account's administrator.
        case root
        /// A function's execution role, as one environment holds it.
        case executionRole
    }

    package let kind: Kind
    package let account: AccountID

    /// Such as `arn:aws:iam::000000000000:root` or `arn:aws:sts::000000000000:assumed-role/ROLE/FUNCTION`.
    package let arn: String

    /// As STS names it: the account for root, `ROLE-ID:SESSION` for a role.
    package let userID: String

    package init(kind: Kind, account: AccountID, arn: String, userID: String) {
        self.kind = kind
        self.account = account
        self.arn = arn
        self.userID = userID
    }

    package static func root(of account: AccountID) -> Self {
        Self(kind: .root, account: account, arn: "arn:aws:iam::\(account):root", userID: account.digits)
    }
}

/// A secret that requests may be signed with.
package struct Credential: Sendable {
    package let accessKeyID: String
    package let secretAccessKey: String

    /// Of temporary credentials; a request has to carry it.
    package let sessionToken: String?
    package let principal: Principal

    package init(accessKeyID: String, secretAccessKey: String, sessionToken: String?, principal: Principal) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
        self.principal = principal
    }
}

/// Finds credentials in memory: it is asked for every request.
package protocol CredentialDirectory: Sendable {
    func credential(_ accessKeyID: String) -> Credential?
}
