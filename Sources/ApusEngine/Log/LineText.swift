package import ApusModel

/// A line of the log, written by interpolation straight into its bytes: no part of it becomes a string on the way.
package struct LineText: Equatable, Sendable {
    package private(set) var bytes: [UInt8]

    package init(_ text: String) { bytes = Array(text.utf8) }

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    private mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { bytes.append(contentsOf: $0) }
    }

    /// Negative numbers count as 0.
    private mutating func append(_ number: some BinaryInteger, width: Int = 1) {
        let number = UInt64(clamping: number)
        if number >= 10 || width > 1 { append(number / 10, width: width - 1) }
        bytes.append(UInt8(ascii: "0") + UInt8(number % 10))
    }
}

extension LineText: ExpressibleByStringInterpolation, StringInterpolationProtocol {
    package init(stringLiteral text: String) { self.init(text) }
    package init(stringInterpolation line: LineText) { self = line }

    package init(literalCapacity: Int, interpolationCount: Int) {
        bytes = []
        bytes.reserveCapacity(literalCapacity + 16 * interpolationCount)
    }

    package mutating func appendLiteral(_ text: String) { append(text) }
    package mutating func appendInterpolation(_ text: String) { append(text) }
    package mutating func appendInterpolation(_ id: RequestID) { append(id.text) }
    package mutating func appendInterpolation(_ number: Int) { append(number) }

    /// Nothing for nil.
    package mutating func appendInterpolation(_ part: LineText?) {
        if let part { bytes += part.bytes }
    }

    /// Milliseconds with two decimals.
    package mutating func appendInterpolation(ms duration: Duration) {
        let hundredths = max(0, duration.wholeNanoseconds / 10_000)
        append(hundredths / 100)
        append(".")
        append(hundredths % 100, width: 2)
    }

    /// Milliseconds as a JSON number: one to three decimals.
    package mutating func appendInterpolation(number duration: Duration) {
        let microseconds = max(0, duration.wholeNanoseconds / 1000)
        append(microseconds / 1000)
        append(".")
        append(microseconds % 1000, width: 3)
        for _ in 0..<2 where bytes.last == UInt8(ascii: "0") { bytes.removeLast() }
    }

    /// Whole milliseconds, begun ones included, at least one: what is paid for.
    package mutating func appendInterpolation(billed duration: Duration) {
        append(max(1, (duration.wholeNanoseconds + 999_999) / 1_000_000))
    }

    /// `2026-11-24T08:15:30.123Z`.
    package mutating func appendInterpolation(_ time: Timestamp) {
        let civil = time.civil
        append(civil.year, width: 4)
        append("-")
        append(civil.month, width: 2)
        append("-")
        append(civil.day, width: 2)
        append("T")
        append(civil.hour, width: 2)
        append(":")
        append(civil.minute, width: 2)
        append(":")
        append(civil.second, width: 2)
        append(".")
        append(civil.millisecond, width: 3)
        append("Z")
    }

    /// A JSON string, quotes included.
    package mutating func appendInterpolation(json text: String) {
        append("\"")
        if text.utf8.contains(where: { $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) {
            for byte in text.utf8 { append(escaped: byte) }
        } else {
            append(text)
        }
        append("\"")
    }

    private mutating func append(escaped byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
        case ..<0x20: append("\\u00\(byte < 0x10 ? "0" : "")\(String(byte, radix: 16))")
        default: bytes.append(byte)
        }
    }
}
