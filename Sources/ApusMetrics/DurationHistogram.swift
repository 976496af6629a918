import ApusModel
import Synchronization

/// Sorts durations into fixed buckets. A record is two relaxed atomic instructions and a look through the bounds.
package final class DurationHistogram: Sendable {
    /// The upper bounds of the buckets, in nanoseconds: a warm call takes a tenth of a millisecond, the longest 15 minutes.
    private static let bounds: [Int] = [
        100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000,
        250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000, 30_000_000_000,
        60_000_000_000, 300_000_000_000, 900_000_000_000,
    ]

    /// One for each bound, and one for what is longer than all.
    private let counts = InlineArray<21, Atomic<Int>> { _ in Atomic(0) }
    private let nanoseconds = Atomic<Int>(0)

    package init() {}

    package func record(_ duration: Duration) {
        let value = Int(duration.wholeNanoseconds)
        var bucket = 0
        while bucket < Self.bounds.count, value > Self.bounds[bucket] { bucket += 1 }
        counts[bucket].wrappingAdd(1, ordering: .relaxed)
        nanoseconds.wrappingAdd(value, ordering: .relaxed)
    }

    /// What was recorded. While others record, the sum may be ahead of the counts, or behind.
    package var reading: HistogramReading {
        var total = 0
        var buckets: [HistogramReading.Bucket] = []
        for (index, bound) in Self.bounds.enumerated() {
            total += counts[index].load(ordering: .relaxed)
            buckets.append(HistogramReading.Bucket(bound: Double(bound) / 1e9, count: total))
        }
        total += counts[Self.bounds.count].load(ordering: .relaxed)
        return HistogramReading(
            buckets: buckets, count: total, sum: Double(nanoseconds.load(ordering: .relaxed)) / 1e9)
    }
}

/// A histogram at a moment.
package struct HistogramReading: Equatable, Sendable {
    package struct Bucket: Equatable, Sendable {
        /// In seconds, inclusive.
        package var bound: Double

        /// Values up to the bound, those of the buckets below among them.
        package var count: Int
    }

    package var buckets: [Bucket]
    package var count: Int

    /// In seconds.
    package var sum: Double
}
