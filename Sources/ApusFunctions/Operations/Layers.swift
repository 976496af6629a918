import ApusModel
import ApusServiceKit
import ApusShapes
import ApusWire

extension FunctionsService {
    func publishLayerVersion(
        _ request: Lambda.PublishLayerVersionRequest, _ context: RequestContext
    ) async throws -> Lambda.PublishLayerVersionResponse {
        let key = try ownLayer(request.layerName, context, action: "PublishLayerVersion")
        try LayerRules.check(compatibleRuntimes: request.compatibleRuntimes)
        let package = try await deploymentPackage(
            zip: request.content?.zipFile, s3Bucket: request.content?.s3Bucket, imageURI: nil)
        let record = LayerVersionRecord(request, package, at: time.wall)
        let number = try await layers.publish(record, of: key)
        return Lambda.PublishLayerVersionResponse(
            description(LayerReference(key: key, version: number), record, context).shapeValue)
    }

    func getLayerVersion(
        _ request: Lambda.GetLayerVersionRequest, _ context: RequestContext
    ) async throws -> Lambda.GetLayerVersionResponse {
        guard request.versionNumber >= 1 else { throw FunctionFaults.layerVersionBelowOne }
        let key = LayerKey(request.layerName, scope: context.scope)
        return try await describe(LayerReference(key: key, version: request.versionNumber), context)
    }

    func getLayerVersionByARN(
        _ request: Lambda.GetLayerVersionByArnRequest, _ context: RequestContext
    ) async throws -> Lambda.GetLayerVersionResponse {
        guard let reference = LayerReference(arn: request.arn) else { throw FunctionFaults.noSuchResource }
        guard reference.version >= 1 else { throw FunctionFaults.layerVersionBelowOne }
        return try await describe(reference, context)
    }

    /// Deletes a version; one that is not there has been deleted already.
    func deleteLayerVersion(
        _ request: Lambda.DeleteLayerVersionRequest, _ context: RequestContext
    ) async throws -> EmptyShape {
        try await layers.delete(
            try ownVersion(request.layerName, request.versionNumber, context, action: "DeleteLayerVersion"))
        return EmptyShape()
    }

    // MARK: Who may

    /// A layer that only its own account may touch so.
    func ownLayer(_ text: String, _ context: RequestContext, action: String) throws(Fault) -> LayerKey {
        let key = LayerKey(text, scope: context.scope)
        guard key.scope.account == context.scope.account else {
            throw FunctionFaults.layerDenied(context.principal, action, key.arn)
        }
        return key
    }

    func ownVersion(
        _ text: String, _ number: Int, _ context: RequestContext, action: String
    ) throws(Fault) -> LayerReference {
        guard number >= 1 else { throw FunctionFaults.layerVersionBelowOne }
        return LayerReference(key: try ownLayer(text, context, action: action), version: number)
    }

    /// Reads a version for its own account, or for another that its policy allows to. To others it says nothing, not even
    /// whether it exists.
    func usableVersion(_ reference: LayerReference, _ context: RequestContext) async throws -> LayerVersionRecord? {
        let record = try await layers.version(reference)
        if reference.key.scope.account == context.scope.account { return record }
        // Accounts here belong to no organization.
        let access = PolicyAccess(action: "lambda:GetLayerVersion", principal: context.principal)
        guard let record, record.policy?.allows(access) == true else {
            throw FunctionFaults.layerDenied(context.principal, "GetLayerVersion", reference.arn)
        }
        return record
    }

    // MARK: Descriptions

    private func describe(
        _ reference: LayerReference, _ context: RequestContext
    ) async throws -> Lambda.GetLayerVersionResponse {
        guard let record = try await usableVersion(reference, context) else { throw FunctionFaults.noSuchResource }
        return description(reference, record, context)
    }

    private func description(
        _ reference: LayerReference, _ record: LayerVersionRecord, _ context: RequestContext
    ) -> Lambda.GetLayerVersionResponse {
        Lambda.GetLayerVersionResponse(
            content: Lambda.LayerVersionContentOutput(
                location: location.url(of: record.package.code, endpoint: context.endpoint, now: time.wall),
                codeSha256: record.package.sha256, codeSize: record.package.size),
            layerArn: reference.key.arn, layerVersionArn: reference.arn, description: record.description,
            createdDate: record.created, version: reference.version,
            compatibleArchitectures: record.architectures, compatibleRuntimes: record.runtimes,
            licenseInfo: record.license)
    }
}
