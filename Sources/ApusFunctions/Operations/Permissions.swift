import ApusModel
import ApusServiceKit
import ApusShapes
import ApusStore
import ApusWire

/// Policies of functions, versions and aliases. A change of one is a change of what it belongs to: they have one revision id
/// (recorded).
extension FunctionsService {
    func addPermission(
        _ request: Lambda.AddPermissionRequest, _ context: RequestContext
    ) async throws -> Lambda.AddPermissionResponse {
        let target = try FunctionReference(
            request.functionName, qualifier: request.qualifier, scope: context.scope)
        guard target.qualifier != "$LATEST" else { throw FunctionFaults.policyOfLatest }
        let statement = try PolicyStatement(request)
        try await changePolicy(of: target, revisionID: request.revisionId) { policy in
            var policy = policy ?? ResourcePolicy()
            try policy.add(statement, to: target.arn)
            return policy
        }
        return Lambda.AddPermissionResponse(statement: statement.json(of: target.arn).text)
    }

    func getPolicy(
        _ request: Lambda.GetPolicyRequest, _ context: RequestContext
    ) async throws -> Lambda.GetPolicyResponse {
        let target = try policyTarget(request.functionName, request.qualifier, context)
        guard let policy = try await access.policy(of: target), let revisionID = try await revisionID(of: target) else {
            throw FunctionFaults.noSuchResource
        }
        return Lambda.GetPolicyResponse(policy: policy.json(of: target.arn).text, revisionId: revisionID)
    }

    func removePermission(
        _ request: Lambda.RemovePermissionRequest, _ context: RequestContext
    ) async throws -> EmptyShape {
        let target = try policyTarget(request.functionName, request.qualifier, context)
        guard try await functions.functions.get(target.key.name, target.key.scope) != nil else {
            throw FunctionFaults.noPolicyFound(target.arn)
        }
        try await changePolicy(of: target, revisionID: request.revisionId) { policy in
            guard var policy else { throw FunctionFaults.noPolicy }
            try policy.remove(request.statementId)
            return policy
        }
        return EmptyShape()
    }

    /// The policy of `$LATEST` is that of the function.
    private func policyTarget(
        _ name: String, _ qualifier: String?, _ context: RequestContext
    ) throws(Fault) -> FunctionReference {
        let reference = try FunctionReference(name, qualifier: qualifier, scope: context.scope)
        return FunctionReference(
            key: reference.key, qualifier: reference.qualifier == "$LATEST" ? nil : reference.qualifier)
    }

    private func changePolicy(
        of target: FunctionReference, revisionID: String?,
        _ change: (ResourcePolicy?) throws -> ResourcePolicy
    ) async throws {
        try await functions.update(target) { function in
            let current = try await access.policy(of: target)
            /// The new policy, whose revision becomes that of its owner.
            func changed(_ owner: String?) throws -> ResourcePolicy {
                if let revisionID, revisionID != owner { throw FunctionFaults.policyMismatch }
                return try change(current)
            }
            guard let qualifier = target.qualifier else {
                let policy = try changed(function.configuration.revisionId)
                function.configuration.revisionId = policy.revisionID
                return ((), [access.put(policy, of: target)])
            }
            if case .published(let number)? = FunctionVersion(qualifier) {
                guard var version = try await functions.version(number, of: target.key) else {
                    throw Fault.functionNotFound(target.arn)
                }
                let policy = try changed(version.value.configuration.revisionId)
                version.value.configuration.revisionId = policy.revisionID
                let put = functions.versions.put(
                    version.value, version.key, target.key.scope, when: .revision(version.revision))
                return ((), [put, access.put(policy, of: target)])
            }
            guard var alias = try await functions.alias(qualifier, of: target.key) else {
                throw qualifier.utf8.contains(UInt8(ascii: "$"))
                    ? Fault.functionNotFound(target.arn) : FunctionFaults.noSuchAlias(target.arn)
            }
            let policy = try changed(alias.revisionId)
            alias.revisionId = policy.revisionID
            let put = functions.aliases.put(
                AliasRecord(configuration: alias), FunctionStore.aliasKey(target.key.name, qualifier),
                target.key.scope, when: .any)
            return ((), [put, access.put(policy, of: target)])
        }
        try await handOutURL(of: target)
    }

    /// Of the function, version or alias; nil when it is not there.
    private func revisionID(of target: FunctionReference) async throws -> String? {
        let key = target.key
        guard let qualifier = target.qualifier else {
            return try await functions.functions.get(key.name, key.scope)?.value.configuration.revisionId
        }
        if case .published(let number)? = FunctionVersion(qualifier) {
            return try await functions.version(number, of: key)?.value.configuration.revisionId
        }
        return try await functions.alias(qualifier, of: key)?.revisionId
    }
}
