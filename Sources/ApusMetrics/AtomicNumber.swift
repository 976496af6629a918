import CoreMetrics
import Synchronization

/// A floating-point number that is added to and set from anywhere: a counter or a gauge of swift-metrics.
final class AtomicNumber: CounterHandler, FloatingPointCounterHandler, MeterHandler, RecorderHandler {
    private let bits = Atomic<UInt64>(0)

    var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    func increment(by amount: Double) {
        var known = bits.load(ordering: .relaxed)
        while true {
            let sum = (Double(bitPattern: known) + amount).bitPattern
            let result = bits.weakCompareExchange(expected: known, desired: sum, ordering: .relaxed)
            if result.exchanged { return }
            known = result.original
        }
    }

    func increment(by amount: Int64) { increment(by: Double(amount)) }
    func decrement(by amount: Double) { increment(by: -amount) }
    func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
    func set(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }
    func record(_ value: Int64) { set(Double(value)) }
    func reset() { set(0.0) }
}

/// How many values there were, and their sum.
final class AtomicSummary: RecorderHandler {
    private let values = EventCounter()
    private let total = AtomicNumber()

    var count: Int { values.value }
    var sum: Double { total.value }

    func record(_ value: Double) {
        values.add()
        total.increment(by: value)
    }

    func record(_ value: Int64) { record(Double(value)) }
}
