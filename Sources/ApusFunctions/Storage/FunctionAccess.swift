import ApusModel
import ApusServiceKit
import ApusShapes
import ApusStore
import ApusWire

/// By what functions are called from elsewhere, as rows by function and qualifier: `function-policy` and `function-url`.
struct FunctionAccess: Sendable {
    let policies: RecordTable<PolicyRecord>
    let urls: RecordTable<FunctionURLRecord>

    init(_ store: any Store) {
        policies = RecordTable("function-policy", in: store)
        urls = RecordTable("function-url", in: store)
    }

    func policy(of target: FunctionReference) async throws -> ResourcePolicy? {
        try await policies.get(Self.rowKey(target), target.key.scope)?.value.policy
    }

    func url(of target: FunctionReference) async throws -> FunctionURLRecord? {
        try await urls.get(Self.rowKey(target), target.key.scope)?.value
    }

    /// - Parameter policy: without statements it goes.
    func put(_ policy: ResourcePolicy, of target: FunctionReference) -> RowWrite {
        let key = Self.rowKey(target)
        guard !policy.statements.isEmpty else { return policies.delete(key, target.key.scope) }
        return policies.put(PolicyRecord(policy: policy), key, target.key.scope, when: .any)
    }

    func put(_ url: FunctionURLRecord, of target: FunctionReference) -> RowWrite {
        urls.put(url, Self.rowKey(target), target.key.scope, when: .any)
    }

    /// For a version or an alias that goes.
    func removal(of qualifier: String, of key: FunctionKey) -> [RowWrite] {
        let rowKey = Self.rowKey(FunctionReference(key: key, qualifier: qualifier))
        return [policies.delete(rowKey, key.scope), urls.delete(rowKey, key.scope)]
    }

    /// For a function that goes with all that belongs to it.
    func removal(of key: FunctionKey) async throws -> [RowWrite] {
        let policies = try await policies.list(key.scope, prefix: "\(key.name)/")
        let urls = try await urls.list(key.scope, prefix: "\(key.name)/")
        return policies.map { self.policies.delete($0.key, key.scope) }
            + urls.map { self.urls.delete($0.key, key.scope) }
    }

    static func rowKey(_ target: FunctionReference) -> String { "\(target.key.name)/\(target.qualifier ?? "$LATEST")" }

    /// Whose row it is.
    static func target(_ rowKey: String, _ scope: Scope) -> FunctionReference {
        let parts = rowKey.split(separator: "/", maxSplits: 1).map(String.init)
        return FunctionReference(
            key: FunctionKey(scope: scope, name: parts[0]), qualifier: parts.last == "$LATEST" ? nil : parts.last)
    }
}

struct PolicyRecord: Record {
    var policy: ResourcePolicy

    init(policy: ResourcePolicy) { self.policy = policy }

    init?(stored: ShapeValue) { policy = ResourcePolicy(stored) }

    var stored: ShapeValue { policy.shapeValue }
}

/// A function's URL.
struct FunctionURLRecord: Record, Equatable {
    /// The host's first label.
    var id: String
    var authType: String

    /// Nil when none was ever asked for, which means `BUFFERED`.
    var invokeMode: String?
    var cors: Lambda.Cors?

    /// As `CreationTime` and `LastModifiedTime` give them.
    var created: String
    var lastModified: String

    init(id: String, authType: String, invokeMode: String?, cors: Lambda.Cors?, created: String) {
        self.id = id
        self.authType = authType
        self.invokeMode = invokeMode
        self.cors = cors
        (self.created, lastModified) = (created, created)
    }

    init?(stored: ShapeValue) {
        let members = ShapeMembers(stored)
        guard let id: String = members.get("id"), let authType: String = members.get("authType"),
            let created: String = members.get("created")
        else { return nil }
        self.init(
            id: id, authType: authType, invokeMode: members.get("invokeMode"), cors: members.get("cors"),
            created: created)
        lastModified = members.get("lastModified") ?? created
    }

    var stored: ShapeValue {
        var members = ShapeMembers()
        members.set("id", id)
        members.set("authType", authType)
        members.set("invokeMode", invokeMode)
        members.set("cors", cors)
        members.set("created", created)
        members.set("lastModified", lastModified)
        return members.shapeValue
    }
}
