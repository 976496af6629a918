package import ApusEngine
package import ApusModel
package import ApusServiceKit
package import ApusWire
import NIOCore

/// Answers Invoke requests: who, what, may they, run. No HTTP here, and nothing that waits but the function itself.
package struct InvokeFront: Sendable {
    private let engine: Engine
    private let model: ServiceModel
    private let authenticator: any Authenticator
    private let authorizer: any Authorizer
    private let events: AsyncInvocations
    private let time: any TimeSource

    /// - Parameter model: Lambda's tables, which say how its faults are spelt.
    package init(
        engine: Engine, model: ServiceModel, authenticator: any Authenticator, authorizer: any Authorizer,
        events: AsyncInvocations, time: any TimeSource
    ) {
        self.engine = engine
        self.model = model
        self.authenticator = authenticator
        self.authorizer = authorizer
        self.events = events
        self.time = time
    }

    /// What goes back to the client.
    enum Reply: Sendable {
        case result(InvocationResult, traceID: String)
        case accepted
        case dryRun
        case fault(Fault)
    }

    /// - Parameters:
    ///   - receiver: makes, with the trace header, what takes the answer as it comes.
    ///   - reply: called exactly once, on some event loop.
    func handle(
        _ request: WireRequest, _ route: InvokeRoute, id: RequestID, on eventLoop: any EventLoop,
        receiver: (@Sendable (String) -> any ResponseReceiver)? = nil, reply: @escaping @Sendable (Reply) -> Void
    ) {
        do throws(Fault) {
            var request = request
            let caller = try authenticator.authenticate(&request, for: model)
            var call = try InvokeCall(request, route, scope: caller.scope)
            let arn = call.function.key.arn(nil)
            try authorizer.authorize(caller.principal, action: "lambda:InvokeFunction", resource: arn)
            let callee = try find(call.function)
            let traceID = call.traceID ?? TraceID.make(time.wall)
            call.traceID = traceID
            switch call.kind {
            case .dryRun: reply(.dryRun)
            case .event: accept(call, id: id, on: eventLoop, reply: reply)
            case .requestResponse:
                let invocation = InvocationRequest(
                    id: id, invokedFunctionARN: call.function.qualifier.map { "\(arn):\($0)" } ?? arn,
                    payload: call.payload,
                    clientContext: call.clientContext, traceID: traceID, wantsLogTail: call.wantsLogTail,
                    receiver: receiver?(traceID)
                ) { result in reply(.result(result, traceID: traceID)) }
                engine.invoke(invocation, on: callee)
            }
        } catch {
            reply(.fault(error))
        }
    }

    func encode(_ fault: Fault, _ id: RequestID) -> WireResponse {
        RestJSONProtocol().response(fault, for: model.operation("Invoke"), in: model, requestID: id)
    }

    private func find(_ function: FunctionReference) throws(Fault) -> Callee {
        switch engine.catalog.look(function.key, qualifier: function.qualifier ?? "$LATEST") {
        case .found(.ready(let callee)): return callee
        case .found(.notReady(let state)): throw InvokeFaults.notReady(state)
        case .noSuchFunction, .noSuchQualifier:
            throw .functionNotFound(function.key.arn(function.qualifier ?? "$LATEST"))
        }
    }

    private func accept(
        _ call: InvokeCall, id: RequestID, on eventLoop: any EventLoop, reply: @escaping @Sendable (Reply) -> Void
    ) {
        // Ends with the commit; the client is told only then.
        eventLoop.makeFutureWithTask { [events] in try await events.accept(call, id: id) }.whenComplete { result in
            switch result {
            case .success: reply(.accepted)
            case .failure: reply(.fault(InvokeFaults.storeUnavailable))
            }
        }
    }
}
