import Synchronization

/// Something that measures. It keeps its numbers itself and is asked for them when somebody reads.
package protocol MetricSource: AnyObject, Sendable {
    func collect(into collection: inout MetricCollection)
}

/// Everything that is measured, for whoever reads it: the Prometheus page, and later CloudWatch.
package final class MetricsRegistry: Sendable {
    private let sources = Mutex<[any MetricSource]>([])

    package init() {}

    /// Keeps the source, and asks it from now on.
    package func add(_ source: some MetricSource) { sources.withLock { $0.append(source) } }

    /// All metrics now, by name.
    package func read() -> [MetricFamily] {
        var collection = MetricCollection()
        for source in sources.withLock({ $0 }) { source.collect(into: &collection) }
        return collection.families
    }
}

/// Gathers samples of many sources and puts those of one metric together.
package struct MetricCollection {
    private var gathered: [String: MetricFamily] = [:]

    package init() {}

    /// By name.
    package var families: [MetricFamily] { gathered.values.sorted { $0.description.name < $1.description.name } }

    package mutating func add(_ description: MetricDescription, _ labels: MetricLabels, _ value: MetricSample.Value) {
        gathered[description.name, default: MetricFamily(description: description, samples: [])]
            .samples.append(MetricSample(labels: labels, value: value))
    }
}
