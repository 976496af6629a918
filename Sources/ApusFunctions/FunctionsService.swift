import ApusArchive
package import ApusModel
package import ApusServiceKit
import ApusShapes
package import ApusStore
package import ApusWire
package import Logging

/// Lambda's control plane: what functions there are. Running them is not its business.
package struct FunctionsService: AWSService {
    let functions: FunctionStore
    let blobs: any BlobStore
    let time: any TimeSource
    let runtimes: any RuntimeRegistry
    let sink: any RevisionSink
    let limits: AccountLimits
    package let location: CodeLocation
    package let reconciler: FunctionReconciler
    package var model: ServiceModel { Lambda.model }

    package struct AccountLimits: Sendable {
        package var concurrentExecutions: Int

        package init(concurrentExecutions: Int) { self.concurrentExecutions = concurrentExecutions }
    }

    package init(
        store: any Store, time: any TimeSource, runtimes: any RuntimeRegistry, sink: any RevisionSink,
        limits: AccountLimits, logger: Logger
    ) {
        functions = FunctionStore(store)
        blobs = store.blobs
        self.time = time
        self.runtimes = runtimes
        self.sink = sink
        self.limits = limits
        location = CodeLocation()
        reconciler = FunctionReconciler(functions: functions, sink: sink, logger: logger)
    }

    package var operations: OperationTable {
        var table = OperationTable()
        table.on(Lambda.createFunction, action: "lambda:CreateFunction", create)
        table.on(Lambda.getFunction, action: "lambda:GetFunction", get)
        table.on(Lambda.getFunctionConfiguration, action: "lambda:GetFunctionConfiguration", getConfiguration)
        table.on(Lambda.listFunctions, action: "lambda:ListFunctions", list)
        table.on(Lambda.updateFunctionCode, action: "lambda:UpdateFunctionCode", updateCode)
        table.on(
            Lambda.updateFunctionConfiguration, action: "lambda:UpdateFunctionConfiguration", updateConfiguration)
        table.on(Lambda.deleteFunction, action: "lambda:DeleteFunction", delete)
        table.on(Lambda.publishVersion, action: "lambda:PublishVersion", publishVersion)
        table.on(Lambda.listVersionsByFunction, action: "lambda:ListVersionsByFunction", listVersions)
        table.on(Lambda.tagResource, action: "lambda:TagResource", tag)
        table.on(Lambda.untagResource, action: "lambda:UntagResource", untag)
        table.on(Lambda.listTags, action: "lambda:ListTags", listTags)
        table.on(Lambda.getAccountSettings, action: "lambda:GetAccountSettings", accountSettings)
        table.on(Lambda.createAlias, action: "lambda:CreateAlias", createAlias)
        table.on(Lambda.getAlias, action: "lambda:GetAlias", getAlias)
        table.on(Lambda.updateAlias, action: "lambda:UpdateAlias", updateAlias)
        table.on(Lambda.deleteAlias, action: "lambda:DeleteAlias", deleteAlias)
        table.on(Lambda.listAliases, action: "lambda:ListAliases", listAliases)
        table.on(Lambda.putFunctionConcurrency, action: "lambda:PutFunctionConcurrency", putConcurrency)
        table.on(Lambda.getFunctionConcurrency, action: "lambda:GetFunctionConcurrency", getConcurrency)
        table.on(Lambda.deleteFunctionConcurrency, action: "lambda:DeleteFunctionConcurrency", deleteConcurrency)
        table.on(
            Lambda.putProvisionedConcurrencyConfig, action: "lambda:PutProvisionedConcurrencyConfig", putProvisioned)
        table.on(
            Lambda.getProvisionedConcurrencyConfig, action: "lambda:GetProvisionedConcurrencyConfig", getProvisioned)
        table.on(
            Lambda.deleteProvisionedConcurrencyConfig, action: "lambda:DeleteProvisionedConcurrencyConfig",
            deleteProvisioned)
        table.on(
            Lambda.listProvisionedConcurrencyConfigs, action: "lambda:ListProvisionedConcurrencyConfigs",
            listProvisioned)
        return table
    }

    /// The function of a call that takes no qualifier, not even `$LATEST`.
    func functionKey(_ name: String, _ context: RequestContext) throws(Fault) -> FunctionKey {
        let reference = try FunctionReference(name, qualifier: nil, scope: context.scope)
        guard reference.qualifier == nil else { throw FunctionReference.qualified }
        return reference.key
    }

    /// Whether a runtime can be used here is asked when code is made for it, so that the error comes early.
    func requireRuntime(_ id: String?) async throws(Fault) {
        guard let id else { return }
        if let obstacle = await runtimes.obstacle(to: id) { throw FunctionFaults.runtimeNotInstalled(id, obstacle) }
    }
}
