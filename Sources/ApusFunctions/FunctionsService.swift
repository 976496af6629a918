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
    let layers: LayerStore
    let access: FunctionAccess
    let blobs: any BlobStore

    /// Nil where functions of images cannot run.
    let images: (any ImageLibrary)?
    let time: any TimeSource
    let runtimes: any RuntimeRegistry
    let sink: any RevisionSink
    let urls: FunctionURLDirectory
    let urlAddress: FunctionURLAddress
    let limits: AccountLimits
    package let location: CodeLocation
    package let reconciler: FunctionReconciler
    private let logger: Logger
    package var model: ServiceModel { Lambda.model }

    package struct AccountLimits: Sendable {
        package var concurrentExecutions: Int

        package init(concurrentExecutions: Int) { self.concurrentExecutions = concurrentExecutions }
    }

    package init(
        store: any Store, images: (any ImageLibrary)? = nil, time: any TimeSource, runtimes: any RuntimeRegistry,
        sink: any RevisionSink, urls: FunctionURLDirectory = FunctionURLDirectory(),
        urlAddress: FunctionURLAddress = .local,
        limits: AccountLimits, logger: Logger
    ) {
        functions = FunctionStore(store)
        layers = LayerStore(store)
        access = FunctionAccess(store)
        blobs = store.blobs
        self.images = images
        self.time = time
        self.runtimes = runtimes
        self.sink = sink
        self.urls = urls
        self.urlAddress = urlAddress
        self.limits = limits
        location = CodeLocation()
        self.logger = logger
        reconciler = FunctionReconciler(functions: functions, images: images, sink: sink, logger: logger)
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
        table.on(Lambda.publishLayerVersion, action: "lambda:PublishLayerVersion", publishLayerVersion)
        table.on(Lambda.getLayerVersion, action: "lambda:GetLayerVersion", getLayerVersion)
        table.on(Lambda.getLayerVersionByArn, action: "lambda:GetLayerVersion", getLayerVersionByARN)
        table.on(Lambda.deleteLayerVersion, action: "lambda:DeleteLayerVersion", deleteLayerVersion)
        table.on(Lambda.listLayers, action: "lambda:ListLayers", listLayers)
        table.on(Lambda.listLayerVersions, action: "lambda:ListLayerVersions", listLayerVersions)
        table.on(
            Lambda.addLayerVersionPermission, action: "lambda:AddLayerVersionPermission", addLayerVersionPermission)
        table.on(Lambda.getLayerVersionPolicy, action: "lambda:GetLayerVersionPolicy", getLayerVersionPolicy)
        table.on(
            Lambda.removeLayerVersionPermission, action: "lambda:RemoveLayerVersionPermission",
            removeLayerVersionPermission)
        table.on(Lambda.addPermission, action: "lambda:AddPermission", addPermission)
        table.on(Lambda.getPolicy, action: "lambda:GetPolicy", getPolicy)
        table.on(Lambda.removePermission, action: "lambda:RemovePermission", removePermission)
        table.on(Lambda.createFunctionUrlConfig, action: "lambda:CreateFunctionUrlConfig", createURL)
        table.on(Lambda.getFunctionUrlConfig, action: "lambda:GetFunctionUrlConfig", getURL)
        table.on(Lambda.updateFunctionUrlConfig, action: "lambda:UpdateFunctionUrlConfig", updateURL)
        table.on(Lambda.deleteFunctionUrlConfig, action: "lambda:DeleteFunctionUrlConfig", deleteURL)
        table.on(Lambda.listFunctionUrlConfigs, action: "lambda:ListFunctionUrlConfigs", listURLs)
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
        guard RuntimeIdentifiers.retired.contains(id) else { return }
        logger.warning("code was made for a runtime that AWS has retired", metadata: ["runtime": "\(id)"])
    }
}
