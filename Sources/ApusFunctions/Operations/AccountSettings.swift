import ApusServiceKit
import ApusShapes

extension FunctionsService {
    /// 300 GB for all code of an account and region.
    ///
    /// - Source: Lambda quotas.
    private static let codeStorageLimit = 322_122_547_200

    func accountSettings(
        _ request: Lambda.GetAccountSettingsRequest, _ context: RequestContext
    ) async throws -> Lambda.GetAccountSettingsResponse {
        var used = 0
        let stored = try await functions.functions.list(context.scope)
        for function in stored { used += function.value.configuration.codeSize ?? 0 }
        for version in try await functions.versions.list(context.scope) {
            used += version.value.configuration.codeSize ?? 0
        }
        for version in try await layers.versions.list(context.scope) { used += version.value.package.size }
        let unreserved = try await functions.concurrency(context.scope).unreserved(of: limits.concurrentExecutions)
        return Lambda.GetAccountSettingsResponse(
            accountLimit: Lambda.AccountLimit(
                totalCodeSize: Self.codeStorageLimit, codeSizeUnzipped: CodeRules.unzippedLimit,
                codeSizeZipped: CodeRules.zippedLimit, concurrentExecutions: limits.concurrentExecutions,
                unreservedConcurrentExecutions: unreserved),
            accountUsage: Lambda.AccountUsage(totalCodeSize: used, functionCount: stored.count))
    }
}
