import ApusModel
package import ApusWire

/// Shape values as bytes, for rows: a tag, then the value; lengths and numbers are 8 bytes, little-endian. Members carry their
/// names, so that a later version may add some.
package enum RecordArchive {
    private enum Tag: UInt8 {
        case no = 0, yes, integer, double, string, blob, timestamp, list, map, structure
    }

    /// Deeper values are not records of ours.
    private static let depthLimit = 64

    package static func encode(_ value: ShapeValue) -> [UInt8] {
        var bytes: [UInt8] = []
        append(value, to: &bytes)
        return bytes
    }

    /// - Returns: nil when the bytes are not one whole value.
    package static func decode(_ bytes: [UInt8]) -> ShapeValue? {
        var rest = bytes[...]
        guard let value = read(&rest, depth: 0), rest.isEmpty else { return nil }
        return value
    }

    private static func append(_ value: ShapeValue, to bytes: inout [UInt8]) {
        func tag(_ tag: Tag) { bytes.append(tag.rawValue) }
        func number(_ number: UInt64) { withUnsafeBytes(of: number.littleEndian) { bytes += $0 } }
        func text(_ text: String) {
            number(UInt64(text.utf8.count))
            bytes += text.utf8
        }
        switch value {
        case .boolean(let flag):
            tag(flag ? .yes : .no)
        case .integer(let integer):
            tag(.integer)
            number(UInt64(bitPattern: integer))
        case .double(let double):
            tag(.double)
            number(double.bitPattern)
        case .string(let string):
            tag(.string)
            text(string)
        case .blob(let blob):
            tag(.blob)
            number(UInt64(blob.count))
            bytes += blob
        case .timestamp(let time):
            tag(.timestamp)
            number(UInt64(bitPattern: time.nanoseconds))
        case .list(let items):
            tag(.list)
            number(UInt64(items.count))
            for item in items { append(item, to: &bytes) }
        case .map(let entries):
            tag(.map)
            number(UInt64(entries.count))
            for (key, value) in entries {
                text(key)
                append(value, to: &bytes)
            }
        case .structure(let members):
            tag(.structure)
            number(UInt64(members.count))
            for (name, value) in members.sorted(by: { $0.key < $1.key }) {
                text(name)
                append(value, to: &bytes)
            }
        }
    }

    private static func read(_ bytes: inout ArraySlice<UInt8>, depth: Int) -> ShapeValue? {
        guard depth < depthLimit, let byte = bytes.popFirst(), let tag = Tag(rawValue: byte) else { return nil }
        switch tag {
        case .no: return .boolean(false)
        case .yes: return .boolean(true)
        case .integer: return number(&bytes).map { .integer(Int64(bitPattern: $0)) }
        case .double: return number(&bytes).map { .double(Double(bitPattern: $0)) }
        case .string: return text(&bytes).map { .string($0) }
        case .blob: return run(&bytes).map { .blob(Array($0)) }
        case .timestamp: return number(&bytes).map { .timestamp(Timestamp(nanoseconds: Int64(bitPattern: $0))) }
        case .list:
            guard let count = number(&bytes), count <= bytes.count else { return nil }
            var items: [ShapeValue] = []
            for _ in 0..<count {
                guard let item = read(&bytes, depth: depth + 1) else { return nil }
                items.append(item)
            }
            return .list(items)
        case .map:
            return entries(&bytes, depth: depth).map { .map($0) }
        case .structure:
            return entries(&bytes, depth: depth).map { entries in
                .structure(Dictionary(entries.map { ($0.key, $0.value) }) { _, last in last })
            }
        }
    }

    private static func entries(
        _ bytes: inout ArraySlice<UInt8>, depth: Int
    ) -> [(key: String, value: ShapeValue)]? {
        guard let count = number(&bytes), count <= bytes.count else { return nil }
        var entries: [(key: String, value: ShapeValue)] = []
        for _ in 0..<count {
            guard let key = text(&bytes), let value = read(&bytes, depth: depth + 1) else { return nil }
            entries.append((key, value))
        }
        return entries
    }

    private static func number(_ bytes: inout ArraySlice<UInt8>) -> UInt64? {
        guard bytes.count >= 8 else { return nil }
        defer { bytes = bytes.dropFirst(8) }
        return bytes.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func run(_ bytes: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let count = number(&bytes), count <= bytes.count else { return nil }
        defer { bytes = bytes.dropFirst(Int(count)) }
        return bytes.prefix(Int(count))
    }

    private static func text(_ bytes: inout ArraySlice<UInt8>) -> String? {
        run(&bytes).map { String(decoding: $0, as: UTF8.self) }
    }
}
