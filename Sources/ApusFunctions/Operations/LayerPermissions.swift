import ApusModel
import ApusServiceKit
import ApusShapes
import ApusWire

extension FunctionsService {
    func addLayerVersionPermission(
        _ request: Lambda.AddLayerVersionPermissionRequest, _ context: RequestContext
    ) async throws -> Lambda.AddLayerVersionPermissionResponse {
        let reference = try ownVersion(
            request.layerName, request.versionNumber, context, action: "AddLayerVersionPermission")
        let statement = PolicyStatement(request)
        var revisionID: String?
        try await layers.update(reference) { record in
            if let id = request.revisionId, id != record.policy?.revisionID { throw FunctionFaults.layerPolicyMismatch }
            var policy = record.policy ?? ResourcePolicy()
            try policy.add(statement, to: reference.arn)
            record.policy = policy
            revisionID = policy.revisionID
        }
        return Lambda.AddLayerVersionPermissionResponse(
            statement: statement.json(of: reference.arn).text, revisionId: revisionID)
    }

    func getLayerVersionPolicy(
        _ request: Lambda.GetLayerVersionPolicyRequest, _ context: RequestContext
    ) async throws -> Lambda.GetLayerVersionPolicyResponse {
        let reference = try ownVersion(
            request.layerName, request.versionNumber, context, action: "GetLayerVersionPolicy")
        guard let record = try await layers.version(reference) else {
            throw FunctionFaults.layerVersionNotFound(reference.arn)
        }
        guard let policy = record.policy else { throw FunctionFaults.noPolicy }
        return Lambda.GetLayerVersionPolicyResponse(
            policy: policy.json(of: reference.arn).text, revisionId: policy.revisionID)
    }

    /// With the last statement the policy goes.
    func removeLayerVersionPermission(
        _ request: Lambda.RemoveLayerVersionPermissionRequest, _ context: RequestContext
    ) async throws -> EmptyShape {
        let reference = try ownVersion(
            request.layerName, request.versionNumber, context, action: "RemoveLayerVersionPermission")
        try await layers.update(reference) { record in
            guard var policy = record.policy else { throw FunctionFaults.noPolicy }
            if let id = request.revisionId, id != policy.revisionID { throw FunctionFaults.layerPolicyMismatch }
            try policy.remove(request.statementId)
            record.policy = policy.statements.isEmpty ? nil : policy
        }
        return EmptyShape()
    }
}
