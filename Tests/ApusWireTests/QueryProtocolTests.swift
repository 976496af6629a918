import ApusModel
import ApusTesting
import ApusWire
import NIOCore
import Testing

/// A service with every encoding of the query protocol, in the format of the generated tables.
private let table: StaticString = #"""
    =serviceId Test
    =apiVersion 2020-01-01
    =endpointPrefix test
    =protocols query
    =xmlNamespace https://test.example/doc/2020-01-01/
    =validationCode ValidationError
    @Do POST 200 / DoRequest DoResponse NoSuchThing wrapper=DoResult
    @Fire POST 200 / DoRequest - -
    #structure DoRequest
    .Name String required
    .Count Integer
    .Ratio Double
    .Flag Boolean
    .Data Blob
    .When Timestamp
    .Inner Inner
    .Names Names
    .Flat FlatNames
    .Renamed RenamedNames
    .Things Things
    .Tags Tags
    .FlatTags FlatTags body=FlatTag
    #structure DoResponse
    .Name String
    .Count Integer
    .When Timestamp
    .Inner Inner
    .Names Names
    .Flat FlatNames
    .Renamed RenamedNames
    .Things Things
    .Tags Tags
    .FlatTags FlatTags body=FlatTag
    #structure Inner
    .Value String
    .Deep Inner
    #structure NoSuchThing exception code=NoSuch status=404
    .message String
    #string String min=1 max=40
    #integer Integer
    #double Double
    #boolean Boolean
    #blob Blob
    #timestamp Timestamp
    #list Names
    .member String
    #list FlatNames flattened
    .member String
    #list RenamedNames
    .member String body=item
    #list Things
    .member Inner
    #map Tags
    .key String
    .value String
    #map FlatTags flattened
    .key String body=Name
    .value String body=Value
    """#

private let service = ServiceModel(table: table)
private let requestID = RequestID(existing: "11111111-2222-4333-8444-555555555555")

private func request(_ body: String, target: String = "/") -> WireRequest {
    WireRequest(
        method: "POST", target: target, headers: ["Content-Type": "application/x-www-form-urlencoded; charset=utf-8"],
        body: ByteBuffer(string: body))
}

private func input(_ body: String) throws(Fault) -> [String: ShapeValue] {
    let request = request("Action=Do&Version=2020-01-01&" + body)
    let query = service.wireProtocol(for: request)
    let operation = try query.operation(of: request, in: service)
    guard case .structure(let members) = try query.input(of: request, for: operation, in: service) else { return [:] }
    return members
}

private func text(_ response: WireResponse) -> String {
    String(decoding: response.body.readableBytesView, as: UTF8.self)
}

struct QueryProtocolTests {
    @Test(
        arguments: [
            ("Name=a%20b+c", "Name", .string("a b c")), ("Name=n&Count=-7", "Count", .integer(-7)),
            ("Name=n&Ratio=1.5", "Ratio", .double(1.5)), ("Name=n&Flag=true", "Flag", .boolean(true)),
            ("Name=n&Data=AQI%3D", "Data", .blob([1, 2])),
            ("Name=n&When=2026-11-24T08:15:30Z", "When", .timestamp(Timestamp(seconds: 1_795_508_130))),
            ("Name=n&When=1795508130.5", "When", .timestamp(Timestamp(milliseconds: 1_795_508_130_500))),
            ("Name=n&Inner.Deep.Value=x", "Inner", .structure(["Deep": .structure(["Value": .string("x")])])),
            (
                "Name=n&Names.member.2=b&Names.member.10=c&Names.member.1=a", "Names",
                .list([.string("a"), .string("b"), .string("c")])
            ),
            ("Name=n&Names=", "Names", .list([])),
            ("Name=n&Flat.1=a&Flat.2=b", "Flat", .list([.string("a"), .string("b")])),
            ("Name=n&Renamed.item.1=a", "Renamed", .list([.string("a")])),
            (
                "Name=n&Things.member.1.Value=a&Things.member.2.Value=b", "Things",
                .list([.structure(["Value": .string("a")]), .structure(["Value": .string("b")])])
            ),
            (
                "Name=n&Tags.entry.1.key=k&Tags.entry.1.value=v&Tags.entry.2.key=l&Tags.entry.2.value=w", "Tags",
                .map([("k", .string("v")), ("l", .string("w"))])
            ),
            ("Name=n&FlatTag.1.Name=k&FlatTag.1.Value=v", "FlatTags", .map([("k", .string("v"))])),
        ] as [(String, String, ShapeValue)])
    func reads(_ body: String, _ member: String, _ value: ShapeValue) throws {
        #expect(try input(body)[member] == value)
    }

    @Test func unknownParametersAreIgnored() throws {
        let deep = String(repeating: "a.", count: 10_000)
        #expect(try input("Name=n&Nonsense=1&Inner.X.Y=2&\(deep)=1")["Name"] == .string("n"))
    }

    @Test func parametersMayStandInTheQuery() throws {
        let request = request("", target: "/?Action=Do&Version=2020-01-01&Name=n")
        let operation = try QueryProtocol().operation(of: request, in: service)
        let value = try QueryProtocol().input(of: request, for: operation, in: service)
        #expect(value == .structure(["Name": .string("n")]))
    }

    @Test(arguments: [
        (
            "Count=1", "ValidationError",
            "1 validation error detected: Value null at 'name' failed to satisfy constraint: "
                + "Member must not be null"
        ),
        ("Name=n&Count=x", "MalformedInput", "STRING_VALUE can not be converted to an Integer"),
        ("Name=n&Flag=maybe", "MalformedInput", "STRING_VALUE can not be converted to a Boolean"),
    ])
    func refuses(_ body: String, _ code: String, _ message: String) {
        #expect(throws: Fault(code, status: 400, message)) { try input(body) }
    }

    @Test(arguments: [
        ("Action=Nope", "InvalidAction", "The action Nope is not valid for this web service."),
        ("Name=x", "MissingAction", "The request must contain the parameter Action."),
        ("", "MissingAction", "The request must contain the parameter Action."),
    ])
    func unknownActionsAreNamed(_ body: String, _ code: String, _ message: String) {
        #expect(throws: Fault(code, status: 400, message)) {
            try QueryProtocol().operation(of: request(body), in: service)
        }
    }

    @Test func writesEveryEncoding() throws {
        let operation = try #require(service.operation("Do"))
        let response = QueryProtocol().response(
            .structure([
                "Name": .string("<a & \"b\">"), "Count": .integer(3),
                "When": .timestamp(Timestamp(milliseconds: 1_795_508_130_500)),
                "Inner": .structure(["Value": .string("x")]), "Names": .list([.string("a"), .string("b")]),
                "Flat": .list([.string("c"), .string("d")]), "Renamed": .list([.string("e")]),
                "Things": .list([.structure(["Value": .string("f")])]), "Tags": .map([("k", .string("v"))]),
                "FlatTags": .map([("l", .string("w")), ("m", .string("x"))]),
            ]), for: operation, in: service, requestID: requestID)
        #expect(response.status == 200)
        #expect(response.headers["content-type"] == "text/xml")
        #expect(response.headers["x-amzn-requestid"] == requestID.text)
        let lines = [
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
            "<DoResponse xmlns=\"https://test.example/doc/2020-01-01/\"><DoResult>",
            "<Name>&lt;a &amp; &quot;b&quot;&gt;</Name><Count>3</Count><When>2026-11-24T08:15:30.500Z</When>",
            "<Inner><Value>x</Value></Inner><Names><member>a</member><member>b</member></Names>",
            "<Flat>c</Flat><Flat>d</Flat><Renamed><item>e</item></Renamed>",
            "<Things><member><Value>f</Value></member></Things>",
            "<Tags><entry><key>k</key><value>v</value></entry></Tags>",
            "<FlatTag><Name>l</Name><Value>w</Value></FlatTag><FlatTag><Name>m</Name><Value>x</Value></FlatTag>",
            "</DoResult><ResponseMetadata><RequestId>\(requestID.text)</RequestId></ResponseMetadata></DoResponse>",
        ]
        #expect(text(response) == lines.joined())
    }

    @Test func anOperationWithoutOutputHasNoResult() throws {
        let operation = try #require(service.operation("Fire"))
        let response = QueryProtocol().response(.structure([:]), for: operation, in: service, requestID: requestID)
        #expect(text(response).contains("\"><ResponseMetadata>"))
    }

    @Test func writesFaults() {
        let fault = Fault("NoSuch", status: 404, "no \u{1} <thing>", headers: [("Retry-After", "1")])
        let response = QueryProtocol().response(fault, for: nil, in: service, requestID: requestID)
        #expect(response.status == 404)
        #expect(response.headers["retry-after"] == "1")
        #expect(
            text(response)
                == "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                + "<ErrorResponse xmlns=\"https://test.example/doc/2020-01-01/\"><Error><Type>Sender</Type>"
                + "<Code>NoSuch</Code><Message>no \u{FFFD} &lt;thing&gt;</Message></Error>"
                + "<RequestId>\(requestID.text)</RequestId></ErrorResponse>")
        let server = QueryProtocol().response(
            Fault("InternalFailure", status: 500, "x"), for: nil, in: service, requestID: requestID)
        #expect(text(server).contains("<Type>Receiver</Type>"))
    }

    @Test func mutatedFormsNeverCrash() {
        var generator = SeededGenerator(seed: 8)
        let good = Array(
            ("Action=Do&Name=n&Count=1&When=2026-11-24T08:15:30Z&Inner.Deep.Value=x&Names.member.1=a&Flat.1=b"
                + "&Tags.entry.1.key=k&Tags.entry.1.value=v&Data=AQI%3D&Ratio=1e3").utf8)
        for _ in 0..<10_000 {
            let request = request(String(decoding: good.mutated(&generator), as: UTF8.self))
            do throws(Fault) {
                let operation = try QueryProtocol().operation(of: request, in: service)
                let value = try QueryProtocol().input(of: request, for: operation, in: service)
                _ = QueryProtocol().response(value, for: operation, in: service, requestID: requestID)
            } catch {
                #expect(error.status == 400)
            }
        }
    }
}
