/// Durations as people write them: `90`, `90s`, `1.5h`, `1h30m`, `250ms`.
package enum DurationText {
    /// - Returns: nil for anything else, and for more than a century.
    package static func parse(_ text: String) -> Duration? {
        var rest = text.filter { $0 != " " }[...]
        guard !rest.isEmpty else { return nil }
        if let seconds = number(rest) { return duration(seconds) }
        var total = 0.0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            let unit = rest.dropFirst(digits.count).prefix { $0.isLetter }
            guard let value = number(digits), let seconds = units[String(unit)] else { return nil }
            total += value * seconds
            rest = rest.dropFirst(digits.count + unit.count)
        }
        return duration(total)
    }

    /// The shortest spelling of whole seconds, such as `10m`.
    package static func write(_ duration: Duration) -> String {
        let seconds = duration.components.seconds
        for (unit, length): (String, Int64) in [("d", 86_400), ("h", 3600), ("m", 60)]
        where seconds != 0 && seconds % length == 0 {
            return "\(seconds / length)\(unit)"
        }
        return "\(seconds)s"
    }

    private static let units: [String: Double] = [
        "ms": 0.001, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800,
    ]

    private static func number(_ text: Substring) -> Double? {
        guard text.first?.isNumber == true, text.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }) else {
            return nil
        }
        return Double(text)
    }

    private static func duration(_ seconds: Double) -> Duration? {
        seconds <= 3_155_760_000 ? .milliseconds(Int64((seconds * 1000).rounded())) : nil
    }
}
