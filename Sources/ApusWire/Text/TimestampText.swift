import ApusModel

/// The spellings of a moment on the wire.
enum TimestampText {
    static func write(_ time: Timestamp, _ format: TimestampFormat) -> String {
        switch format {
        case .epochSeconds:
            let milliseconds = floored(time.nanoseconds, 1_000_000)
            let (seconds, rest) = (floored(milliseconds, 1000), milliseconds - floored(milliseconds, 1000) * 1000)
            guard rest != 0 else { return String(seconds) }
            guard seconds < 0 else { return "\(seconds).\(padded(rest))" }
            return "-\((-milliseconds) / 1000).\(padded((-milliseconds) % 1000))"
        case .iso8601:
            let civil = time.civil
            return civil.millisecond == 0 ? civil.iso8601Seconds : civil.iso8601
        case .rfc822: return time.civil.httpDate
        }
    }

    /// - Returns: nil for what is neither of the format nor of ISO 8601, nor a number of seconds.
    static func parse(_ text: String, _ format: TimestampFormat) -> Timestamp? {
        switch format {
        case .epochSeconds: epochText(text) ?? iso8601(text)
        case .iso8601: iso8601(text) ?? epochText(text)
        case .rfc822: rfc822(text) ?? iso8601(text)
        }
    }

    /// Seconds since 1970, to the millisecond.
    static func epoch(_ seconds: Double) -> Timestamp? {
        guard abs(seconds) < 9_000_000_000 else { return nil }
        return Timestamp(milliseconds: Int64((seconds * 1000).rounded()))
    }

    private static func epochText(_ text: String) -> Timestamp? {
        guard text.utf8.count <= 32 else { return nil }
        return Double(text).flatMap { epoch($0) }
    }

    /// `2026-11-24T08:15:30Z`, with a fraction of a second or an offset such as `+01:00` if there is one.
    private static func iso8601(_ text: String) -> Timestamp? {
        var digits = Digits(text)
        guard let year = digits.number(4), digits.take("-"), let month = digits.number(2), digits.take("-"),
            let day = digits.number(2)
        else { return nil }
        if digits.isAtEnd { return CivilTime.timestamp(year: year, month: month, day: day) }
        guard digits.take("T") || digits.take("t") || digits.take(" "), let hour = digits.number(2), digits.take(":"),
            let minute = digits.number(2), digits.take(":"), let second = digits.number(2),
            let whole = CivilTime.timestamp(
                year: year, month: month, day: day, hour: hour, minute: minute, second: second)
        else { return nil }
        guard let fraction = digits.fraction(), let offset = digits.offset(), digits.isAtEnd else { return nil }
        return Timestamp(nanoseconds: whole.nanoseconds + fraction - offset * 1_000_000_000)
    }

    /// `Tue, 24 Nov 2026 08:15:30 GMT`.
    private static func rfc822(_ text: String) -> Timestamp? {
        guard text.utf8.count <= 64, let comma = text.firstIndex(of: ",") else { return nil }
        let parts = text[text.index(after: comma)...].split(separator: " ")
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard parts.count == 5, parts[4] == "GMT" || parts[4] == "+0000", let day = Int(parts[0]),
            let month = months.firstIndex(of: String(parts[1])), let year = Int(parts[2])
        else { return nil }
        let clock = parts[3].split(separator: ":").map { Int($0) }
        guard clock.count == 3, let hour = clock[0], let minute = clock[1], let second = clock[2] else { return nil }
        return CivilTime.timestamp(year: year, month: month + 1, day: day, hour: hour, minute: minute, second: second)
    }

    private static func floored(_ value: Int64, _ divisor: Int64) -> Int64 {
        let quotient = value / divisor
        return value % divisor < 0 ? quotient - 1 : quotient
    }

    private static func padded(_ value: Int64) -> String {
        let digits = String(value)
        return String(repeating: "0", count: 3 - digits.utf8.count) + digits
    }

    private struct Digits {
        private let bytes: [UInt8]
        private var position = 0

        init(_ text: String) { self.bytes = Array(text.utf8.prefix(64)) }

        var isAtEnd: Bool { position == bytes.count }

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard position < bytes.count, UInt32(bytes[position]) == character.value else { return false }
            position += 1
            return true
        }

        mutating func number(_ count: Int) -> Int? {
            guard position + count <= bytes.count else { return nil }
            var value = 0
            for byte in bytes[position..<position + count] {
                guard byte >= 0x30, byte <= 0x39 else { return nil }
                value = value * 10 + Int(byte - 0x30)
            }
            position += count
            return value
        }

        /// Nanoseconds of `.123`; 0 without a point, nil without digits after it.
        mutating func fraction() -> Int64? {
            guard take(".") else { return 0 }
            var value: Int64 = 0
            var unit: Int64 = 100_000_000
            let start = position
            while let digit = number(1) {
                value += Int64(digit) * unit
                unit /= 10
            }
            return position > start ? value : nil
        }

        /// Seconds of `Z`, `+01:00`, `-0500`; 0 when nothing follows.
        mutating func offset() -> Int64? {
            if isAtEnd || take("Z") || take("z") { return 0 }
            let isNegative = position < bytes.count && bytes[position] == UInt8(ascii: "-")
            guard take("+") || take("-"), let hours = number(2) else { return nil }
            _ = take(":")
            guard let minutes = number(2), hours < 24, minutes < 60 else { return nil }
            return Int64(hours * 3600 + minutes * 60) * (isNegative ? -1 : 1)
        }
    }
}
