/// Percent-encoding of URIs (RFC 3986) as AWS applies it.
package enum Percent {
    /// Encodes all but unreserved characters, in upper-case hexadecimal.
    ///
    /// - Parameter keepingSlash: leaves `/` as it is, for whole paths.
    package static func encode(_ text: some StringProtocol, keepingSlash: Bool = false) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count + 16)
        for byte in text.utf8 { append(byte, to: &bytes, keepingSlash: keepingSlash) }
        return String(decoding: bytes, as: UTF8.self)
    }

    @inline(__always)
    static func append(_ byte: UInt8, to bytes: inout [UInt8], keepingSlash: Bool) {
        if isUnreserved(byte) || (keepingSlash && byte == UInt8(ascii: "/")) {
            bytes.append(byte)
        } else {
            bytes.append(UInt8(ascii: "%"))
            bytes.append(Hex.upper(byte >> 4))
            bytes.append(Hex.upper(byte & 15))
        }
    }

    /// Decodes `%XX`. A percent sign without two digits stays; bytes that are not UTF-8 become U+FFFD.
    ///
    /// - Parameter plusIsSpace: as in forms and queries.
    package static func decode(_ text: some StringProtocol, plusIsSpace: Bool = false) -> String {
        let needed = text.utf8.contains { $0 == UInt8(ascii: "%") || (plusIsSpace && $0 == UInt8(ascii: "+")) }
        guard needed else { return String(text) }
        let input = Array(text.utf8)
        return String(decoding: decode(input[...], plusIsSpace: plusIsSpace), as: UTF8.self)
    }

    static func decode(_ input: ArraySlice<UInt8>, plusIsSpace: Bool) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(input.count)
        var position = input.startIndex
        while position < input.endIndex {
            let byte = input[position]
            if byte == UInt8(ascii: "%"), position + 2 < input.endIndex, let high = Hex.value(input[position + 1]),
                let low = Hex.value(input[position + 2])
            {
                output.append(high << 4 | low)
                position += 3
            } else {
                output.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
                position += 1
            }
        }
        return output
    }

    /// The parameters of a query or form, decoded, in order; a name without `=` has an empty value.
    package static func query(_ text: some StringProtocol) -> [(name: String, value: String)] {
        text.parts(at: "&").map { pair in
            let halves = pair.parts(at: "=", most: 1, omittingEmpty: false)
            return (
                name: decode(halves[0], plusIsSpace: true),
                value: halves.count > 1 ? decode(halves[1], plusIsSpace: true) : ""
            )
        }
    }

    @inline(__always)
    static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: true
        default: false
        }
    }
}

/// Hexadecimal digits.
enum Hex {
    @inline(__always)
    static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x41 + 10
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }

    @inline(__always)
    static func upper(_ nibble: UInt8) -> UInt8 { nibble < 10 ? 0x30 + nibble : 0x41 - 10 + nibble }

    @inline(__always)
    static func lower(_ nibble: UInt8) -> UInt8 { nibble < 10 ? 0x30 + nibble : 0x61 - 10 + nibble }

    static func text(_ bytes: some Sequence<UInt8>) -> String {
        var digits: [UInt8] = []
        for byte in bytes {
            digits.append(lower(byte >> 4))
            digits.append(lower(byte & 15))
        }
        return String(decoding: digits, as: UTF8.self)
    }
}
