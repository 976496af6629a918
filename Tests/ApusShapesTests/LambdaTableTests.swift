import ApusShapes
import ApusWire
import Testing

struct LambdaRoute: Sendable, CustomTestStringConvertible {
    let name: String
    let method: String
    let uri: String
    let status: Int

    var testDescription: String { name }

    static let all: [LambdaRoute] = lambdaRoutes.split(separator: "\n").map { line in
        let words = line.split(separator: " ")
        return LambdaRoute(
            name: String(words[0]), method: String(words[1]), uri: String(words[2]), status: Int(words[3])!)
    }
}

struct LambdaTableTests {
    private let model = Lambda.model

    @Test func holdsEveryOperation() {
        #expect(model.operations.count == 91)
        #expect(LambdaRoute.all.map(\.name) == model.operations.map(\.name))
        #expect(model.signingName == "lambda")
        #expect(model.apiVersion == "2015-03-31")
        #expect(model.protocols == [.restJSON])
        #expect(model.shapes.count == 612)
    }

    /// Labels hold an ARN with a slash, encoded as clients send it.
    @Test(arguments: LambdaRoute.all)
    func routes(_ route: LambdaRoute) throws {
        let operation = try #require(model.operation(route.name))
        #expect(operation.status == route.status)
        let parts = route.uri.split(separator: "?")
        let path = parts[0].split(separator: "/").map { $0.hasPrefix("{") ? "arn%3Aaws%3Ax%2Fy%20z" : $0 }
            .joined(separator: "/")
        let query = parts.count > 1 ? String(parts[1]) : ""
        #expect(model.route(method: route.method, path: "/" + path, query: query)?.name == route.name)
        #expect(model.route(method: route.method, path: "/\(path)/", query: "x=1&" + query)?.name == route.name)
        #expect(model.route(method: "PATCH", path: "/" + path, query: query) == nil)
        #expect(model.route(method: route.method, path: "/x/\(path)", query: query) == nil)
    }

    @Test(arguments: [
        "", "/", "//", "/2015-03-31", "/2015-03-31/functions//invocations", "/2015-03-31/functions/a/b/c/d",
        "/2015-03-31/functions/a/invocations/x", "functions", "/2099-01-01/functions",
    ])
    func otherPathsHaveNoOperation(_ path: String) {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            #expect(model.route(method: method, path: path, query: "") == nil)
        }
    }

    @Test func anEncodedPathIsTheSamePath() {
        #expect(model.route(method: "GET", path: "/2015%2D03-31/%66unctions", query: "")?.name == "ListFunctions")
    }

    @Test func queryLiteralsChooseTheOperation() {
        let path = "/2019-09-30/functions/f/provisioned-concurrency"
        #expect(model.route(method: "GET", path: path, query: "")?.name == "GetProvisionedConcurrencyConfig")
        #expect(model.route(method: "GET", path: path, query: "List=x")?.name == "GetProvisionedConcurrencyConfig")
        #expect(model.route(method: "GET", path: path, query: "List=ALL")?.name == "ListProvisionedConcurrencyConfigs")
        #expect(model.route(method: "GET", path: "/2018-10-31/layers", query: "")?.name == "ListLayers")
        let arn = "find=LayerVersion&Arn=x"
        #expect(model.route(method: "GET", path: "/2018-10-31/layers", query: arn)?.name == "GetLayerVersionByArn")
    }

    @Test func knowsShapesMembersAndErrors() throws {
        let request = try #require(model.shape("CreateFunctionRequest"))
        #expect(try #require(request.member("FunctionName")).isRequired)
        #expect(request.member("Timeout").map { model[$0.shape].maximum } == 5400)
        let invocation = try #require(model.shape("InvocationRequest"))
        #expect(invocation.member("InvocationType")?.location == .header)
        #expect(invocation.member("InvocationType")?.wireName == "X-Amz-Invocation-Type")
        #expect(invocation.payload.map { invocation.members[$0].name } == "Payload")
        let throttle = try #require(model.error(code: "TooManyRequestsException"))
        #expect(throttle.error?.status == 429)
        #expect(throttle.error?.isServerFault == false)
        #expect(throttle.member("retryAfterSeconds")?.wireName == "Retry-After")
        #expect(model.error(code: "ServiceException")?.error?.isServerFault == true)
        #expect(model.operation("ListFunctions")?.pagination?.inputToken == "Marker")
        #expect(model.operation("InvokeAsync")?.isDeprecated == true)
        #expect(model.operation("Nonsense") == nil)
    }
}

struct AllTablesTests {
    @Test(arguments: AWSServices.all.map(\.id))
    func everyPatternIsSupported(_ id: String) throws {
        let model = try #require(AWSServices.all.first { $0.id == id })
        for shape in model.shapes {
            if let pattern = shape.pattern { #expect(pattern.isSupported, "\(shape.name): \(pattern.source)") }
        }
    }

    @Test func logsAndSTSAreWhole() {
        #expect(Logs.model.operations.count == 118)
        #expect(Logs.model.targetPrefix == "Logs_20140328")
        #expect(Logs.model.jsonVersion == "1.1")
        #expect(Logs.model.signingName == "logs")
        #expect(STS.model.operations.count == 11)
        #expect(STS.model.operation("GetCallerIdentity")?.resultWrapper == "GetCallerIdentityResult")
        #expect(STS.model.error(code: "IDPRejectedClaim")?.name == "IDPRejectedClaimException")
    }
}
