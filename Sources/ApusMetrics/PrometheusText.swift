/// Writes metrics in Prometheus's text format, version 0.0.4.
///
/// - Source: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
package struct PrometheusText {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    package private(set) var text = ""

    package init(_ families: [MetricFamily]) {
        for family in families { write(family) }
    }

    private mutating func write(_ family: MetricFamily) {
        let name = family.description.name
        text += "# HELP \(name) \(Self.escaped(family.description.help, quotes: false))\n"
        text += "# TYPE \(name) \(family.description.kind.rawValue)\n"
        for sample in family.samples {
            switch sample.value {
            case .count(let count): line(name, sample.labels, "\(count)")
            case .number(let number): line(name, sample.labels, Self.number(number))
            case .histogram(let reading): write(reading, name, sample.labels)
            case .summary(let count, let sum): write(count: count, sum: sum, name, sample.labels)
            }
        }
    }

    private mutating func write(_ reading: HistogramReading, _ name: String, _ labels: MetricLabels) {
        for bucket in reading.buckets {
            line("\(name)_bucket", labels.adding("le", Self.number(bucket.bound)), "\(bucket.count)")
        }
        line("\(name)_bucket", labels.adding("le", "+Inf"), "\(reading.count)")
        write(count: reading.count, sum: reading.sum, name, labels)
    }

    private mutating func write(count: Int, sum: Double, _ name: String, _ labels: MetricLabels) {
        line("\(name)_sum", labels, Self.number(sum))
        line("\(name)_count", labels, "\(count)")
    }

    private mutating func line(_ name: String, _ labels: MetricLabels, _ value: String) {
        text += name
        if !labels.pairs.isEmpty {
            let pairs = labels.pairs.map { "\($0.name)=\"\(Self.escaped($0.value, quotes: true))\"" }
            text += "{\(pairs.joined(separator: ","))}"
        }
        text += " \(value)\n"
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        guard
            text.utf8.contains(where: {
                $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\"")
            })
        else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += #"\\"#
            case "\n": result += #"\n"#
            case "\"" where quotes: result += #"\""#
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
