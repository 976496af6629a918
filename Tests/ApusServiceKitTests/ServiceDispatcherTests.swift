import ApusModel
import ApusServiceKit
import ApusShapes
import ApusTesting
import ApusWire
import Logging
import NIOCore
import Testing

/// Lambda with three operations, of which one works.
private struct SmallLambda: AWSService {
    struct DiskOnFire: Error {}

    var model: ServiceModel { Lambda.model }
    var operations: OperationTable {
        var table = OperationTable()
        table.on(Lambda.getFunction, action: "lambda:GetFunction") { request, context in
            Lambda.GetFunctionResponse(
                configuration: Lambda.FunctionConfiguration(
                    functionName: request.functionName, description: "\(context.scope) \(context.endpoint)"))
        }
        table.on(Lambda.deleteFunction, action: "lambda:DeleteFunction") { request, _ in
            throw Fault.functionNotFound(request.functionName)
        }
        table.on(Lambda.listFunctions, action: "lambda:ListFunctions") { _, _ -> Lambda.ListFunctionsResponse in
            throw DiskOnFire()
        }
        return table
    }
}

struct ServiceDispatcherTests {
    private func respond(
        _ method: String, _ target: String, authorizer: any Authorizer = Everybody()
    ) async -> (status: Int, error: String?, text: String, headers: WireHeaders) {
        let dispatcher = ServiceDispatcher(
            services: [SmallLambda()], authenticator: DevelopmentAuthenticator(scope: .test), authorizer: authorizer,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let request = WireRequest(
            method: method, target: target,
            headers: [
                "Host": "x",
                "Authorization":
                    "AWS4-HMAC-SHA256 Credential=123456789012/20261124/eu-west-1/lambda/aws4_request, SignedHeaders=host, Signature=00",
                "X-Amz-Date": "20261124T080000Z",
            ],
            body: ByteBuffer())
        let response = await dispatcher.respond(to: request, endpoint: "http://here")
        return (
            response.status, response.headers["x-amzn-ErrorType"], String(buffer: response.body), response.headers
        )
    }

    @Test func anOperationGetsItsInputAndItsContext() async {
        let reply = await respond("GET", "/2015-03-31/functions/hello")
        #expect(reply.status == 200)
        #expect(reply.text.contains(#""FunctionName":"hello""#))
        #expect(
            reply.text.contains(#""Description":"123456789012\/eu-west-1 http:\/\/here""#)
                || reply.text.contains(#""Description":"123456789012/eu-west-1 http://here""#))
        #expect(reply.headers["x-amzn-RequestId"]?.utf8.count == 36)
    }

    @Test func aFaultReachesTheClient() async {
        let reply = await respond("DELETE", "/2015-03-31/functions/hello")
        #expect(reply.status == 404)
        #expect(reply.error == "ResourceNotFoundException")
        #expect(reply.text.contains("Function not found: hello"))
    }

    @Test func anOperationThatIsNotHereIsNamed() async {
        let reply = await respond("GET", "/2015-03-31/functions/hello/concurrency")
        #expect(reply.status == 404)
        let other = await respond("GET", "/2019-09-30/functions/hello/concurrency")
        #expect(other.status == 404)
        #expect(other.error == "UnknownOperationException")
        #expect(other.text.contains("The operation GetFunctionConcurrency is not available in this version of Apus."))
    }

    @Test func anInternalErrorTellsNothingOfItself() async {
        let reply = await respond("GET", "/2015-03-31/functions/")
        #expect(reply.status == 500)
        #expect(reply.error == "ServiceException")
        #expect(reply.text.contains("An error occurred and the request cannot be processed."))
        #expect(!reply.text.contains("DiskOnFire"))
    }

    @Test func brokenConstraintsAreRefusedBeforeTheOperation() async {
        let reply = await respond("GET", "/2015-03-31/functions/hello?Qualifier=a%20b")
        #expect(reply.status == 400)
        #expect(reply.error == "ValidationException")
    }

    @Test func theAuthorizerIsAskedFirst() async {
        struct Nobody: Authorizer {
            func authorize(_ principal: Principal, action: String, resource: String) throws(Fault) {
                throw Fault("AccessDeniedException", status: 403, "\(principal.arn) \(action)")
            }
        }
        let reply = await respond("DELETE", "/2015-03-31/functions/hello", authorizer: Nobody())
        #expect(reply.status == 403)
        #expect(reply.text.contains("arn:aws:iam::123456789012:root lambda:DeleteFunction"))
    }

    @Test func aPathOfNoServiceIsNamed() async {
        let reply = await respond("GET", "/nothing/here")
        #expect(reply.status == 404)
        #expect(reply.error == "UnknownOperationException")
    }
}
