/// What a metric is called and what it says; the same for all of its labels.
package struct MetricDescription: Hashable, Sendable {
    package enum Kind: String, Sendable {
        case counter, gauge, histogram, summary
    }

    /// By Prometheus's convention: `[a-z0-9_]`, with the unit, and `_total` for a counter.
    package var name: String
    package var kind: Kind

    /// One sentence.
    package var help: String

    package init(_ name: String, _ kind: Kind, _ help: String) {
        self.name = name
        self.kind = kind
        self.help = help
    }
}

/// One set of labels and what was measured for it.
package struct MetricSample: Equatable, Sendable {
    package enum Value: Equatable, Sendable {
        case count(Int)
        case number(Double)
        case histogram(HistogramReading)
        case summary(count: Int, sum: Double)
    }

    package var labels: MetricLabels
    package var value: Value
}

/// A metric with all of its labels.
package struct MetricFamily: Equatable, Sendable {
    package var description: MetricDescription
    package var samples: [MetricSample]
}

/// Names and values, in the order in which they are written.
package struct MetricLabels: Equatable, Sendable, ExpressibleByDictionaryLiteral {
    package var pairs: [Pair]

    package struct Pair: Equatable, Sendable {
        package var name: String
        package var value: String
    }

    package init(_ pairs: [(String, String)]) { self.pairs = pairs.map { Pair(name: $0.0, value: $0.1) } }
    package init(dictionaryLiteral elements: (String, String)...) { self.init(elements) }

    package func adding(_ name: String, _ value: String) -> MetricLabels {
        var labels = self
        labels.pairs.append(Pair(name: name, value: value))
        return labels
    }
}
