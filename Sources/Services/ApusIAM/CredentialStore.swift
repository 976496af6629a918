package import ApusModel
package import ApusServiceKit
package import ApusStore
import ApusWire
import Synchronization

/// The credentials that exist, in memory for every request: administrators' from the store, environments' for as long as they run.
package final class CredentialStore: CredentialDirectory {
    private let records: RecordTable<AdministratorKey>
    private let store: any Store
    private let known = Mutex<[String: Credential]>([:])

    package init(store: any Store) {
        self.store = store
        records = RecordTable("administrator-key", in: store)
    }

    package func credential(_ accessKeyID: String) -> Credential? { known.withLock { $0[accessKeyID] } }

    /// Loads the administrators' keys, and makes one when there is none.
    ///
    /// - Returns: the new key, to be shown once; nil when there was one.
    package func load(account: AccountID) async throws -> Credential? {
        for scope in try await records.scopes() {
            for key in try await records.list(scope) { add(key.value.credential(of: scope.account)) }
        }
        // An account is not of a region; its key stands in the row of an empty one.
        let scope = Scope(account: account, region: Region(""))
        if try await !records.list(scope, limit: 1).isEmpty { return nil }
        let key = AdministratorKey(accessKeyID: Secrets.accessKeyID("AKIA"), secretAccessKey: Secrets.secret())
        try await store.commit([records.put(key, key.accessKeyID, scope, when: .absent)])
        let credential = key.credential(of: account)
        add(credential)
        return credential
    }

    /// Makes temporary credentials for one session of a role. They are gone when the server ends.
    package func issueSession(role: String, session: String, account: AccountID) -> Credential {
        let roleName = role.split(separator: "/").last.map(String.init) ?? role
        let principal = Principal(
            kind: .executionRole, account: account, arn: "arn:aws:sts::\(account):assumed-role/\(roleName)/\(session)",
            userID: "\(Secrets.roleID(role)):\(session)")
        let credential = Credential(
            accessKeyID: Secrets.accessKeyID("ASIA"), secretAccessKey: Secrets.secret(),
            sessionToken: Secrets.token(), principal: principal)
        add(credential)
        return credential
    }

    package func revoke(_ accessKeyID: String) { known.withLock { _ = $0.removeValue(forKey: accessKeyID) } }

    private func add(_ credential: Credential) { known.withLock { $0[credential.accessKeyID] = credential } }
}

/// The key of an account's administrator.
private struct AdministratorKey: Record {
    var accessKeyID: String
    var secretAccessKey: String

    init(accessKeyID: String, secretAccessKey: String) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
    }

    init?(stored: ShapeValue) {
        let members = ShapeMembers(stored)
        guard let id: String = members.get("accessKeyID"), let secret: String = members.get("secretAccessKey") else {
            return nil
        }
        self.init(accessKeyID: id, secretAccessKey: secret)
    }

    var stored: ShapeValue {
        var members = ShapeMembers()
        members.set("accessKeyID", accessKeyID)
        members.set("secretAccessKey", secretAccessKey)
        return members.shapeValue
    }

    func credential(of account: AccountID) -> Credential {
        Credential(
            accessKeyID: accessKeyID, secretAccessKey: secretAccessKey, sessionToken: nil, principal: .root(of: account)
        )
    }
}
