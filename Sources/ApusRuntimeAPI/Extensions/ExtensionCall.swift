import ApusHTTP
import ApusWire
import NIOCore

/// What an extension asks of the server.
enum ExtensionCall {
    case register(name: String, wantsAccount: Bool)
    case next(String)
    case fail(String, ExtensionsState.Phase, type: String)
    case subscribe(String, TelemetrySubscription.API)
    /// Not a program of the function's but the one that starts them.
    case programs
    case refused(RuntimeAPIState.Refusal)

    /// Bytes of a body that is read.
    static let bodyLimit = 64 << 10

    static let tooLarge = Self.refused(.invalidFormat("The body is larger than \(bodyLimit) bytes"))

    /// - Returns: nil for a path that belongs to somebody else.
    init?(_ head: HTTPRequestHead) {
        switch (head.method, head.target) {
        case (.post, "/2020-01-01/extension/register"): self.init(registering: head)
        case (.get, "/2020-01-01/extension/event/next"): self.init(head) { identifier in .next(identifier) }
        case (.post, "/2020-01-01/extension/init/error"): self.init(head, failing: .initError)
        case (.post, "/2020-01-01/extension/exit/error"): self.init(head, failing: .exitError)
        case (.put, "/2022-07-01/telemetry"): self.init(head) { identifier in .subscribe(identifier, .telemetry) }
        case (.put, "/2020-08-15/logs"): self.init(head) { identifier in .subscribe(identifier, .logs) }
        case (.get, "/apus/programs"): self = .programs
        default: return nil
        }
    }

    private init(registering head: HTTPRequestHead) {
        guard let name = head.field("Lambda-Extension-Name"), !name.isEmpty else {
            self = .refused(.emptyName)
            return
        }
        let features = (head.field("Lambda-Extension-Accept-Feature") ?? "").split(separator: ",")
        self = .register(
            name: name, wantsAccount: features.contains { $0.drop { $0 == " " }.prefix { $0 != " " } == "accountId" })
    }

    private init(_ head: HTTPRequestHead, failing phase: ExtensionsState.Phase) {
        let type = head.field("Lambda-Extension-Function-Error-Type") ?? ""
        self.init(head) { identifier in
            type.isEmpty ? .refused(.missingErrorType) : .fail(identifier, phase, type: type)
        }
    }

    private init(_ head: HTTPRequestHead, _ call: (String) -> Self) {
        guard let identifier = head.field("Lambda-Extension-Identifier"), !identifier.isEmpty else {
            self = .refused(.missingIdentifier)
            return
        }
        self = Self.isUUID(identifier) ? call(identifier.lowercased()) : .refused(.invalidIdentifier)
    }

    private static func isUUID(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return bytes.count == 36
            && bytes.enumerated().allSatisfy { place, byte in
                [8, 13, 18, 23].contains(place) ? byte == UInt8(ascii: "-") : Character(UnicodeScalar(byte)).isHexDigit
            }
    }

    /// The events of a registration.
    static func events(_ body: ByteBuffer) throws(RuntimeAPIState.Refusal) -> [String] {
        let value: JSON
        do throws(JSONError) {
            value = try JSON(parsing: body)
        } catch {
            throw .invalidFormat("The body is not JSON: \(error.sentence(in: body.readableBytesView))")
        }
        guard value.object != nil else { throw .invalidFormat("The body is not a JSON object") }
        if let keys = value["configurationKeys"]?.array, !keys.isEmpty { throw .configurationKeys }
        guard let list = value["events"], list != .null else { return [] }
        guard let items = list.array, case let names = items.compactMap(\.string), names.count == items.count else {
            throw .invalidFormat("events is not a list of strings")
        }
        return names
    }
}
