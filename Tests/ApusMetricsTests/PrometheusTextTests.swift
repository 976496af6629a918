import ApusMetrics
import Testing

struct PrometheusTextTests {
    private static func text(
        _ kind: MetricDescription.Kind, _ labels: MetricLabels, _ value: MetricSample.Value
    ) -> String {
        var collection = MetricCollection()
        collection.add(MetricDescription("m", kind, "Help."), labels, value)
        return PrometheusText(collection.families).text
    }

    @Test func aFamilyHasItsHeadOnceAndALineForEachSample() {
        let errors = MetricDescription("errors_total", .counter, "Failed calls.")
        var collection = MetricCollection()
        collection.add(errors, ["function": "a"], .count(1))
        collection.add(MetricDescription("calls", .gauge, "Calls that run."), [:], .number(0.5))
        collection.add(errors, ["function": "b", "region": "r"], .count(2))
        #expect(
            PrometheusText(collection.families).text == """
                # HELP calls Calls that run.
                # TYPE calls gauge
                calls 0.5
                # HELP errors_total Failed calls.
                # TYPE errors_total counter
                errors_total{function="a"} 1
                errors_total{function="b",region="r"} 2

                """)
    }

    @Test func valuesOfLabelsAreEscaped() {
        #expect(Self.text(.gauge, ["l": "a\"b\\c\nd é"], .count(1)).hasSuffix(#"m{l="a\"b\\c\nd é"} 1"# + "\n"))
    }

    @Test func helpIsEscapedButForQuotes() {
        var collection = MetricCollection()
        collection.add(MetricDescription("m", .gauge, "a \"b\" \\ \n c"), [:], .count(1))
        #expect(PrometheusText(collection.families).text.hasPrefix(#"# HELP m a "b" \\ \n c"# + "\n"))
    }

    @Test(arguments: [
        (0, "0"), (-2, "-2"), (0.25, "0.25"), (1e12, "1000000000000"), (1e300, "1e+300"), (.infinity, "+Inf"),
        (-.infinity, "-Inf"), (.nan, "NaN"),
    ])
    func numbersAreWritten(number: Double, text: String) {
        #expect(Self.text(.gauge, [:], .number(number)).hasSuffix("\nm \(text)\n"))
    }

    @Test func aHistogramEndsWithAllItsValues() throws {
        let histogram = DurationHistogram()
        histogram.record(.microseconds(200))
        histogram.record(.seconds(1000))
        let lines = Self.text(.histogram, ["f": "a"], .histogram(histogram.reading)).split(separator: "\n")
        #expect(lines[1] == "# TYPE m histogram")
        #expect(lines[2] == #"m_bucket{f="a",le="0.0001"} 0"#)
        #expect(lines[3] == #"m_bucket{f="a",le="0.00025"} 1"#)
        #expect(
            lines.suffix(3) == [
                #"m_bucket{f="a",le="+Inf"} 2"#, #"m_sum{f="a"} 1000.0002"#, #"m_count{f="a"} 2"#,
            ])
    }
}
