package import NIOCore

/// A JSON value. Objects keep their order; integers are exact within 64 bits, other numbers are doubles.
package enum JSON: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int64)
    case double(Double)
    case string(String)
    case array([JSON])
    case object(WireMap<JSON>)

    /// Nesting that a parsed value may have unless its reader says otherwise.
    package static let defaultDepth = 128

    /// Reads one value.
    ///
    /// Of members with one name the last wins, in the place of the first. A lone escaped surrogate becomes U+FFFD.
    ///
    /// - Throws: ``JSONError``, also for a number beyond the range of a double.
    package init(parsing buffer: ByteBuffer, depth: Int = defaultDepth) throws(JSONError) {
        self = try buffer.withUnsafeReadableBytes { (bytes) throws(JSONError) in try JSON.parse(bytes, depth) }
    }

    package init(parsing bytes: [UInt8], depth: Int = defaultDepth) throws(JSONError) {
        self = try bytes.withUnsafeBufferPointer { (bytes) throws(JSONError) in
            try JSON.parse(UnsafeRawBufferPointer(bytes), depth)
        }
    }

    package init(parsing text: String, depth: Int = defaultDepth) throws(JSONError) {
        try self.init(parsing: Array(text.utf8), depth: depth)
    }

    private static func parse(_ bytes: UnsafeRawBufferPointer, _ depth: Int) throws(JSONError) -> JSON {
        var cursor = JSONCursor(bytes)
        let value = try JSON(&cursor, depth: depth, limit: depth)
        try cursor.expectEnd()
        return value
    }

    init(_ cursor: inout JSONCursor, depth: Int, limit: Int) throws(JSONError) {
        switch try cursor.peek() {
        case UInt8(ascii: "\""):
            let text = try cursor.string()
            self = .string(cursor.value(text))
        case UInt8(ascii: "{"):
            guard depth > 0 else { throw cursor.depthFailure(limit: limit) }
            var members: [(key: String, value: JSON)] = []
            if try cursor.enter(UInt8(ascii: "}")) {
                repeat {
                    let name = try cursor.name()
                    members.append((cursor.value(name), try JSON(&cursor, depth: depth - 1, limit: limit)))
                } while try cursor.next(UInt8(ascii: "}"))
            }
            self = .object(WireMap(members))
        case UInt8(ascii: "["):
            guard depth > 0 else { throw cursor.depthFailure(limit: limit) }
            var items: [JSON] = []
            if try cursor.enter(UInt8(ascii: "]")) {
                repeat {
                    items.append(try JSON(&cursor, depth: depth - 1, limit: limit))
                } while try cursor.next(UInt8(ascii: "]"))
            }
            self = .array(items)
        case UInt8(ascii: "-"), 0x30...0x39:
            let number = try cursor.number()
            if let integer = cursor.integer(number) {
                self = .integer(integer)
            } else if let double = cursor.double(number) {
                self = .double(double)
            } else {
                throw cursor.rangeFailure(number)
            }
        default:
            self = try cursor.scalarWord().map { .bool($0) } ?? .null
        }
    }

    // MARK: Looking inside

    /// A member of an object; nil for other values.
    package subscript(_ name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members[name]
    }

    package var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    package var integer: Int? {
        guard case .integer(let number) = self else { return nil }
        return Int(exactly: number)
    }

    package var number: Double? {
        switch self {
        case .integer(let number): Double(number)
        case .double(let number): number
        default: nil
        }
    }

    package var bool: Bool? {
        guard case .bool(let flag) = self else { return nil }
        return flag
    }

    package var array: [JSON]? {
        guard case .array(let items) = self else { return nil }
        return items
    }

    package var object: WireMap<JSON>? {
        guard case .object(let members) = self else { return nil }
        return members
    }

    // MARK: Writing

    /// Compact text, members in their order.
    package var bytes: [UInt8] {
        var output: [UInt8] = []
        write(to: &output)
        return output
    }

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    package func write(to output: inout [UInt8]) {
        switch self {
        case .null: output.append(contentsOf: "null".utf8)
        case .bool(let flag): output.append(contentsOf: (flag ? "true" : "false").utf8)
        case .integer(let number): output.append(contentsOf: String(number).utf8)
        case .double(let number): JSONText.write(number, to: &output)
        case .string(let text): JSONText.write(text, to: &output)
        case .array(let items):
            output.append(UInt8(ascii: "["))
            for (place, item) in items.enumerated() {
                if place > 0 { output.append(UInt8(ascii: ",")) }
                item.write(to: &output)
            }
            output.append(UInt8(ascii: "]"))
        case .object(let members):
            output.append(UInt8(ascii: "{"))
            for (place, (key, value)) in members.entries.enumerated() {
                if place > 0 { output.append(UInt8(ascii: ",")) }
                JSONText.write(key, to: &output)
                output.append(UInt8(ascii: ":"))
                value.write(to: &output)
            }
            output.append(UInt8(ascii: "}"))
        }
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral, ExpressibleByFloatLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(floatLiteral value: Double) { self = .double(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: JSON...) { self = .array(elements) }
    package init(nilLiteral: ()) { self = .null }

    package init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(WireMap(elements.map { (key: $0.0, value: $0.1) }))
    }
}

/// Writes the scalars of JSON.
package enum JSONText {
    /// A string with its quotes. Escaped are `"`, `\` and control characters, nothing else.
    package static func write(_ text: String, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { bytes in
            var copied = 0
            var place = 0
            while place < bytes.count {
                let byte = bytes[place]
                if byte < 0x20 || byte == 0x22 || byte == 0x5C {
                    output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[copied..<place]))
                    escape(byte, to: &output)
                    copied = place + 1
                }
                place += 1
            }
            output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[copied...]))
        }
        output.append(UInt8(ascii: "\""))
    }

    /// A double; the three that JSON lacks become the strings that AWS writes for them.
    package static func write(_ number: Double, to output: inout [UInt8]) {
        output.append(contentsOf: (number.isFinite ? "\(number)" : "\"\(name(number))\"").utf8)
    }

    static func name(_ number: Double) -> String {
        number.isNaN ? "NaN" : number < 0 ? "-Infinity" : "Infinity"
    }

    private static func escape(_ byte: UInt8, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\\"))
        switch byte {
        case 0x08: output.append(UInt8(ascii: "b"))
        case 0x09: output.append(UInt8(ascii: "t"))
        case 0x0A: output.append(UInt8(ascii: "n"))
        case 0x0C: output.append(UInt8(ascii: "f"))
        case 0x0D: output.append(UInt8(ascii: "r"))
        case 0x22, 0x5C: output.append(byte)
        default:
            output.append(contentsOf: "u00".utf8)
            output.append(Hex.upper(byte >> 4))
            output.append(Hex.upper(byte & 15))
        }
    }
}
