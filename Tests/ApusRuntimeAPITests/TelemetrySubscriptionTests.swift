import ApusRuntimeAPI
import ApusTesting
import NIOCore
import Testing

struct TelemetrySubscriptionTests {
    private static func read(
        _ body: String, api: TelemetrySubscription.API = .telemetry
    ) throws -> TelemetrySubscription {
        try TelemetrySubscription(api: api, body: ByteBuffer(string: body))
    }

    private static func refusal(
        _ body: String, api: TelemetrySubscription.API = .telemetry
    ) -> RuntimeAPIState.Refusal? {
        do throws(RuntimeAPIState.Refusal) {
            _ = try TelemetrySubscription(api: api, body: ByteBuffer(string: body))
            return nil
        } catch {
            return error
        }
    }

    private static func body(
        version: String? = "2022-12-13", types: String = #"["platform"]"#, buffering: String? = nil,
        destination: String = #"{"protocol":"HTTP","URI":"http://sandbox.localdomain:8080"}"#
    ) -> String {
        let version = version.map { #""schemaVersion":"\#($0)","# } ?? ""
        let buffering = buffering.map { #""buffering":\#($0),"# } ?? ""
        return #"{\#(version)"types":\#(types),\#(buffering)"destination":\#(destination)}"#
    }

    @Test func everythingThatIsNotSaidHasItsDefault() throws {
        let subscription = try Self.read(Self.body())
        #expect(subscription.api == .telemetry)
        #expect(subscription.schemaVersion == .december2022)
        #expect(subscription.types == [.platform])
        #expect(subscription.buffering.maxItems == 10_000)
        #expect(subscription.buffering.maxBytes == 262_144)
        #expect(subscription.buffering.timeout == .seconds(1))
        #expect(
            subscription.destination
                == .http(method: "POST", host: "sandbox.localdomain:8080", port: 8080, path: "/"))
        #expect(try Self.read(Self.body(version: nil), api: .logs).schemaVersion == .logs2020)
    }

    @Test func everythingCanBeSaid() throws {
        let subscription = try Self.read(
            Self.body(
                version: "2025-01-29", types: #"["function","extension","platform"]"#,
                buffering: #"{"maxItems":1000,"maxBytes":1048576,"timeoutMs":25}"#,
                destination: #"{"protocol":"HTTP","URI":"HTTP://sandbox:1/a/b?c=d#e"}"#))
        #expect(subscription.schemaVersion == .january2025)
        #expect(subscription.types == [.function, .extension, .platform])
        #expect(subscription.buffering.maxItems == 1000)
        #expect(subscription.buffering.maxBytes == 1_048_576)
        #expect(subscription.buffering.timeout == .milliseconds(25))
        #expect(subscription.destination == .http(method: "POST", host: "sandbox:1", port: 1, path: "/a/b?c=d"))
        let tcp = try Self.read(Self.body(destination: #"{"protocol":"TCP","port":65535}"#))
        #expect(tcp.destination == .tcp(port: 65535))
        let put = try Self.read(
            Self.body(
                version: "2021-03-18", destination: #"{"protocol":"HTTP","URI":"http://sandbox:2?q","method":"PUT"}"#),
            api: .logs)
        #expect(put.destination == .http(method: "PUT", host: "sandbox:2", port: 2, path: "/?q"))
    }

    @Test(arguments: [
        (
            body(types: "[]", destination: #"{"protocol":"HTTP","URI":"http://sandbox.localdomain"}"#),
            "URI port is not provided; types should not be empty"
        ),
        (body(types: #"["platform","platform"]"#), "types should be unique"),
        (
            body(types: #"["platform","logs"]"#),
            "unknown variant `logs`, expected one of `platform`, `function`, `extension`"
        ),
        (body(types: "7"), "invalid type: types should be an array"),
        (body(types: "[7]"), "invalid type: types should be a string"),
        (body(version: nil), "missing field `schemaVersion`"),
        (body(version: "2021-03-18"), "TelemetryAPI only supports the SchemaVersion released after 2021-03-18"),
        (
            body(version: "2019-01-01"),
            "unknown variant `2019-01-01`, expected one of `2020-08-15`, `2021-03-18`, `2022-07-01`, `2022-12-13`, `2025-01-29`"
        ),
        (
            body(buffering: #"{"maxItems":999,"maxBytes":1048577,"timeoutMs":24}"#),
            "maxItems should be between 1000 and 10000; maxBytes should be between 262144 and 1048576; timeoutMs should be between 25 and 30000"
        ),
        (body(buffering: #"{"maxItems":"1000"}"#), "invalid type: maxItems should be an integer"),
        (body(buffering: #"{"maxItems":1000.5}"#), "invalid type: maxItems should be an integer"),
        (body(buffering: "[]"), "invalid type: buffering should be an object"),
        (body(destination: #"{"protocol":"TCP"}"#), "missing field `port`"),
        (body(destination: #"{"protocol":"TCP","port":0}"#), "port should be between 1 and 65535"),
        (body(destination: #"{"protocol":"TCP","port":9001}"#), "port 9001 is reserved"),
        (body(destination: #"{"protocol":"UDP"}"#), "unknown variant `UDP`, expected one of `HTTP`, `TCP`"),
        (body(destination: #"{"protocol":"HTTP"}"#), "missing field `URI`"),
        (body(destination: #"{"URI":"http://sandbox:1"}"#), "missing field `protocol`"),
        (
            body(destination: #"{"protocol":"HTTP","URI":"http://sandbox:70000"}"#),
            "port should be between 1 and 65535"
        ),
        (body(destination: #"{"protocol":"HTTP","URI":"http://sandbox:1a"}"#), "port should be between 1 and 65535"),
        (body(destination: #"{"protocol":"HTTP","URI":"http://sandbox:9001"}"#), "port 9001 is reserved"),
        // It would end the head of the request, and begin one of the extension's own.
        (
            body(destination: #"{"protocol":"HTTP","URI":"http://sandbox:1/\r\nX: y"}"#), "invalid destination URI"
        ),
        (#"{"schemaVersion":"2022-12-13","types":["platform"]}"#, "missing field `destination`"),
        ("[]", "invalid type: the request should be a JSON object"),
        ("", "failed to parse JSON: Unexpected end-of-input"),
    ])
    func whatIsWrongIsTold(_ body: String, _ message: String) {
        let refusal = Self.refusal(body)
        #expect(refusal?.status == 400)
        #expect(refusal?.type == "ValidationError")
        #expect(refusal?.message == message)
        #expect(refusal?.isFatal == false)
    }

    @Test func theLogsAPIHasItsOwnWords() {
        let newer = Self.refusal(Self.body(version: "2022-07-01"), api: .logs)
        #expect(newer?.type == "Logs.ValidationError")
        #expect(newer?.message == "LogsAPI only supports the following SchemaVersion: 2020-08-15, 2021-03-18")
        #expect(TelemetrySubscription.API.logs.closed.type == "Logs.SubscriptionClosed")
        #expect(TelemetrySubscription.API.logs.closed.status == 403)
        #expect(TelemetrySubscription.API.telemetry.closed.message == "Telemetry API subscription is closed already")
    }

    /// Nothing may be sent out of the environment.
    @Test(arguments: [
        "http://169.254.169.254:80/", "http://localhost:80", "http://sandbox.localdomain.example.com:80",
        "http://user@sandbox:80", "http://:80", "http:///x",
    ])
    func onlyTheEnvironmentItselfCanBeADestination(_ uri: String) {
        let refusal = Self.refusal(Self.body(destination: #"{"protocol":"HTTP","URI":"\#(uri)"}"#))
        #expect(refusal?.status == 403)
        #expect(refusal?.type == "Telemetry.AccessDenied")
        #expect(refusal?.message == "Only 'sandbox.localdomain' hostname is supported.")
    }

    @Test(arguments: ["https://sandbox:80", "sandbox:80", "", "file:///etc/passwd"])
    func onlyHTTPIsSpoken(_ uri: String) {
        let refusal = Self.refusal(Self.body(destination: #"{"protocol":"HTTP","URI":"\#(uri)"}"#))
        #expect(refusal?.message == "Only 'http' scheme is supported.")
    }

    /// Whatever an extension sends, it is told something or has subscribed.
    @Test(arguments: 0..<200)
    func hostileBytesAreRefusedAtMost(_ seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        var bytes = Array(
            Self.body(buffering: #"{"maxItems":1000,"maxBytes":262144,"timeoutMs":100}"#).utf8)
        for _ in 0..<Int.random(in: 1...12, using: &generator) {
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0..<3, using: &generator) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
            case 1: bytes.remove(at: place)
            default: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: place)
            }
        }
        do throws(RuntimeAPIState.Refusal) {
            let subscription = try TelemetrySubscription(api: .telemetry, body: ByteBuffer(bytes: bytes))
            #expect(!subscription.types.isEmpty)
            #expect(subscription.destination.port > 0)
            #expect((1000...10_000).contains(subscription.buffering.maxItems))
        } catch {
            #expect([400, 403].contains(error.status))
            #expect(error.message.utf8.count < 1000)
        }
    }
}
