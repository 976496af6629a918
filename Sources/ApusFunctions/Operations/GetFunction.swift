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
        let found = try await resolve(reference)
        let reserved = try await functions.concurrency(context.scope)[reference.key.name].reserved
        return Lambda.GetFunctionResponse(
            configuration: found.configuration,
            code: Lambda.FunctionCodeLocation(
                repositoryType: "S3",
                location: location.url(of: found.code, endpoint: context.endpoint, now: time.wall)),
            tags: found.tags.isEmpty ? nil : found.tags,
            concurrency: reserved.map { Lambda.Concurrency(reservedConcurrentExecutions: $0) })
    }

    func getConfiguration(
        _ request: Lambda.GetFunctionConfigurationRequest, _ context: RequestContext
    ) async throws -> Lambda.FunctionConfiguration {
        let reference = try FunctionReference(
            request.functionName, qualifier: request.qualifier, scope: context.scope)
        return try await resolve(reference).configuration
    }

    /// What a qualifier stands for, in the spelling of a reply to it.
    private func resolve(
        _ reference: FunctionReference
    ) async throws -> (configuration: Lambda.FunctionConfiguration, code: String, tags: WireMap<String>) {
        let function = try await functions.function(reference).value
        guard let qualifier = reference.qualifier else { return (function.configuration, function.code, function.tags) }
        let version = try await functions.alias(qualifier, of: reference.key)?.mainVersion ?? qualifier
        var (configuration, code) = (function.configuration, function.code)
        if version != "$LATEST" {
            guard case .published(let number)? = FunctionVersion(version),
                let found = try await functions.version(number, of: reference.key)?.value
            else { throw Fault.functionNotFound(reference.arn) }
            (configuration, code) = (found.configuration, found.code)
        }
        configuration.functionArn = reference.arn
        return (configuration, code, function.tags)
    }
}
