import ApusModel
import ApusServiceKit
import ApusShapes
import ApusWire

extension FunctionsService {
    func putProvisioned(
        _ request: Lambda.PutProvisionedConcurrencyConfigRequest, _ context: RequestContext
    ) async throws -> Lambda.PutProvisionedConcurrencyConfigResponse {
        let target = try provisionable(
            request.functionName, request.qualifier, context, orElse: FunctionFaults.provisionedLatest)
        let (key, qualifier) = (target.key, target.qualifier ?? "")
        let provisioned = ProvisionedConcurrency(
            executions: request.provisionedConcurrentExecutions, lastModified: time.wall.civil.lambdaText)
        // Before, for a function that is not there; and again while nobody else changes it.
        try await checkExists(target)
        try await functions.update(target) { _ in
            try await checkExists(target)
            if let alias = try await functions.alias(qualifier, of: key) {
                if alias.weighted != nil { throw FunctionFaults.provisionedWeights }
                try await checkProvisionable(alias, of: key)
            } else {
                try await checkProvisionable(version: qualifier, of: key)
                for alias in try await provisionedAliases(of: key) where alias.mainVersion == qualifier {
                    throw FunctionFaults.aliasIsProvisioned
                }
            }
            let sharing = try await functions.sharing(key.scope) {
                try $0.provision(provisioned, for: key.name, qualifier: qualifier, limit: limits.concurrentExecutions)
            }
            return ((), sharing)
        }
        let before = sink.provisioned(key, qualifier: qualifier)
        try await reconciler.provisionChanged(of: key, qualifier: qualifier)
        return .init(provisioned.standing(before).shapeValue)
    }

    func getProvisioned(
        _ request: Lambda.GetProvisionedConcurrencyConfigRequest, _ context: RequestContext
    ) async throws -> Lambda.GetProvisionedConcurrencyConfigResponse {
        let target = try provisionable(
            request.functionName, request.qualifier, context, orElse: FunctionFaults.latestIsNotProvisioned)
        try await checkExists(target)
        let (key, qualifier) = (target.key, target.qualifier ?? "")
        guard let provisioned = try await functions.concurrency(key.scope)[key.name].provisioned[qualifier] else {
            throw FunctionFaults.notProvisioned
        }
        return .init(provisioned.standing(sink.provisioned(key, qualifier: qualifier)).shapeValue)
    }

    func deleteProvisioned(
        _ request: Lambda.DeleteProvisionedConcurrencyConfigRequest, _ context: RequestContext
    ) async throws -> EmptyShape {
        let target = try provisionable(
            request.functionName, request.qualifier, context, orElse: FunctionFaults.latestIsNotProvisioned)
        try await checkExists(target)
        let (key, qualifier) = (target.key, target.qualifier ?? "")
        try await share(target) { $0.deprovision(key.name, qualifier: qualifier) }
        try await reconciler.provisionChanged(of: key, qualifier: qualifier)
        return EmptyShape()
    }

    func listProvisioned(
        _ request: Lambda.ListProvisionedConcurrencyConfigsRequest, _ context: RequestContext
    ) async throws -> Lambda.ListProvisionedConcurrencyConfigsResponse {
        let key = try functionKey(request.functionName, context)
        _ = try await functions.function(FunctionReference(key: key, qualifier: nil))
        let after = try Pages.key(request.marker) ?? ""
        let all = try await functions.concurrency(key.scope)[key.name].provisioned.entries
        let rest = all.filter { $0.key > after }.sorted { $0.key < $1.key }
        let page = rest.prefix(Pages.size(request.maxItems))
        return Lambda.ListProvisionedConcurrencyConfigsResponse(
            provisionedConcurrencyConfigs: page.map { qualifier, provisioned in
                var item = provisioned.standing(sink.provisioned(key, qualifier: qualifier))
                item.functionArn = key.arn(qualifier)
                return item
            }, nextMarker: page.count < rest.count ? page.last.map { Pages.marker($0.key) } : nil)
    }

    // MARK: Rules

    private func provisionable(
        _ name: String, _ qualifier: String, _ context: RequestContext, orElse fault: Fault
    ) throws(Fault) -> FunctionReference {
        let reference = try FunctionReference(name, qualifier: qualifier, scope: context.scope)
        guard reference.qualifier != "$LATEST" else { throw fault }
        return reference
    }

    /// An alias that is not there and a version that is not there have faults of their own (recorded).
    private func checkExists(_ target: FunctionReference) async throws {
        let qualifier = target.qualifier ?? ""
        if case .published(let number)? = FunctionVersion(qualifier) {
            guard try await functions.version(number, of: target.key) != nil else {
                throw Fault.functionNotFound(target.arn)
            }
        } else if try await functions.alias(qualifier, of: target.key) == nil {
            throw FunctionFaults.noSuchAlias(target.arn)
        }
    }

    /// Checks that executions may be provisioned where an alias points.
    func checkProvisionable(_ alias: Lambda.AliasConfiguration, of key: FunctionKey) async throws {
        guard alias.mainVersion != "$LATEST" else { throw FunctionFaults.provisionedLatest }
        try await checkProvisionable(version: alias.mainVersion, of: key)
        if try await functions.concurrency(key.scope)[key.name].provisioned[alias.mainVersion] != nil {
            throw FunctionFaults.versionIsProvisioned
        }
    }

    private func checkProvisionable(version: String, of key: FunctionKey) async throws {
        if let number = Int(version), let found = try await functions.version(number, of: key)?.value,
            found.configuration.hasSnapStart
        {
            throw FunctionFaults.notWithSnapStart("Provisioned concurrency")
        }
    }

    private func provisionedAliases(of key: FunctionKey) async throws -> [Lambda.AliasConfiguration] {
        let provisioned = try await functions.concurrency(key.scope)[key.name].provisioned
        return try await functions.aliases(of: key).filter { provisioned[$0.name ?? ""] != nil }
    }
}
