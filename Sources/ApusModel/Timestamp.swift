/// A moment of wall time, in nanoseconds since 1970 (UTC). Good until the year 2262; later moments that a client names stand for
/// the last one.
package struct Timestamp: Hashable, Comparable, Sendable {
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    package init(milliseconds: Int64) { self.nanoseconds = milliseconds.multipliedWithinBounds(by: 1_000_000) }
    package init(seconds: Int64) { self.nanoseconds = seconds.multipliedWithinBounds(by: 1_000_000_000) }

    package var milliseconds: Int64 { nanoseconds / 1_000_000 }
    package var seconds: Int64 { nanoseconds / 1_000_000_000 }

    package static func < (a: Timestamp, b: Timestamp) -> Bool { a.nanoseconds < b.nanoseconds }

    package static func + (time: Timestamp, span: Duration) -> Timestamp {
        Timestamp(nanoseconds: time.nanoseconds &+ span.wholeNanoseconds)
    }

    package static func - (a: Timestamp, b: Timestamp) -> Duration { .nanoseconds(a.nanoseconds &- b.nanoseconds) }

    /// Year, month, day, hour, minute, second in UTC (proleptic Gregorian calendar).
    package var civil: CivilTime { CivilTime(self) }
}

extension Duration {
    package var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds &* 1_000_000_000 &+ attoseconds / 1_000_000_000
    }
}

/// A timestamp taken apart in UTC, and its usual spellings.
package struct CivilTime: Equatable, Sendable {
    package let year: Int
    package let month: Int
    package let day: Int
    package let hour: Int
    package let minute: Int
    package let second: Int
    package let millisecond: Int

    /// 0 is Sunday.
    package let weekday: Int

    init(_ time: Timestamp) {
        let days = Int(time.nanoseconds.flooredDivision(by: 86_400_000_000_000))
        let rest = Int(time.nanoseconds - Int64(days) * 86_400_000_000_000)
        // Days to a date, after the era arithmetic of 400-year cycles that begin on 1 March.
        let shifted = days + 719_468
        let era = shifted.flooredDivision(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        hour = rest / 3_600_000_000_000
        minute = rest / 60_000_000_000 % 60
        second = rest / 1_000_000_000 % 60
        millisecond = rest / 1_000_000 % 1000
        weekday = (days % 7 + 11) % 7
    }

    /// `2026-11-24T08:15:30.123+0000`, the form of `LastModified`.
    package var lambdaText: String { "\(date)T\(time).\(padded(millisecond, 3))+0000" }

    /// `2026-11-24T08:15:30.123Z`.
    package var iso8601: String { "\(date)T\(time).\(padded(millisecond, 3))Z" }

    /// `2026-11-24T08:15:30Z`.
    package var iso8601Seconds: String { "\(date)T\(time)Z" }

    /// `20261124T081530Z`, the form of `X-Amz-Date`.
    package var amzDate: String {
        "\(amzDay)T\(padded(hour, 2))\(padded(minute, 2))\(padded(second, 2))Z"
    }

    /// `20261124`.
    package var amzDay: String { "\(padded(year, 4))\(padded(month, 2))\(padded(day, 2))" }

    /// `2026/11/24`, the first part of a log stream's name.
    package var logStreamDay: String { "\(padded(year, 4))/\(padded(month, 2))/\(padded(day, 2))" }

    /// `Tue, 24 Nov 2026 08:15:30 GMT`, the form of HTTP's `Date`.
    package var httpDate: String {
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        return "\(days[weekday]), \(padded(day, 2)) \(months[month - 1]) \(padded(year, 4)) \(time) GMT"
    }

    private var date: String { "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))" }
    private var time: String { "\(padded(hour, 2)):\(padded(minute, 2)):\(padded(second, 2))" }

    private func padded(_ value: Int, _ width: Int) -> String {
        let digits = String(value)
        return digits.utf8.count >= width ? digits : String(repeating: "0", count: width - digits.utf8.count) + digits
    }
}

extension CivilTime {
    /// The moment that a UTC date and time name; nil when a field is out of its range.
    package static func timestamp(
        year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0
    ) -> Timestamp? {
        guard (1...12).contains(month), (1...31).contains(day), (0...23).contains(hour), (0...59).contains(minute),
            (0...60).contains(second), (1700...2261).contains(year)
        else { return nil }
        let isLeapYear = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        guard day <= (month == 2 ? (isLeapYear ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31) else { return nil }
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear.flooredDivision(by: 400)
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        return Timestamp(seconds: Int64(days * 86_400 + hour * 3600 + minute * 60 + second))
    }

    /// Reads `20261124T081530Z`.
    package static func timestamp(amzDate text: some StringProtocol) -> Timestamp? {
        let bytes = Array(text.utf8)
        guard bytes.count == 16, bytes[8] == UInt8(ascii: "T"), bytes[15] == UInt8(ascii: "Z") else { return nil }
        func number(_ range: Range<Int>) -> Int? {
            var value = 0
            for byte in bytes[range] {
                guard byte >= 0x30, byte <= 0x39 else { return nil }
                value = value * 10 + Int(byte - 0x30)
            }
            return value
        }
        guard let year = number(0..<4), let month = number(4..<6), let day = number(6..<8), let hour = number(9..<11),
            let minute = number(11..<13), let second = number(13..<15)
        else { return nil }
        return timestamp(year: year, month: month, day: day, hour: hour, minute: minute, second: second)
    }
}

extension Int64 {
    fileprivate func multipliedWithinBounds(by factor: Int64) -> Int64 {
        let (product, isTooLarge) = multipliedReportingOverflow(by: factor)
        return isTooLarge ? (self < 0 ? .min : .max) : product
    }
}

extension BinaryInteger {
    fileprivate func flooredDivision(by divisor: Self) -> Self {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
