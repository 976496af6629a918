import ApusMetrics
import Dispatch
import Testing

struct InstrumentTests {
    @Test func everyAdditionOfManyThreadsCounts() {
        let (counter, level, histogram) = (EventCounter(), Level(), DurationHistogram())
        let each = 250_000
        // Threads rather than tasks, which may well take turns on one.
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for _ in 0..<each {
                counter.add()
                level.add(3)
                level.subtract(2)
                histogram.record(.milliseconds(1))
            }
        }
        #expect(counter.value == 8 * each)
        #expect(level.value == 8 * each)
        #expect(histogram.reading.count == 8 * each)
        #expect(histogram.reading.sum == Double(8 * each) / 1000)
    }

    @Test(arguments: [
        (Duration.zero, 0.0001), (.microseconds(100), 0.0001), (.nanoseconds(100_001), 0.00025),
        (.milliseconds(1), 0.001),
        (.milliseconds(3), 0.005), (.seconds(1), 1), (.seconds(900), 900),
    ])
    func aDurationCountsFromTheFirstBoundThatHoldsIt(duration: Duration, bound: Double) {
        let histogram = DurationHistogram()
        histogram.record(duration)
        for bucket in histogram.reading.buckets {
            #expect(bucket.count == (bucket.bound >= bound ? 1 : 0), "\(bucket.bound)")
        }
    }

    @Test func whatIsLongerThanAllBoundsIsCountedAllTheSame() {
        let histogram = DurationHistogram()
        histogram.record(.seconds(901))
        #expect(histogram.reading.buckets.allSatisfy { $0.count == 0 })
        #expect(histogram.reading.count == 1)
        #expect(histogram.reading.sum == 901)
    }
}
