import ApusMetrics
import ApusModel
import Glibc
import Testing

struct ProcessMetricsTests {
    private static func read() -> [String: Double] {
        var collection = MetricCollection()
        ProcessMetrics(startTime: Timestamp(milliseconds: 1_500)).collect(into: &collection)
        var values: [String: Double] = [:]
        for family in collection.families {
            switch family.samples[0].value {
            case .count(let count): values[family.description.name] = Double(count)
            case .number(let number): values[family.description.name] = number
            case .histogram, .summary: break
            }
        }
        return values
    }

    @Test func theProcessIsMeasured() throws {
        let values = Self.read()
        #expect(values["process_start_time_seconds"] == 1.5)
        #expect(try #require(values["process_cpu_seconds_total"]) > 0)
        // A process with Swift's runtime is in this range.
        #expect(try (1e6...4e9).contains(#require(values["process_resident_memory_bytes"])))
        #expect(try #require(values["process_open_fds"]) >= 3)
    }
}
