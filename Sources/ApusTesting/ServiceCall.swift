package import ApusModel
package import ApusServiceKit
package import ApusWire

extension AWSService {
    /// Runs an operation as the dispatcher would, without a wire protocol around it.
    package func call<Input: WireShape, Output: WireShape>(
        _ operation: Operation<Input, Output>, _ input: Input, in scope: Scope = .test,
        by principal: Principal? = nil
    ) async throws -> Output {
        guard let row = operations[operation.name] else {
            throw Fault("NoSuchOperation", status: 404, operation.name)
        }
        let context = RequestContext(
            requestID: RequestID(), principal: principal ?? .root(of: scope.account), scope: scope,
            endpoint: "http://127.0.0.1:4566")
        return Output(try await row.run(input.shapeValue, context))
    }
}

extension Scope {
    package static let test = Scope(account: .standard, region: .standard)
}

/// The fault that `body` throws; nil when it throws none.
package func fault(of body: () async throws -> Void) async throws -> Fault? {
    do {
        try await body()
        return nil
    } catch let fault as Fault {
        return fault
    }
}
