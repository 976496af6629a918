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
        return Lambda.GetFunctionResponse(
            configuration: found.configuration,
            code: Lambda.FunctionCodeLocation(
                repositoryType: "S3",
                location: location.url(of: found.code, endpoint: context.endpoint, now: time.wall)),
            tags: found.tags.isEmpty ? nil : found.tags)
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
        switch reference.qualifier {
        case nil:
            return (function.configuration, function.code, function.tags)
        case "$LATEST":
            var configuration = function.configuration
            configuration.functionArn = reference.arn
            return (configuration, function.code, function.tags)
        case let qualifier?:
            guard case .published(let number)? = FunctionVersion(qualifier),
                let version = try await functions.version(number, of: reference.key)?.value
            else { throw Fault.functionNotFound(reference.arn) }
            return (version.configuration, version.code, function.tags)
        }
    }
}
