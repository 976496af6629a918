import ApusModel
import ApusServiceKit
import ApusShapes
import ApusWire

enum TagRules {
    /// - Source: Lambda quotas.
    static let limit = 50
}

extension FunctionsService {
    func tag(_ request: Lambda.TagResourceRequest, _ context: RequestContext) async throws -> EmptyShape {
        guard !request.tags.isEmpty else { throw FunctionFaults.noTags }
        try await changeTags(request.resource, context) { record in
            for (key, value) in request.tags.entries { record.tags[key] = value }
            guard record.tags.count <= TagRules.limit else { throw FunctionFaults.tagLimit }
        }
        return EmptyShape()
    }

    func untag(_ request: Lambda.UntagResourceRequest, _ context: RequestContext) async throws -> EmptyShape {
        try await changeTags(request.resource, context) { record in
            for key in request.tagKeys { record.tags[key] = nil }
        }
        return EmptyShape()
    }

    func listTags(
        _ request: Lambda.ListTagsRequest, _ context: RequestContext
    ) async throws -> Lambda.ListTagsResponse {
        Lambda.ListTagsResponse(tags: try await functions.function(tagged(request.resource, context)).value.tags)
    }

    private func changeTags(
        _ resource: String, _ context: RequestContext, _ change: (inout FunctionRecord) throws -> Void
    ) async throws {
        let reference = try tagged(resource, context)
        let startsOtherwise = try await functions.update(reference) { record in
            if record.configuration.isSettling { throw FunctionFaults.updateInProgress(reference.arn) }
            let before = record.startsFromSnapshot
            try change(&record)
            record.configuration.revisionId = RequestID().text
            return (record.startsFromSnapshot != before, [])
        }
        if startsOtherwise { reconciler.changed(reference.key) }
    }

    /// The function that a tagging call names by its ARN.
    private func tagged(_ resource: String, _ context: RequestContext) throws(Fault) -> FunctionReference {
        let kind = ARN(resource)?.resource.split(separator: ":").first ?? ""
        guard kind == "function" else {
            throw Fault("ResourceNotFoundException", status: 404, "Resource not found: \(resource)")
        }
        let reference = try FunctionReference(resource, qualifier: nil, scope: context.scope)
        guard reference.qualifier == nil else { throw FunctionFaults.qualifiedTagTarget }
        return reference
    }
}
