import ApusModel
import ApusServiceKit
import ApusShapes
import ApusWire

extension FunctionsService {
    func putConcurrency(
        _ request: Lambda.PutFunctionConcurrencyRequest, _ context: RequestContext
    ) async throws -> Lambda.Concurrency {
        let key = try functionKey(request.functionName, context)
        let executions = request.reservedConcurrentExecutions
        // The fault for a function that is not there names its `$LATEST` (recorded).
        try await share(FunctionReference(key: key, qualifier: "$LATEST")) {
            try $0.reserve(executions, for: key.name, limit: limits.concurrentExecutions)
        }
        try await reconciler.reservationChanged(of: key)
        return Lambda.Concurrency(reservedConcurrentExecutions: executions)
    }

    func getConcurrency(
        _ request: Lambda.GetFunctionConcurrencyRequest, _ context: RequestContext
    ) async throws -> Lambda.GetFunctionConcurrencyResponse {
        let key = try functionKey(request.functionName, context)
        _ = try await functions.function(FunctionReference(key: key, qualifier: nil))
        return Lambda.GetFunctionConcurrencyResponse(
            reservedConcurrentExecutions: try await functions.concurrency(key.scope)[key.name].reserved)
    }

    func deleteConcurrency(
        _ request: Lambda.DeleteFunctionConcurrencyRequest, _ context: RequestContext
    ) async throws -> EmptyShape {
        let key = try functionKey(request.functionName, context)
        try await share(FunctionReference(key: key, qualifier: nil)) { $0.release(key.name) }
        try await reconciler.reservationChanged(of: key)
        return EmptyShape()
    }

    /// Shares the account's executions out anew, for a function that has to exist.
    func share(_ reference: FunctionReference, _ change: (inout ConcurrencyRecord) throws -> Void) async throws {
        try await functions.update(reference) { _ in ((), try await functions.sharing(reference.key.scope, change)) }
    }
}
