import ApusModel
import ApusServiceKit
import ApusWire

/// Who else may use a resource: a function, one of its versions or aliases, or a version of a layer. Pure.
///
/// - Source: Lambda API reference, AddPermission and AddLayerVersionPermission; recorded responses.
struct ResourcePolicy: WireShape, Equatable {
    /// Bytes of the policy's text.
    ///
    /// - Source: Lambda quotas.
    static let sizeLimit = 20_480

    /// Another with each change.
    private(set) var revisionID: String
    private(set) var statements: [PolicyStatement]

    init() { (revisionID, statements) = (RequestID().text, []) }

    init(_ value: ShapeValue) {
        let members = ShapeMembers(value)
        revisionID = members.get("revisionID") ?? ""
        statements = members.get("statements") ?? []
    }

    var shapeValue: ShapeValue {
        var members = ShapeMembers()
        members.set("revisionID", revisionID)
        members.set("statements", statements)
        return members.shapeValue
    }

    /// - Parameter resource: its ARN.
    mutating func add(_ statement: PolicyStatement, to resource: String) throws(Fault) {
        guard !statements.contains(where: { $0.id == statement.id }) else {
            throw FunctionFaults.statementExists(statement.id)
        }
        statements.append(statement)
        let size = json(of: resource).text.utf8.count
        guard size <= Self.sizeLimit else { throw FunctionFaults.policyTooLarge(size) }
        revisionID = RequestID().text
    }

    mutating func remove(_ id: String) throws(Fault) {
        guard let index = statements.firstIndex(where: { $0.id == id }) else { throw FunctionFaults.noStatement(id) }
        statements.remove(at: index)
        revisionID = RequestID().text
    }

    func allows(_ access: PolicyAccess) -> Bool { statements.contains { $0.allows(access) } }

    func json(of resource: String) -> JSON {
        ["Version": "2012-10-17", "Id": "default", "Statement": .array(statements.map { $0.json(of: resource) })]
    }
}

/// What somebody is about to do.
struct PolicyAccess {
    var action: String

    /// Nil for somebody of whom nothing is known.
    var principal: Principal?

    /// What conditions may ask for, by key. No source of events is among it yet, so no pattern is ever compared.
    var facts: [String: String] = [:]
}

/// Lets one principal do one thing, under conditions that must all hold.
struct PolicyStatement: WireShape, Equatable {
    var id: String

    /// Such as `lambda:InvokeFunction`, `lambda:*` or `*`.
    var action: String

    /// An account, an ARN of IAM, the name of a service, or `*`.
    var principal: String

    /// Values by operator and key.
    var conditions: WireMap<WireMap<String>> = [:]

    init(id: String, action: String, principal: String) {
        (self.id, self.action, self.principal) = (id, action, principal)
    }

    init(_ value: ShapeValue) {
        let members = ShapeMembers(value)
        id = members.get("id") ?? ""
        action = members.get("action") ?? ""
        principal = members.get("principal") ?? ""
        conditions = members.get("conditions") ?? [:]
    }

    var shapeValue: ShapeValue {
        var members = ShapeMembers()
        members.set("id", id)
        members.set("action", action)
        members.set("principal", principal)
        members.set("conditions", conditions)
        return members.shapeValue
    }

    /// - Parameter value: nil adds nothing.
    mutating func require(_ key: String, _ test: String, _ value: String?) {
        guard let value else { return }
        var values = conditions[test] ?? [:]
        values[key] = value
        conditions[test] = values
    }

    func allows(_ access: PolicyAccess) -> Bool {
        guard action == access.action || action == "lambda:*" || action == "*" else { return false }
        guard principal == "*" || access.principal.map(isMeant) == true else { return false }
        return conditions.entries.allSatisfy { _, values in
            values.entries.allSatisfy { key, value in access.facts[key] == value }
        }
    }

    /// An account stands for all who act for it.
    private func isMeant(_ caller: Principal) -> Bool {
        let arn = principalARN ?? principal
        return arn == "arn:aws:iam::\(caller.account):root" || arn == caller.arn
    }

    /// Nil for a service and for everybody.
    private var principalARN: String? {
        if let account = AccountID(principal) { return "arn:aws:iam::\(account):root" }
        return principal.hasPrefix("arn:") ? principal : nil
    }

    func json(of resource: String) -> JSON {
        let who: JSON =
            principal == "*" ? "*" : principalARN.map { ["AWS": .string($0)] } ?? ["Service": .string(principal)]
        var members: WireMap<JSON> = [
            "Sid": .string(id), "Effect": "Allow", "Principal": who, "Action": .string(action),
            "Resource": .string(resource),
        ]
        if !conditions.isEmpty {
            members["Condition"] = .object(
                WireMap(
                    conditions.entries.map { test, values in
                        (key: test, value: .object(WireMap(values.entries.map { ($0.key, .string($0.value)) })))
                    }))
        }
        return .object(members)
    }
}
