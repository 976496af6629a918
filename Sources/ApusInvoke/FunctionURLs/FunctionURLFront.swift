package import ApusEngine
package import ApusModel
package import ApusServiceKit
package import ApusWire
import NIOCore

/// Answers requests to function URLs: whose URL, may they, run, and what of it goes back.
package struct FunctionURLFront: Sendable {
    private let urls: FunctionURLDirectory
    private let engine: Engine
    private let model: ServiceModel
    private let authenticator: any Authenticator
    private let authorizer: any Authorizer
    private let time: any TimeSource

    /// - Parameter model: Lambda's, for whom requests are signed.
    package init(
        urls: FunctionURLDirectory, engine: Engine, model: ServiceModel, authenticator: any Authenticator,
        authorizer: any Authorizer, time: any TimeSource
    ) {
        self.urls = urls
        self.engine = engine
        self.model = model
        self.authenticator = authenticator
        self.authorizer = authorizer
        self.time = time
    }

    /// - Parameter id: of the URL.
    package func answer(_ request: FunctionURLRequest, of id: String) async -> FunctionURLAnswer {
        guard let url = urls[id] else { return .unknown }
        // Browsers do not sign it.
        if let head = url.crossOrigin?.preflight(request) { return FunctionURLAnswer(head, ByteBuffer()) }
        let requestID = RequestID()
        var answer: FunctionURLAnswer
        do throws(Refusal) {
            answer = try await run(request, url, requestID)
        } catch {
            answer = error.answer
        }
        url.crossOrigin?.apply(to: &answer.head, origin: request.header("origin"))
        answer.head.fields.append((name: "x-amzn-RequestId", value: requestID.text))
        return answer
    }

    /// The function does not run, or its answer is none.
    private struct Refusal: Error {
        var answer: FunctionURLAnswer
    }

    private func run(
        _ request: FunctionURLRequest, _ url: FunctionURL, _ id: RequestID
    ) async throws(Refusal) -> FunctionURLAnswer {
        var request = request
        let caller = try admit(&request, url)
        let qualifier = url.qualifier ?? "$LATEST"
        guard case .found(.ready(let callee)) = engine.catalog.look(url.function, qualifier: qualifier) else {
            throw Refusal(answer: .failed)
        }
        let traceID = request.header("x-amzn-trace-id") ?? TraceID.make(time.wall)
        let event = FunctionURLEvent(
            request: request, url: url, caller: caller, id: id, traceID: traceID, time: time.wall
        ).payload
        guard event.readableBytes <= InvokeCall.payloadLimit else {
            throw Refusal(answer: .refusal(InvokeFaults.payloadTooLarge(limit: 6_291_456)))
        }
        let stream = FunctionURLStream()
        engine.invoke(
            InvocationRequest(
                id: id, invokedFunctionARN: url.function.arn(url.qualifier), payload: event, traceID: traceID,
                receiver: url.isStreamed ? stream : nil, completion: stream.end), on: callee)
        var answer = try await answer(of: stream, isStreamed: url.isStreamed)
        answer.head.fields.append((name: "X-Amzn-Trace-Id", value: traceID))
        return answer
    }

    // MARK: Who may

    /// - Parameter request: the framing of a body that was signed in chunks is taken off.
    private func admit(
        _ request: inout FunctionURLRequest, _ url: FunctionURL
    ) throws(Refusal) -> FunctionURLCaller? {
        guard url.isSigned else {
            guard url.admits(nil) else { throw Refusal(answer: .forbidden) }
            return nil
        }
        var wire = request.wire
        let caller: Caller
        do throws(Fault) {
            caller = try authenticator.authenticate(&wire, for: model)
        } catch {
            throw Refusal(
                answer: error.code == "MissingAuthenticationTokenException" ? .forbidden : .refusal(error))
        }
        guard mayCall(caller.principal, url) else { throw Refusal(answer: .forbidden) }
        request.body = wire.body
        let claim = (try? SigV4.parse(wire)) ?? nil
        return FunctionURLCaller(principal: caller.principal, accessKeyID: claim?.accessKey ?? "")
    }

    /// By the resource policy, or within the account by what the principal may do.
    private func mayCall(_ principal: Principal, _ url: FunctionURL) -> Bool {
        if url.admits(principal) { return true }
        guard principal.account == url.function.scope.account else { return false }
        let arn = url.function.arn(url.qualifier)
        return (try? authorizer.authorize(principal, action: "lambda:InvokeFunctionUrl", resource: arn)) != nil
    }

    // MARK: Answers

    private func answer(
        of stream: FunctionURLStream, isStreamed: Bool
    ) async throws(Refusal) -> FunctionURLAnswer {
        for await event in stream.events {
            switch event {
            case .began(let head, let flow): return try await answer(of: stream, head, flow)
            case .part: continue
            case .ended(let result): return try Self.answer(of: result, isStreamed: isStreamed)
            }
        }
        throw Refusal(answer: .failed)
    }

    /// Goes on when the head is known.
    private func answer(
        of stream: FunctionURLStream, _ head: ResponseHead, _ flow: ResponseFlow
    ) async throws(Refusal) -> FunctionURLAnswer {
        guard head.contentType == IntegrationPrelude.contentType else {
            return FunctionURLAnswer(FunctionURLHead(type: head.contentType), .stream(ByteBuffer(), stream, flow))
        }
        var prelude = IntegrationPrelude()
        for await event in stream.events {
            guard case .part(let part) = event else { break }
            flow.passed(part.readableBytes)
            switch prelude.take(part) {
            case .incomplete: continue
            case .head(let head, let body): return FunctionURLAnswer(head, .stream(body, stream, flow))
            case .malformed:
                flow.abandon()
                throw Refusal(answer: .failed)
            }
        }
        throw Refusal(answer: .failed)
    }

    private static func answer(
        of result: InvocationResult, isStreamed: Bool
    ) throws(Refusal) -> FunctionURLAnswer {
        switch result.outcome {
        case .success(let body) where isStreamed:
            // Of a handler that returns, the value as it is (recorded).
            return FunctionURLAnswer(FunctionURLHead(type: result.contentType ?? "application/json"), body)
        case .success(let body):
            let answer =
                result.contentType == IntegrationPrelude.contentType
                ? FunctionURLAnswer(streamed: body) : FunctionURLAnswer(returned: body)
            guard let answer else { throw Refusal(answer: .failed) }
            return answer
        case .functionError: throw Refusal(answer: result.errorType == "Sandbox.Timedout" ? .timedOut : .failed)
        case .fault(let fault):
            throw Refusal(answer: [413, 429].contains(fault.status) ? .refusal(fault) : .failed)
        }
    }
}
