/// The stored form of a message's attributes: for each, in the order of names, name and value, each behind its length
/// in bytes (four, big-endian). No attributes are no bytes.
enum MessageAttributes {
    static func encode(_ attributes: [String: String]) -> [UInt8] {
        var bytes: [UInt8] = []
        for (name, value) in attributes.sorted(by: { $0.key < $1.key }) {
            for text in [name, value] {
                withUnsafeBytes(of: UInt32(text.utf8.count).bigEndian) { bytes.append(contentsOf: $0) }
                bytes.append(contentsOf: text.utf8)
            }
        }
        return bytes
    }

    /// - Returns: the attributes up to the first that is not whole.
    static func decode(_ bytes: [UInt8]) -> [String: String] {
        var attributes: [String: String] = [:]
        var rest = bytes[...]
        while let name = takeText(&rest), let value = takeText(&rest) { attributes[name] = value }
        return attributes
    }

    private static func takeText(_ rest: inout ArraySlice<UInt8>) -> String? {
        guard rest.count >= 4 else { return nil }
        let count = Int(rest.prefix(4).reduce(0) { $0 << 8 | UInt32($1) })
        guard rest.count - 4 >= count else { return nil }
        let text = String(decoding: rest.dropFirst(4).prefix(count), as: UTF8.self)
        rest = rest.dropFirst(4 + count)
        return text
    }
}
