import ApusModel
import ApusShapes
import ApusTesting
import ApusWire
import NIOCore
import Testing

private let requestID = RequestID(existing: "11111111-2222-4333-8444-555555555555")

private func request(
    _ method: String, _ target: String, _ body: String = "", headers: WireHeaders = [:]
) -> WireRequest {
    WireRequest(method: method, target: target, headers: headers, body: ByteBuffer(string: body))
}

private func input(_ request: WireRequest) throws(Fault) -> (name: String, value: ShapeValue) {
    let wire = Lambda.model.wireProtocol(for: request)
    let operation = try wire.operation(of: request, in: Lambda.model)
    return (operation.name, try wire.input(of: request, for: operation, in: Lambda.model))
}

private func text(_ response: WireResponse) -> String {
    String(decoding: response.body.readableBytesView, as: UTF8.self)
}

private func respond(_ operation: String, _ output: ShapeValue) throws -> WireResponse {
    RestJSONProtocol().response(
        output, for: try #require(Lambda.model.operation(operation)), in: Lambda.model, requestID: requestID)
}

private func respond(_ fault: Fault) -> WireResponse {
    RestJSONProtocol().response(fault, for: nil, in: Lambda.model, requestID: requestID)
}

struct RestJSONInputTests {
    @Test func readsPathQueryAndBody() throws {
        let (name, value) = try input(
            request(
                "POST", "/2015-03-31/functions",
                """
                {"FunctionName":"f","Runtime":"python3.13","Role":"arn:aws:iam::000000000000:role/r","Handler":"a.b",
                 "Code":{"ZipFile":"UEsF","Unknown":[{}]},"Timeout":7.9,"MemorySize":null,"Publish":true,
                 "Environment":{"Variables":{"BB":"2","AA":"é\\n"}},"Tags":{"t":""},"Layers":[],
                 "Nonsense":{"deep":[1,{"x":null}]},"Architectures":["arm64"]}
                """))
        #expect(name == "CreateFunction")
        let create = Lambda.CreateFunctionRequest(value)
        #expect(
            create
                == Lambda.CreateFunctionRequest(
                    functionName: "f", runtime: "python3.13", role: "arn:aws:iam::000000000000:role/r", handler: "a.b",
                    code: Lambda.FunctionCode(zipFile: [0x50, 0x4B, 0x05]), timeout: 7, publish: true,
                    environment: Lambda.Environment(variables: ["BB": "2", "AA": "é\n"]), tags: ["t": ""], layers: [],
                    architectures: ["arm64"]))
        #expect(Lambda.CreateFunctionRequest(create.shapeValue) == create)
    }

    @Test func labelsAreDecoded() throws {
        let arn = "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af"
        let (name, value) = try input(request("GET", "/2015-03-31/functions/\(arn)?Qualifier=%24LATEST"))
        #expect(name == "GetFunction")
        let get = Lambda.GetFunctionRequest(value)
        #expect(get.functionName == "arn:aws:lambda:us-east-1:000000000000:function:f")
        #expect(get.qualifier == "$LATEST")
    }

    @Test func queriesHoldNumbersAndLists() throws {
        let list = Lambda.ListFunctionsRequest(
            try input(request("GET", "/2015-03-31/functions/?MaxItems=5&Marker=a%2Bb&FunctionVersion=ALL")).value)
        #expect(list == Lambda.ListFunctionsRequest(functionVersion: "ALL", marker: "a+b", maxItems: 5))
        let target = "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af"
        let untag = try input(request("DELETE", "\(target)?tagKeys=a&tagKeys=b%20c"))
        #expect(untag.name == "UntagResource")
        #expect(Lambda.UntagResourceRequest(untag.value).tagKeys == ["a", "b c"])
    }

    @Test func payloadsAndHeaders() throws {
        let headers: WireHeaders = ["x-amz-invocation-type": "Event", "X-AMZ-LOG-TYPE": "Tail"]
        let (name, value) = try input(
            request("POST", "/2015-03-31/functions/f/invocations", "not json", headers: headers))
        #expect(name == "Invoke")
        let invoke = Lambda.InvocationRequest(value)
        #expect(invoke.invocationType == "Event")
        #expect(invoke.logType == "Tail")
        #expect(invoke.payload == Array("not json".utf8))
    }

    @Test func absentBodiesAreEmptyOnes() throws {
        let target = "/2015-03-31/functions/f/versions"
        let wanted = Lambda.PublishVersionRequest(functionName: "f")
        for body in ["", "{}", "null", " {} ", #"{"Description":null}"#] {
            #expect(Lambda.PublishVersionRequest(try input(request("POST", target, body)).value) == wanted)
        }
    }

    @Test(arguments: [
        (#"{"Timeout":"3"}"#, "STRING_VALUE can not be converted to an Integer"),
        (#"{"Timeout":true}"#, "TRUE_VALUE can not be converted to an Integer"),
        (#"{"Timeout":3000000000}"#, "NUMBER_VALUE can not be converted to an Integer"),
        (#"{"Timeout":[]}"#, "Start of list found where not expected"),
        (#"{"Timeout":{}}"#, "Start of structure or map found where not expected."),
        (#"{"Description":1}"#, "NUMBER_VALUE can not be converted to a String"),
        (#"{"Description":false}"#, "FALSE_VALUE can not be converted to a String"),
        (#"{"Environment":[]}"#, "Start of list found where not expected"),
        (#"{"Environment":{"Variables":"x"}}"#, "Expected map or null"),
        (#"{"Environment":{"Variables":{"AA":1}}}"#, "NUMBER_VALUE can not be converted to a String"),
        (#"{"Layers":"x"}"#, "Expected list or null"),
        (#"{"Layers":{}}"#, "Start of structure or map found where not expected."),
        ("[]", "Start of list found where not expected"), ("1", "Expected null"),
    ])
    func wrongTypesAreRefused(_ body: String, _ message: String) {
        #expect(throws: Fault("SerializationException", status: 400, message)) {
            try input(request("PUT", "/2015-03-31/functions/f/configuration", body))
        }
    }

    @Test func blobsMustBeBase64() {
        #expect(throws: Fault("SerializationException", status: 400, "Unable to decode the base64 value")) {
            try input(request("PUT", "/2015-03-31/functions/f/code", #"{"ZipFile":"a"}"#))
        }
    }

    @Test func malformedJSONSaysWhere() {
        #expect(
            throws: Fault(
                "SerializationException", status: 400,
                "Unexpected character ('}' (code 125)): was expecting double-quote to start field name\n at "
                    + "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: 15]"
            )
        ) { try input(request("PUT", "/2015-03-31/functions/f/configuration", #"{"Timeout": 1,}"#)) }
    }

    @Test func queriesOfTheWrongTypeAreRefused() {
        #expect(
            throws: Fault("SerializationException", status: 400, "STRING_VALUE can not be converted to an Integer")
        ) { try input(request("GET", "/2015-03-31/functions?MaxItems=x")) }
    }

    @Test func constraintsAreChecked() {
        #expect(
            throws: Fault(
                "ValidationException", status: 400,
                "1 validation error detected: Value '0' at 'maxItems' failed to satisfy constraint: "
                    + "Member must have value greater than or equal to 1")
        ) { try input(request("GET", "/2015-03-31/functions?MaxItems=0")) }
    }

    @Test func unknownOperationsAreNamed() {
        #expect(
            throws: Fault("UnknownOperationException", status: 404, "Unknown operation: PATCH /2015-03-31/functions")
        ) {
            try input(request("PATCH", "/2015-03-31/functions"))
        }
    }

    @Test func mutatedRequestsNeverCrash() {
        var generator = SeededGenerator(seed: 9)
        let body = Array(
            #"{"FunctionName":"f","Role":"arn:aws:iam::1:role/r","Code":{"ZipFile":"UEsF"},"Timeout":3,"Tags":{"a":"b"}}"#
                .utf8)
        for _ in 0..<10_000 {
            let changed = request(
                "POST", "/2015-03-31/functions", String(decoding: body.mutated(&generator), as: UTF8.self))
            do throws(Fault) {
                let value = Lambda.CreateFunctionRequest(try input(changed).value)
                #expect(!value.functionName.isEmpty)
            } catch {
                #expect(error.status == 400)
                #expect(["SerializationException", "ValidationException"].contains(error.code))
                _ = respond(error)
            }
            let target = "/2015-03-31/functions/f/invocations?Qualifier=1&x=%20"
            let path = String(decoding: Array(target.utf8).mutated(&generator), as: UTF8.self)
            do throws(Fault) {
                _ = try input(request("POST", path))
            } catch {
                #expect([400, 404].contains(error.status))
            }
        }
    }
}

struct RestJSONOutputTests {
    @Test func membersComeInTheOrderOfTheTable() throws {
        let output = Lambda.FunctionConfiguration(
            functionName: "f", functionArn: "arn", codeSize: 1_234, description: "", timeout: 3,
            environment: Lambda.EnvironmentResponse(variables: ["B": "2", "A": "1"]), layers: [],
            architectures: ["arm64"])
        let response = try respond("CreateFunction", output.shapeValue)
        #expect(response.status == 201)
        #expect(response.headers["content-type"] == "application/json")
        #expect(response.headers["x-amzn-requestid"] == requestID.text)
        #expect(
            text(response)
                == #"{"FunctionName":"f","FunctionArn":"arn","CodeSize":1234,"Description":"","Timeout":3,"#
                + #""Environment":{"Variables":{"B":"2","A":"1"}},"Layers":[],"Architectures":["arm64"]}"#)
    }

    @Test func statusHeadersAndPayloads() throws {
        let output = Lambda.InvocationResponse(
            statusCode: 202, functionError: "Unhandled", logResult: "bG9n", payload: [1, 2], executedVersion: "1")
        let response = try respond("Invoke", output.shapeValue)
        #expect(response.status == 202)
        #expect(response.headers["x-amz-function-error"] == "Unhandled")
        #expect(response.headers["x-amz-log-result"] == "bG9n")
        #expect(response.headers["x-amz-executed-version"] == "1")
        #expect(Array(response.body.readableBytesView) == [1, 2])
    }

    @Test func operationsWithoutOutputHaveNoBody() throws {
        let response = try respond("TagResource", .structure([:]))
        #expect(response.status == 204)
        #expect(response.body.readableBytes == 0)
        let deleted = try respond("DeleteFunction", Lambda.DeleteFunctionResponse(statusCode: 204).shapeValue)
        #expect(deleted.status == 204)
        #expect(deleted.body.readableBytes == 0)
    }

    @Test func timestampsAreSecondsWithMilliseconds() throws {
        let value: ShapeValue = .structure([
            "UUID": .string("u"), "LastModified": .timestamp(Timestamp(milliseconds: 1_795_508_130_007)),
        ])
        #expect(text(try respond("GetEventSourceMapping", value)).contains(#""LastModified":1795508130.007"#))
        let whole: ShapeValue = .structure(["LastModified": .timestamp(Timestamp(seconds: 5))])
        #expect(text(try respond("GetEventSourceMapping", whole)) == #"{"LastModified":5}"#)
    }

    /// Which spelling an exception uses comes from its shape.
    @Test(arguments: [
        (Fault("ResourceNotFoundException", status: 404, "m"), #"{"Type":"User","Message":"m"}"#),
        (Fault("ServiceException", status: 500, "m"), #"{"Type":"Server","Message":"m"}"#),
        (Fault("InvalidParameterValueException", status: 400, "m"), #"{"Type":"User","message":"m"}"#),
        (Fault("ResourceConflictException", status: 409, "m"), #"{"Type":"User","message":"m"}"#),
        (Fault("ValidationException", status: 400, "m"), #"{"message":"m"}"#),
        (Fault("AccessDeniedException", status: 403, "m"), #"{"Message":"m"}"#),
        (Fault("InvalidSignatureException", status: 403, "m"), #"{"message":"m"}"#),
        (
            Fault(
                "TooManyRequestsException", status: 429, "Rate Exceeded.",
                fields: [("Reason", "CallerRateLimitExceeded")]),
            #"{"Type":"User","message":"Rate Exceeded.","Reason":"CallerRateLimitExceeded"}"#
        ),
    ])
    func faultsAreSpelledAsTheirShapes(_ fault: Fault, _ body: String) {
        let response = respond(fault)
        #expect(response.status == fault.status)
        #expect(response.headers["x-amzn-errortype"] == fault.code)
        #expect(response.headers["x-amzn-requestid"] == requestID.text)
        #expect(response.headers["content-type"] == "application/json")
        #expect(text(response) == body)
    }

    @Test func faultsMayHaveHeaders() {
        let response = respond(
            Fault(
                "TooManyRequestsException", status: 429, "m", fields: [("retryAfterSeconds", "7")],
                headers: [("X-Other", "1")]))
        #expect(response.headers["retry-after"] == "7")
        #expect(response.headers["x-other"] == "1")
        #expect(text(response) == #"{"Type":"User","message":"m"}"#)
    }
}
