import ApusModel
import ApusWire

/// Values of shapes as a client writes and reads them in JSON.
struct ShapeJSON {
    let service: ServiceModel

    func write(_ value: ShapeValue, _ shape: Shape) -> JSON {
        switch value {
        case .boolean(let flag): return .bool(flag)
        case .integer(let number): return .integer(number)
        case .double(let number): return .double(number)
        case .string(let text): return .string(text)
        case .blob(let bytes): return .string(Base64.encode(bytes))
        case .timestamp(let time): return .double(Double(time.milliseconds) / 1000)
        case .list(let items): return .array(items.map { write($0, service[shape.members[0].shape]) })
        case .map(let entries):
            let item = service[shape.members[1].shape]
            return .object(WireMap(entries.map { (key: $0.key, value: write($0.value, item)) }))
        case .structure(let members):
            var object = WireMap<JSON>()
            for member in shape.members where member.location == .body {
                if let value = members[member.name] { object[member.wireName] = write(value, service[member.shape]) }
            }
            return .object(object)
        }
    }

    /// - Returns: nil for null, and for a value of another kind than the shape's.
    func read(_ json: JSON, _ shape: Shape) -> ShapeValue? {
        switch (json, shape.kind) {
        case (.object(let members), .structure):
            var values: [String: ShapeValue] = [:]
            for member in shape.members where member.location == .body {
                if let value = members[member.wireName] { values[member.name] = read(value, service[member.shape]) }
            }
            return .structure(values)
        case (.object(let members), .map):
            let item = service[shape.members[1].shape]
            return .map(members.entries.compactMap { entry in read(entry.value, item).map { (entry.key, $0) } })
        case (.array(let items), .list): return .list(items.compactMap { read($0, service[shape.members[0].shape]) })
        case (.string(let text), .blob): return Base64.decode(text).map { .blob($0) }
        case (.integer, .timestamp), (.double, .timestamp):
            return json.number.map { .timestamp(Timestamp(milliseconds: Int64($0 * 1000))) }
        case (.string(let text), _): return .string(text)
        case (.integer(let number), _): return .integer(number)
        case (.double(let number), _): return .double(number)
        case (.bool(let flag), _): return .boolean(flag)
        default: return nil
        }
    }
}
