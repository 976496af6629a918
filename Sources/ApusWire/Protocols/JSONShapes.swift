import ApusModel
import NIOCore

/// Why a body could not be read as a shape.
enum ShapeReadError: Error {
    case json(JSONError)
    /// In AWS's words.
    case mismatch(String)
}

/// Reads values of shapes straight from JSON text: no tree in between, so that a large blob is decoded where it lies.
struct JSONShapeReader {
    private let service: ServiceModel
    private var cursor: JSONCursor

    init(_ bytes: UnsafeRawBufferPointer, service: ServiceModel) {
        self.service = service
        self.cursor = JSONCursor(bytes)
    }

    /// Reads a body.
    ///
    /// - Returns: nil for `null`.
    /// - Throws: `SerializationException`.
    static func read(_ body: ByteBuffer, _ shape: ShapeID, _ service: ServiceModel) throws(Fault) -> ShapeValue? {
        try body.withUnsafeReadableBytes { (bytes) throws(Fault) -> ShapeValue? in
            var reader = JSONShapeReader(bytes, service: service)
            do throws(ShapeReadError) {
                return try reader.document(shape)
            } catch {
                throw .unreadable(error, bytes)
            }
        }
    }

    /// Reads a whole text.
    ///
    /// - Returns: nil for `null`.
    mutating func document(_ shape: ShapeID) throws(ShapeReadError) -> ShapeValue? {
        let value = try self.value(service[shape], nil, JSON.defaultDepth)
        try json { (cursor) throws(JSONError) in try cursor.expectEnd() }
        return value
    }

    private mutating func json<T>(_ read: (inout JSONCursor) throws(JSONError) -> T) throws(ShapeReadError) -> T {
        do throws(JSONError) {
            return try read(&cursor)
        } catch {
            throw .json(error)
        }
    }

    private mutating func value(
        _ shape: Shape, _ format: TimestampFormat?, _ depth: Int
    ) throws(ShapeReadError)
        -> ShapeValue?
    {
        let first = try json { (cursor) throws(JSONError) in try cursor.peek() }
        switch first {
        case UInt8(ascii: "{"):
            guard shape.kind == .structure || shape.kind == .map else {
                throw .mismatch("Start of structure or map found where not expected.")
            }
            guard depth > 0 else { throw .json(cursor.depthFailure(limit: JSON.defaultDepth)) }
            return shape.kind == .map ? try map(shape, depth) : try structure(shape, depth)
        case UInt8(ascii: "["):
            guard shape.kind == .list else { throw .mismatch("Start of list found where not expected") }
            guard depth > 0 else { throw .json(cursor.depthFailure(limit: JSON.defaultDepth)) }
            return try list(shape, depth)
        case UInt8(ascii: "\""):
            let text = try json { (cursor) throws(JSONError) in try cursor.string() }
            return try string(text, shape, format)
        case UInt8(ascii: "-"), 0x30...0x39:
            let number = try json { (cursor) throws(JSONError) in try cursor.number() }
            return try self.number(number, shape)
        default:
            guard let flag = try json({ (cursor) throws(JSONError) in try cursor.scalarWord() }) else { return nil }
            guard shape.kind == .boolean else { throw mismatch(flag ? "TRUE_VALUE" : "FALSE_VALUE", shape) }
            return .boolean(flag)
        }
    }

    private mutating func structure(_ shape: Shape, _ depth: Int) throws(ShapeReadError) -> ShapeValue {
        var members: [String: ShapeValue] = [:]
        guard try json({ (cursor) throws(JSONError) in try cursor.enter(UInt8(ascii: "}")) }) else {
            return .structure(members)
        }
        repeat {
            let name = try json { (cursor) throws(JSONError) in try cursor.name() }
            if let place = shape.bodyPlaces[cursor.value(name)] {
                let member = shape.members[place]
                let inner = service[member.shape]
                members[member.name] = try value(inner, member.timestampFormat ?? inner.timestampFormat, depth - 1)
            } else {
                try json { (cursor) throws(JSONError) in
                    try cursor.skipValue(depth: depth - 1, limit: JSON.defaultDepth)
                }
            }
        } while try json({ (cursor) throws(JSONError) in try cursor.next(UInt8(ascii: "}")) })
        return .structure(members)
    }

    private mutating func map(_ shape: Shape, _ depth: Int) throws(ShapeReadError) -> ShapeValue {
        var entries: [(key: String, value: ShapeValue)] = []
        let inner = service[shape.mapValue.shape]
        if try json({ (cursor) throws(JSONError) in try cursor.enter(UInt8(ascii: "}")) }) {
            repeat {
                let name = try json { (cursor) throws(JSONError) in try cursor.name() }
                let key = cursor.value(name)
                if let value = try value(inner, inner.timestampFormat, depth - 1) { entries.append((key, value)) }
            } while try json({ (cursor) throws(JSONError) in try cursor.next(UInt8(ascii: "}")) })
        }
        return .map(WireMap(entries).entries)
    }

    private mutating func list(_ shape: Shape, _ depth: Int) throws(ShapeReadError) -> ShapeValue {
        var items: [ShapeValue] = []
        let inner = service[shape.item.shape]
        if try json({ (cursor) throws(JSONError) in try cursor.enter(UInt8(ascii: "]")) }) {
            repeat {
                if let item = try value(inner, inner.timestampFormat, depth - 1) { items.append(item) }
            } while try json({ (cursor) throws(JSONError) in try cursor.next(UInt8(ascii: "]")) })
        }
        return .list(items)
    }

    private func string(
        _ text: JSONCursor.Text, _ shape: Shape, _ format: TimestampFormat?
    ) throws(ShapeReadError)
        -> ShapeValue
    {
        switch shape.kind {
        case .string: return .string(cursor.value(text))
        case .blob:
            let bytes: [UInt8]?
            if text.hasEscapes {
                bytes = Base64.decode(cursor.value(text))
            } else {
                bytes = Base64.decode(cursor.bytes(text.start, text.end))
            }
            guard let bytes else { throw .mismatch("Unable to decode the base64 value") }
            return .blob(bytes)
        case .timestamp:
            guard let time = TimestampText.parse(cursor.value(text), format ?? .iso8601) else {
                throw mismatch("STRING_VALUE", shape)
            }
            return .timestamp(time)
        case .double, .float:
            switch cursor.value(text) {
            case "NaN": return .double(.nan)
            case "Infinity": return .double(.infinity)
            case "-Infinity": return .double(-.infinity)
            default: throw mismatch("STRING_VALUE", shape)
            }
        default: throw mismatch("STRING_VALUE", shape)
        }
    }

    private func number(_ number: JSONCursor.Number, _ shape: Shape) throws(ShapeReadError) -> ShapeValue {
        switch shape.kind {
        case .integer, .long:
            // AWS cuts off a fraction.
            let value =
                cursor.integer(number) ?? cursor.double(number).flatMap { Int64(exactly: $0.rounded(.towardZero)) }
            guard let value, shape.kind == .long || Int32(exactly: value) != nil else {
                throw mismatch("NUMBER_VALUE", shape)
            }
            return .integer(value)
        case .double, .float:
            guard let value = cursor.double(number) else { throw .json(cursor.rangeFailure(number)) }
            return .double(value)
        case .timestamp:
            guard let seconds = cursor.double(number), let time = TimestampText.epoch(seconds) else {
                throw mismatch("NUMBER_VALUE", shape)
            }
            return .timestamp(time)
        default: throw mismatch("NUMBER_VALUE", shape)
        }
    }

    /// - Source: recorded and published responses of AWS services.
    private func mismatch(_ token: String, _ shape: Shape) -> ShapeReadError {
        switch shape.kind {
        case .structure: .mismatch("Expected null")
        case .list: .mismatch("Expected list or null")
        case .map: .mismatch("Expected map or null")
        case .string: .mismatch("\(token) can not be converted to a String")
        case .blob: .mismatch("\(token) can not be converted to a Blob")
        case .boolean: .mismatch("\(token) can not be converted to a Boolean")
        case .integer: .mismatch("\(token) can not be converted to an Integer")
        case .long: .mismatch("\(token) can not be converted to a Long")
        case .float: .mismatch("\(token) can not be converted to a Float")
        case .double: .mismatch("\(token) can not be converted to a Double")
        case .timestamp: .mismatch("\(token) can not be converted to milliseconds since epoch")
        }
    }
}

/// Writes values of shapes as JSON text, members in the order of the table.
struct JSONShapeWriter {
    private let service: ServiceModel
    private(set) var bytes: [UInt8] = []

    init(service: ServiceModel) { self.service = service }

    mutating func write(_ value: ShapeValue, _ shape: Shape, _ format: TimestampFormat? = nil) {
        switch value {
        case .boolean(let flag): bytes.append(contentsOf: (flag ? "true" : "false").utf8)
        case .integer(let number): bytes.append(contentsOf: String(number).utf8)
        case .double(let number): JSONText.write(number, to: &bytes)
        case .string(let text): JSONText.write(text, to: &bytes)
        case .blob(let blob):
            bytes.append(UInt8(ascii: "\""))
            Base64.append(blob, to: &bytes)
            bytes.append(UInt8(ascii: "\""))
        case .timestamp(let time):
            let format = format ?? shape.timestampFormat ?? .epochSeconds
            let text = TimestampText.write(time, format)
            if format == .epochSeconds {
                bytes.append(contentsOf: text.utf8)
            } else {
                JSONText.write(text, to: &bytes)
            }
        case .list(let items): list(items, shape)
        case .map(let entries): map(entries, shape)
        case .structure(let members): structure(members, shape)
        }
    }

    private mutating func structure(_ members: [String: ShapeValue], _ shape: Shape) {
        bytes.append(UInt8(ascii: "{"))
        var isFirst = true
        for member in shape.members where member.location == .body {
            guard let value = members[member.name] else { continue }
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            JSONText.write(member.wireName, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            write(value, service[member.shape], member.timestampFormat)
        }
        bytes.append(UInt8(ascii: "}"))
    }

    private mutating func map(_ entries: [(key: String, value: ShapeValue)], _ shape: Shape) {
        bytes.append(UInt8(ascii: "{"))
        for (place, entry) in entries.enumerated() {
            if place > 0 { bytes.append(UInt8(ascii: ",")) }
            JSONText.write(entry.key, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            write(entry.value, service[shape.mapValue.shape])
        }
        bytes.append(UInt8(ascii: "}"))
    }

    private mutating func list(_ items: [ShapeValue], _ shape: Shape) {
        bytes.append(UInt8(ascii: "["))
        for (place, item) in items.enumerated() {
            if place > 0 { bytes.append(UInt8(ascii: ",")) }
            write(item, service[shape.item.shape])
        }
        bytes.append(UInt8(ascii: "]"))
    }
}
