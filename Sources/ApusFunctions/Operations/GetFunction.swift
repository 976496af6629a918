import ApusModel
import ApusServiceKit
import ApusShapes
import ApusWire

extension FunctionsService {
    func get(
        _ request: Lambda.GetFunctionRequest, _ context: RequestContext
    ) async throws -> Lambda.GetFunctionResponse {
        let reference = try FunctionReference(
            request.functionName, qualifier: request.qualifier, scope: context.scope)
        let (found, tags) = try await resolve(reference)
        let reserved = try await functions.concurrency(context.scope)[reference.key.name].reserved
        return Lambda.GetFunctionResponse(
            configuration: found.configuration,
            code: code(found, context),
            tags: tags.isEmpty ? nil : tags,
            concurrency: reserved.map { Lambda.Concurrency(reservedConcurrentExecutions: $0) })
    }

    private func code(_ found: VersionRecord, _ context: RequestContext) -> Lambda.FunctionCodeLocation {
        guard let image = found.image?.found else {
            return Lambda.FunctionCodeLocation(
                repositoryType: "S3",
                location: location.url(of: found.code, endpoint: context.endpoint, now: time.wall))
        }
        return Lambda.FunctionCodeLocation(
            repositoryType: "ECR", imageUri: image.uri, resolvedImageUri: image.resolvedURI)
    }

    func getConfiguration(
        _ request: Lambda.GetFunctionConfigurationRequest, _ context: RequestContext
    ) async throws -> Lambda.FunctionConfiguration {
        let reference = try FunctionReference(
            request.functionName, qualifier: request.qualifier, scope: context.scope)
        return try await resolve(reference).found.configuration
    }

    /// What a qualifier stands for, in the spelling of a reply to it.
    private func resolve(
        _ reference: FunctionReference
    ) async throws -> (found: VersionRecord, tags: WireMap<String>) {
        let function = try await functions.function(reference).value
        var found = VersionRecord(function)
        guard let qualifier = reference.qualifier else { return (found, function.tags) }
        let version = try await functions.alias(qualifier, of: reference.key)?.mainVersion ?? qualifier
        if version != "$LATEST" {
            guard case .published(let number)? = FunctionVersion(version),
                let published = try await functions.version(number, of: reference.key)?.value
            else { throw Fault.functionNotFound(reference.arn) }
            found = published
        }
        found.configuration.functionArn = reference.arn
        return (found, function.tags)
    }
}
