import ApusWire
import NIOCore

/// Reads the body of a subscription. What is wrong with values is told all at once, as AWS does; the first flaw of the form alone.
struct SubscriptionReader {
    private typealias Subscription = TelemetrySubscription
    private typealias Refusal = RuntimeAPIState.Refusal

    private let api: TelemetrySubscription.API
    private var flaws: [String] = []

    init(_ api: TelemetrySubscription.API) { self.api = api }

    func read(_ body: ByteBuffer) throws(RuntimeAPIState.Refusal) -> TelemetrySubscription {
        var reader = self
        return try reader.subscription(try parse(body))
    }

    private func parse(_ body: ByteBuffer) throws(Refusal) -> JSON {
        let value: JSON
        do throws(JSONError) {
            value = try JSON(parsing: body)
        } catch {
            throw api.invalid("failed to parse JSON: \(error.sentence(in: body.readableBytesView))")
        }
        guard value.object != nil else { throw api.invalid("invalid type: the request should be a JSON object") }
        return value
    }

    private mutating func subscription(_ body: JSON) throws(Refusal) -> Subscription {
        let destination = try destination(body["destination"])
        let buffering = try buffering(body["buffering"])
        let types = try types(body["types"])
        let version = try version(body["schemaVersion"])
        if !flaws.isEmpty { throw api.invalid(flaws.joined(separator: "; ")) }
        return Subscription(
            api: api, schemaVersion: version, types: types, buffering: buffering, destination: destination)
    }

    // MARK: Version and types

    private mutating func version(_ value: JSON?) throws(Refusal) -> Subscription.SchemaVersion {
        guard let value else {
            if api == .telemetry { throw missing("schemaVersion") }
            return .logs2020
        }
        let text = try string(value, "schemaVersion")
        guard let version = Subscription.SchemaVersion(rawValue: text) else {
            throw unknown(text, among: Subscription.SchemaVersion.allCases.map(\.rawValue))
        }
        switch api {
        case .logs where version > .logs2021:
            flaws.append("LogsAPI only supports the following SchemaVersion: 2020-08-15, 2021-03-18")
        case .telemetry where version <= .logs2021:
            flaws.append("TelemetryAPI only supports the SchemaVersion released after 2021-03-18")
        default: break
        }
        return version
    }

    private mutating func types(_ value: JSON?) throws(Refusal) -> [Subscription.EventType] {
        guard let value else { throw missing("types") }
        guard let items = value.array else { throw api.invalid("invalid type: types should be an array") }
        var types: [Subscription.EventType] = []
        for item in items {
            let text = try string(item, "types")
            guard let type = Subscription.EventType(rawValue: text) else {
                throw unknown(text, among: Subscription.EventType.allCases.map(\.rawValue))
            }
            if !types.contains(type) { types.append(type) }
        }
        if types.isEmpty { flaws.append("types should not be empty") }
        if types.count < items.count { flaws.append("types should be unique") }
        return types
    }

    // MARK: Buffering

    private mutating func buffering(_ value: JSON?) throws(Refusal) -> Subscription.Buffering {
        var buffering = Subscription.Buffering()
        guard let value else { return buffering }
        guard value.object != nil else { throw api.invalid("invalid type: buffering should be an object") }
        if let items = try number(value, "maxItems", 1000...10_000) { buffering.maxItems = items }
        if let bytes = try number(value, "maxBytes", 262_144...1_048_576) { buffering.maxBytes = bytes }
        if let time = try number(value, "timeoutMs", 25...30_000) { buffering.timeout = .milliseconds(time) }
        return buffering
    }

    private mutating func number(
        _ object: JSON, _ name: String, _ range: ClosedRange<Int>
    ) throws(Refusal) -> Int? {
        guard let value = object[name] else { return nil }
        guard let number = value.integer else { throw api.invalid("invalid type: \(name) should be an integer") }
        if range.contains(number) { return number }
        flaws.append("\(name) should be between \(range.lowerBound) and \(range.upperBound)")
        return nil
    }

    // MARK: Destination

    private mutating func destination(_ value: JSON?) throws(Refusal) -> Subscription.Destination {
        guard let value else { throw missing("destination") }
        guard value.object != nil else { throw api.invalid("invalid type: destination should be an object") }
        guard let kind = value["protocol"] else { throw missing("protocol") }
        switch try string(kind, "protocol") {
        case "HTTP": return try http(value)
        case "TCP": return try tcp(value)
        case let other: throw unknown(other, among: ["HTTP", "TCP"])
        }
    }

    private mutating func tcp(_ value: JSON) throws(Refusal) -> Subscription.Destination {
        guard value["port"] != nil else { throw missing("port") }
        let port = try number(value, "port", 1...65_535) ?? 0
        return .tcp(port: allowed(port))
    }

    private mutating func http(_ value: JSON) throws(Refusal) -> Subscription.Destination {
        guard let uri = value["URI"] else { throw missing("URI") }
        let (authority, path) = try split(try string(uri, "URI"))
        let (host, port) = (authority.prefix { $0 != ":" }, authority.drop { $0 != ":" }.dropFirst())
        guard host == "sandbox.localdomain" || host == "sandbox" else {
            throw api.denied("Only 'sandbox.localdomain' hostname is supported.")
        }
        if port.isEmpty { flaws.append("URI port is not provided") }
        let number = port.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(port) ?? 0 : 0
        if !port.isEmpty, !(1...65_535).contains(number) { flaws.append("port should be between 1 and 65535") }
        return .http(
            method: try method(value["method"]), host: String(authority), port: allowed(number),
            path: path.isEmpty ? "/" : path)
    }

    /// - Returns: the authority, and the path with its query: characters that may stand in a request line, and no others.
    private func split(_ uri: String) throws(Refusal) -> (authority: Substring, path: String) {
        guard let colon = uri.firstRange(of: "://"), uri[..<colon.lowerBound].lowercased() == "http" else {
            throw api.denied("Only 'http' scheme is supported.")
        }
        let rest = uri[colon.upperBound...]
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let path = rest[authority.endIndex...].prefix { $0 != "#" }
        guard rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { throw api.invalid("invalid destination URI") }
        return (authority, path.hasPrefix("?") ? "/\(path)" : String(path))
    }

    private func method(_ value: JSON?) throws(Refusal) -> String {
        guard let value else { return "POST" }
        let text = try string(value, "method")
        guard text == "POST" || text == "PUT" else { throw unknown(text, among: ["POST", "PUT"]) }
        return text
    }

    /// The Runtime API's own port, to which nothing may be sent.
    private mutating func allowed(_ port: Int) -> UInt16 {
        if port == 9001 { flaws.append("port 9001 is reserved") }
        return UInt16(clamping: port)
    }

    // MARK: Words

    private func string(_ value: JSON, _ name: String) throws(Refusal) -> String {
        guard let text = value.string else { throw api.invalid("invalid type: \(name) should be a string") }
        return text
    }

    private func missing(_ name: String) -> Refusal { api.invalid("missing field `\(name)`") }

    private func unknown(_ text: String, among known: [String]) -> Refusal {
        let list = known.map { "`\($0)`" }.joined(separator: ", ")
        return api.invalid("unknown variant `\(text.prefix(64))`, expected one of \(list)")
    }
}
