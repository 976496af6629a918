import ApusModel
import ApusServiceKit
import ApusShapes
import ApusStore
import ApusWire

extension FunctionsService {
    func createAlias(
        _ request: Lambda.CreateAliasRequest, _ context: RequestContext
    ) async throws -> Lambda.AliasConfiguration {
        let key = try functionKey(request.functionName, context)
        var alias = Lambda.AliasConfiguration(
            aliasArn: key.arn(request.name), name: request.name, functionVersion: request.functionVersion,
            description: request.description ?? "", revisionId: RequestID().text)
        alias.route(by: request.routingConfig)
        try await functions.update(FunctionReference(key: key, qualifier: request.functionVersion)) { function in
            try await checkVersion(request.functionVersion, of: function, key)
            if try await functions.alias(request.name, of: key) != nil {
                throw FunctionFaults.aliasExists(key.arn(request.name))
            }
            try await checkRouting(alias, of: function, key)
            return ((), [put(alias, of: key)])
        }
        try await reconciler.aliasChanged(request.name, of: key)
        return alias
    }

    func getAlias(
        _ request: Lambda.GetAliasRequest, _ context: RequestContext
    ) async throws -> Lambda.AliasConfiguration {
        let key = try functionKey(request.functionName, context)
        guard let alias = try await functions.alias(request.name, of: key) else {
            throw FunctionFaults.noSuchAlias(key.arn(request.name))
        }
        return alias
    }

    func updateAlias(
        _ request: Lambda.UpdateAliasRequest, _ context: RequestContext
    ) async throws -> Lambda.AliasConfiguration {
        let key = try functionKey(request.functionName, context)
        let updated = try await functions.update(FunctionReference(key: key, qualifier: nil)) { function in
            guard var alias = try await functions.alias(request.name, of: key) else {
                throw FunctionFaults.aliasToUpdateNotFound(key.arn(request.name))
            }
            if let id = request.revisionId, id != alias.revisionId { throw FunctionFaults.revisionMismatch }
            if let description = request.description { alias.description = description }
            if let version = request.functionVersion {
                try await checkVersion(version, of: function, key)
                alias.functionVersion = version
            }
            if let routing = request.routingConfig { alias.route(by: routing) }
            alias.revisionId = RequestID().text
            try await checkRouting(alias, of: function, key)
            if try await functions.concurrency(key.scope)[key.name].provisioned[request.name] != nil {
                try await checkProvisionable(alias, of: key)
            }
            return (alias, [put(alias, of: key)])
        }
        try await reconciler.aliasChanged(request.name, of: key)
        return updated
    }

    /// Deletes an alias, and what is provisioned for it; an alias that is not there has been deleted already.
    func deleteAlias(_ request: Lambda.DeleteAliasRequest, _ context: RequestContext) async throws -> EmptyShape {
        let key = try functionKey(request.functionName, context)
        try await functions.update(FunctionReference(key: key, qualifier: nil)) { _ in
            let delete = functions.aliases.delete(FunctionStore.aliasKey(key.name, request.name), key.scope)
            let sharing = try await functions.sharing(key.scope) { $0.deprovision(key.name, qualifier: request.name) }
            return ((), [delete] + sharing + access.removal(of: request.name, of: key))
        }
        try await reconciler.aliasChanged(request.name, of: key)
        try await handOutURL(of: FunctionReference(key: key, qualifier: request.name))
        return EmptyShape()
    }

    func listAliases(
        _ request: Lambda.ListAliasesRequest, _ context: RequestContext
    ) async throws -> Lambda.ListAliasesResponse {
        let key = try functionKey(request.functionName, context)
        _ = try await functions.function(FunctionReference(key: key, qualifier: nil))
        let aliases = try await functions.aliases(of: key, after: Pages.key(request.marker)).filter {
            request.functionVersion == nil || $0.functionVersion == request.functionVersion
        }
        let page = aliases.prefix(Pages.size(request.maxItems))
        return Lambda.ListAliasesResponse(
            nextMarker: page.count < aliases.count ? page.last?.name.map(Pages.marker) : nil, aliases: Array(page))
    }

    private func put(_ alias: Lambda.AliasConfiguration, of key: FunctionKey) -> RowWrite {
        let rowKey = FunctionStore.aliasKey(key.name, alias.name ?? "")
        return functions.aliases.put(AliasRecord(configuration: alias), rowKey, key.scope, when: .any)
    }

    private func checkRouting(
        _ alias: Lambda.AliasConfiguration, of function: FunctionRecord, _ key: FunctionKey
    ) async throws {
        try alias.checkRouting()
        guard let other = alias.weighted?.version else { return }
        let main = try await checkVersion(alias.mainVersion, of: function, key)
        guard try await checkVersion(other, of: function, key).role == main.role else {
            throw FunctionFaults.differentRoles
        }
    }

    /// Checks that an alias may point at a version: it exists, and its snapshot, if it has one, has not failed.
    @discardableResult
    private func checkVersion(
        _ version: String, of function: FunctionRecord, _ key: FunctionKey
    ) async throws -> Lambda.FunctionConfiguration {
        if version == "$LATEST" { return function.configuration }
        guard case .published(let number)? = FunctionVersion(version),
            let found = try await functions.version(number, of: key)?.value.configuration
        else { throw Fault.functionNotFound(key.arn(version)) }
        guard found.state != "Failed" else {
            throw FunctionFaults.wrongState(key.arn(version), "Failed", found.stateReasonCode ?? "")
        }
        return found
    }
}
