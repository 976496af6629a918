import ApusMetrics
import CoreMetrics
import Testing

struct SwiftMetricsBackendTests {
    private let backend = SwiftMetricsBackend()

    private var lines: [Substring] {
        let registry = MetricsRegistry()
        registry.add(backend)
        return PrometheusText(registry.read()).text.split(separator: "\n").filter { !$0.hasPrefix("#") }
    }

    @Test func countersAddUpUnderTheirLabels() {
        Counter(label: "http.requests", dimensions: [("status-code", "200")], factory: backend).increment()
        Counter(label: "http.requests", dimensions: [("status-code", "200")], factory: backend).increment(by: 2)
        FloatingPointCounter(label: "2nd", factory: backend).increment(by: 0.5)
        #expect(lines == ["_2nd_total 0.5", #"http_requests_total{status_code="200"} 3"#])
    }

    @Test func gaugesKeepTheLastValue() {
        let meter = Meter(label: "open", factory: backend)
        meter.set(5)
        meter.increment(by: 2)
        meter.decrement(by: 3)
        Gauge(label: "size", factory: backend).record(7)
        #expect(lines == ["open 4", "size 7"])
    }

    @Test func recordersAndTimersAreSummedUp() {
        let recorder = Recorder(label: "bytes", factory: backend)
        recorder.record(3)
        recorder.record(4.5)
        Timer(label: "wait", factory: backend).recordMilliseconds(2)
        #expect(lines.prefix(2) == ["bytes_sum 7.5", "bytes_count 2"])
        #expect(lines.suffix(2) == ["wait_seconds_sum 0.002", "wait_seconds_count 1"])
    }

    @Test func aDestroyedMetricIsGone() {
        let counter = Counter(label: "a", factory: backend)
        counter.increment()
        Timer(label: "b", factory: backend).recordSeconds(1)
        counter.destroy()
        #expect(!lines.contains { $0.hasPrefix("a") })
        #expect(!lines.isEmpty)
    }

    @Test func everyAdditionOfManyThreadsCounts() async {
        let counter = FloatingPointCounter(label: "a", factory: backend)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { for _ in 0..<5000 { counter.increment(by: 0.5) } }
            }
        }
        #expect(lines == ["a_total 20000"])
    }
}
