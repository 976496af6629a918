/// Base64 (RFC 4648 §4) with padding.
package enum Base64 {
    package static func encode(_ bytes: some Collection<UInt8>) -> String {
        let length = (bytes.count + 2) / 3 * 4
        return String(unsafeUninitializedCapacity: length) { output in
            _ =
                bytes.withContiguousStorageIfAvailable { write($0, to: output) }
                ?? Array(bytes).withUnsafeBufferPointer { write($0, to: output) }
            return length
        }
    }

    /// Adds the text of `bytes` to `output`.
    static func append(_ bytes: [UInt8], to output: inout [UInt8]) {
        let length = (bytes.count + 2) / 3 * 4
        output.append(
            contentsOf: [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
                bytes.withUnsafeBufferPointer { write($0, to: buffer) }
                count = length
            })
    }

    private static func write(_ input: UnsafeBufferPointer<UInt8>, to output: UnsafeMutableBufferPointer<UInt8>) {
        alphabet.withUnsafeBufferPointer { digits in
            var place = 0
            var read = 0
            while read + 3 <= input.count {
                let group = UInt32(input[read]) << 16 | UInt32(input[read + 1]) << 8 | UInt32(input[read + 2])
                output[place] = digits[Int(group >> 18)]
                output[place + 1] = digits[Int(group >> 12 & 63)]
                output[place + 2] = digits[Int(group >> 6 & 63)]
                output[place + 3] = digits[Int(group & 63)]
                read += 3
                place += 4
            }
            let rest = input.count - read
            guard rest > 0 else { return }
            let group = UInt32(input[read]) << 16 | (rest == 2 ? UInt32(input[read + 1]) << 8 : 0)
            output[place] = digits[Int(group >> 18)]
            output[place + 1] = digits[Int(group >> 12 & 63)]
            output[place + 2] = rest == 2 ? digits[Int(group >> 6 & 63)] : UInt8(ascii: "=")
            output[place + 3] = UInt8(ascii: "=")
        }
    }

    /// - Returns: nil when the text has another alphabet, no full groups, wrong padding or bits after the end.
    package static func decode(_ text: String) -> [UInt8]? {
        var text = text
        return text.withUTF8 { decode($0) }
    }

    static func decode(_ input: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        guard !input.isEmpty else { return [] }
        guard input.count % 4 == 0 else { return nil }
        var padding = 0
        if input[input.count - 1] == UInt8(ascii: "=") { padding = input[input.count - 2] == UInt8(ascii: "=") ? 2 : 1 }
        let length = input.count / 4 * 3 - padding
        var isValid = true
        let output = [UInt8](unsafeUninitializedCapacity: length) { output, count in
            isValid = values.withUnsafeBufferPointer { decode(input, padding, $0, output) }
            count = isValid ? length : 0
        }
        return isValid ? output : nil
    }

    private static func decode(
        _ input: UnsafeBufferPointer<UInt8>, _ padding: Int, _ values: UnsafeBufferPointer<UInt8>,
        _ output: UnsafeMutableBufferPointer<UInt8>
    ) -> Bool {
        var bad: UInt8 = 0
        var read = 0
        var written = 0
        let whole = padding == 0 ? input.count : input.count - 4
        while read < whole {
            let a = values[Int(input[read])]
            let b = values[Int(input[read + 1])]
            let c = values[Int(input[read + 2])]
            let d = values[Int(input[read + 3])]
            bad |= a | b | c | d
            output[written] = a << 2 | b >> 4
            output[written + 1] = b << 4 | c >> 2
            output[written + 2] = c << 6 | d
            read += 4
            written += 3
        }
        if padding > 0 {
            let a = values[Int(input[read])]
            let b = values[Int(input[read + 1])]
            let c = padding == 1 ? values[Int(input[read + 2])] : 0
            bad |= a | b | c
            output[written] = a << 2 | b >> 4
            if padding == 1 {
                output[written + 1] = b << 4 | c >> 2
                if c & 3 != 0 { return false }
            } else if b & 15 != 0 {
                return false
            }
        }
        return bad & 0x80 == 0
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// The value of each byte; 0xFF for bytes outside the alphabet.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 0xFF, count: 256)
        for (value, digit) in alphabet.enumerated() { values[Int(digit)] = UInt8(value) }
        return values
    }()
}
