import ApusModel
import ApusShapes
import ApusTesting
import ApusWire
import NIOCore
import Testing

private let requestID = RequestID(existing: "11111111-2222-4333-8444-555555555555")

private func text(_ response: WireResponse) -> String {
    String(decoding: response.body.readableBytesView, as: UTF8.self)
}

/// `json` 1.1 by the table of CloudWatch Logs.
struct JSONProtocolTests {
    private func request(_ target: String, _ body: String) -> WireRequest {
        WireRequest(
            method: "POST", target: "/",
            headers: ["X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"],
            body: ByteBuffer(string: body))
    }

    private func input(_ operation: String, _ body: String) throws(Fault) -> ShapeValue {
        let request = request("Logs_20140328.\(operation)", body)
        let wire = Logs.model.wireProtocol(for: request)
        return try wire.input(of: request, for: try wire.operation(of: request, in: Logs.model), in: Logs.model)
    }

    @Test func readsInputs() throws {
        let events = Logs.GetLogEventsRequest(
            try input(
                "GetLogEvents",
                #"{"logGroupName":"/aws/lambda/f","logStreamName":"s[$LATEST]x","startTime":1795508130123,"limit":5,"x":1}"#
            ))
        #expect(
            events
                == Logs.GetLogEventsRequest(
                    logGroupName: "/aws/lambda/f", logStreamName: "s[$LATEST]x", startTime: 1_795_508_130_123, limit: 5)
        )
        #expect(Logs.DescribeLogGroupsRequest(try input("DescribeLogGroups", "")) == Logs.DescribeLogGroupsRequest())
    }

    @Test func constraintsHaveTheCodeOfTheService() {
        #expect(
            throws: Fault(
                "InvalidParameterException", status: 400,
                "1 validation error detected: Value 'a b' at 'logGroupName' failed to satisfy constraint: "
                    + #"Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+"#)
        ) { try input("CreateLogGroup", #"{"logGroupName":"a b"}"#) }
    }

    @Test(arguments: ["Logs_20140328.Nonsense", "Nonsense", "", ".", "Logs_20140328."])
    func unknownOperationsAreNamed(_ target: String) {
        #expect(throws: Fault("UnknownOperationException", status: 400, "Unknown operation: \(target)")) {
            try JSONProtocol().operation(of: request(target, "{}"), in: Logs.model)
        }
    }

    @Test func writesOutputs() throws {
        let operation = try #require(Logs.model.operation("GetLogEvents"))
        let output = Logs.GetLogEventsResponse(
            events: [Logs.OutputLogEvent(timestamp: 1, message: "a\n\"b\"", ingestionTime: 2)], nextForwardToken: "f/1")
        let response = JSONProtocol().response(
            output.shapeValue, for: operation, in: Logs.model, requestID: requestID)
        #expect(response.status == 200)
        #expect(response.headers["content-type"] == "application/x-amz-json-1.1")
        #expect(
            text(response)
                == #"{"events":[{"timestamp":1,"message":"a\n\"b\"","ingestionTime":2}],"nextForwardToken":"f/1"}"#)
        #expect(Logs.GetLogEventsResponse(output.shapeValue) == output)
    }

    @Test func operationsWithoutOutputAnswerWithNothing() throws {
        let operation = try #require(Logs.model.operation("CreateLogGroup"))
        let response = JSONProtocol().response(
            .structure([:]), for: operation, in: Logs.model, requestID: requestID)
        #expect(response.status == 200)
        #expect(response.body.readableBytes == 0)
    }

    @Test func writesFaults() {
        let response = JSONProtocol().response(
            Fault("ResourceNotFoundException", status: 400, "The specified log group does not exist."), for: nil,
            in: Logs.model, requestID: requestID)
        #expect(response.status == 400)
        #expect(response.headers["x-amzn-errortype"] == "ResourceNotFoundException")
        #expect(
            text(response)
                == #"{"__type":"ResourceNotFoundException","message":"The specified log group does not exist."}"#)
    }

    @Test func mutatedBodiesNeverCrash() {
        var generator = SeededGenerator(seed: 10)
        let body = Array(
            #"{"logGroupName":"g","logStreamNames":["a","b"],"startTime":1,"filterPattern":"x","limit":1}"#.utf8)
        for _ in 0..<10_000 {
            do throws(Fault) {
                _ = try input("FilterLogEvents", String(decoding: body.mutated(&generator), as: UTF8.self))
            } catch {
                #expect(error.status == 400)
            }
        }
    }
}

struct STSTests {
    @Test func callerIdentity() throws {
        let request = WireRequest(
            method: "POST", target: "/", headers: ["Content-Type": "application/x-www-form-urlencoded"],
            body: ByteBuffer(string: "Action=GetCallerIdentity&Version=2011-06-15"))
        let wire = STS.model.wireProtocol(for: request)
        let operation = try wire.operation(of: request, in: STS.model)
        #expect(try wire.input(of: request, for: operation, in: STS.model) == .structure([:]))
        let output = STS.GetCallerIdentityResponse(
            userId: "AKIA", account: "000000000000", arn: "arn:aws:iam::000000000000:user/admin")
        let response = wire.response(output.shapeValue, for: operation, in: STS.model, requestID: requestID)
        #expect(
            text(response)
                == "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                + #"<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">"#
                + "<GetCallerIdentityResult><UserId>AKIA</UserId><Account>000000000000</Account>"
                + "<Arn>arn:aws:iam::000000000000:user/admin</Arn></GetCallerIdentityResult><ResponseMetadata>"
                + "<RequestId>\(requestID.text)</RequestId></ResponseMetadata></GetCallerIdentityResponse>")
    }
}

struct ServiceChoiceTests {
    private func choose(
        _ method: String = "POST", _ target: String = "/", _ headers: WireHeaders = [:], _ body: String = ""
    ) throws -> String? {
        let request = WireRequest(method: method, target: target, headers: headers, body: ByteBuffer(string: body))
        return ServiceChoice.service(of: request, claim: try SigV4.parse(request), among: AWSServices.all)?.id
    }

    private func signed(_ service: String) -> WireHeaders {
        [
            "Host": "127.0.0.1:4566", "X-Amz-Date": "20261124T081530Z",
            "Authorization": "AWS4-HMAC-SHA256 Credential=a/20261124/us-east-1/\(service)/aws4_request, "
                + "SignedHeaders=host, Signature=x",
        ]
    }

    @Test func theScopeComesFirst() throws {
        #expect(try choose("GET", "/2015-03-31/functions", signed("lambda")) == "Lambda")
        #expect(try choose("GET", "/2015-03-31/functions", signed("logs")) == "CloudWatch Logs")
        #expect(try choose("POST", "/", signed("sts")) == "STS")
    }

    @Test func thenTargetHostPathAndAction() throws {
        #expect(
            try choose("POST", "/", ["X-Amz-Target": "Logs_20140328.X", "Host": "lambda.local"]) == "CloudWatch Logs")
        #expect(try choose("GET", "/x", ["Host": "lambda.us-east-1.amazonaws.com"]) == "Lambda")
        #expect(try choose("GET", "/x", ["Host": "STS.amazonaws.com:443"]) == "STS")
        #expect(try choose("GET", "/2015-03-31/functions/f", ["Host": "localhost:4566"]) == "Lambda")
        #expect(try choose("PATCH", "/2015-03-31/nonsense", ["Host": "localhost:4566"]) == "Lambda")
        #expect(try choose("GET", "/?Action=GetCallerIdentity&Version=2011-06-15") == "STS")
        let form: WireHeaders = ["Content-Type": "application/x-www-form-urlencoded"]
        #expect(try choose("POST", "/", form, "Action=GetCallerIdentity") == "STS")
        #expect(try choose("POST", "/", form, "Action=Nope&Version=2011-06-15") == "STS")
    }

    @Test func nothingIsChosenForNothing() throws {
        #expect(try choose("GET", "/bucket/key", ["Host": "localhost:4566"]) == nil)
        #expect(try choose("GET", "/bucket/key", signed("s3")) == nil)
    }
}

struct GeneratedShapesTests {
    @Test func mapsKeepTheirOrder() {
        var map: WireMap<String> = ["b": "1", "a": "2"]
        map["c"] = "3"
        map["b"] = "4"
        #expect(map.keys == ["b", "a", "c"])
        map["a"] = nil
        #expect(map.keys == ["b", "c"])
        #expect(
            WireMap([(key: "x", value: "1"), (key: "y", value: "2"), (key: "x", value: "3")]) == ["x": "3", "y": "2"])
        #expect(WireMap(wire: map.wire) == map)
        let many = (0..<20).map { (key: "k\($0 % 15)", value: "\($0)") }
        #expect(WireMap(many).count == 15)
        #expect(WireMap(many)["k0"] == "15")
    }

    @Test func whatIsAbsentStaysAbsent() {
        #expect(Lambda.GetFunctionResponse().shapeValue == .structure([:]))
        #expect(EmptyShape().shapeValue == .structure([:]))
        #expect(Lambda.GetFunctionResponse(.string("nonsense")) == Lambda.GetFunctionResponse())
    }

    @Test func handlesNameTheirOperations() {
        #expect(Lambda.createFunction.name == "CreateFunction")
        #expect(Lambda.model.operation(Lambda.invoke.name)?.method == "POST")
        #expect(Logs.model.operation(Logs.filterLogEvents.name) != nil)
        #expect(STS.model.operation(STS.getCallerIdentity.name) != nil)
    }
}
