package import CoreMetrics
import Synchronization

/// Takes what libraries measure through swift-metrics, whose labels and dimensions are known only when they appear.
package final class SwiftMetricsBackend: MetricsFactory, MetricSource {
    private struct Key: Hashable {
        var description: MetricDescription
        var dimensions: [String]
    }

    private enum Instrument: Sendable {
        case number(AtomicNumber)
        case summary(AtomicSummary)
        case timer(DurationHistogram)

        var handler: AnyObject {
            switch self {
            case .number(let number): number
            case .summary(let summary): summary
            case .timer(let histogram): histogram
            }
        }

        var value: MetricSample.Value {
            switch self {
            case .number(let number): .number(number.value)
            case .summary(let summary): .summary(count: summary.count, sum: summary.sum)
            case .timer(let histogram): .histogram(histogram.reading)
            }
        }
    }

    private let instruments = Mutex<[Key: (labels: MetricLabels, instrument: Instrument)]>([:])

    package init() {}

    package func collect(into collection: inout MetricCollection) {
        for (key, entry) in instruments.withLock({ $0 }) {
            collection.add(key.description, entry.labels, entry.instrument.value)
        }
    }

    // MARK: MetricsFactory

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        number(.counter, label, dimensions)
    }

    package func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        number(.counter, label, dimensions)
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        number(.gauge, label, dimensions)
    }

    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        guard aggregate else { return number(.gauge, label, dimensions) }
        let made = instrument(.summary, label, dimensions, .summary(AtomicSummary()))
        guard case .summary(let summary) = made else { return AtomicSummary() }
        return summary
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        let made = instrument(.histogram, label, dimensions, .timer(DurationHistogram()))
        guard case .timer(let timer) = made else { return DurationHistogram() }
        return timer
    }

    package func destroyCounter(_ handler: any CounterHandler) { forget(handler) }
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { forget(handler) }
    package func destroyMeter(_ handler: any MeterHandler) { forget(handler) }
    package func destroyRecorder(_ handler: any RecorderHandler) { forget(handler) }
    package func destroyTimer(_ handler: any TimerHandler) { forget(handler) }

    private func number(
        _ kind: MetricDescription.Kind, _ label: String, _ dimensions: [(String, String)]
    ) -> AtomicNumber {
        let made = instrument(kind, label, dimensions, .number(AtomicNumber()))
        guard case .number(let number) = made else { return AtomicNumber() }
        return number
    }

    /// The instrument of that name and those dimensions, or the new one.
    private func instrument(
        _ kind: MetricDescription.Kind, _ label: String, _ dimensions: [(String, String)], _ new: Instrument
    ) -> Instrument {
        let description = MetricDescription(Self.name(label, kind), kind, label)
        let key = Key(description: description, dimensions: dimensions.flatMap { [$0.0, $0.1] })
        return instruments.withLock { instruments in
            if let known = instruments[key] { return known.instrument }
            let labels = MetricLabels(dimensions.map { (Self.sanitized($0.0), $0.1) })
            instruments[key] = (labels, new)
            return new
        }
    }

    private func forget(_ handler: any AnyObject & Sendable) {
        instruments.withLock { instruments in
            instruments = instruments.filter { $0.value.instrument.handler !== handler }
        }
    }

    private static func name(_ label: String, _ kind: MetricDescription.Kind) -> String {
        let name = sanitized(label)
        return switch kind {
        case .counter: name.hasSuffix("_total") ? name : "\(name)_total"
        case .histogram: name.hasSuffix("_seconds") ? name : "\(name)_seconds"
        case .gauge, .summary: name
        }
    }

    /// What Prometheus allows in a name: letters, digits and `_`, no digit first.
    private static func sanitized(_ text: String) -> String {
        let name = String(text.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
        return name.first?.isNumber ?? true ? "_\(name)" : name
    }
}

extension MetricsRegistry {
    /// Adds what libraries measure. To be called once in a process, before they do.
    package func adoptLibraries() {
        let libraries = SwiftMetricsBackend()
        MetricsSystem.bootstrap(libraries)
        add(libraries)
    }
}

extension DurationHistogram: TimerHandler {
    package func recordNanoseconds(_ duration: Int64) { record(.nanoseconds(duration)) }
}
