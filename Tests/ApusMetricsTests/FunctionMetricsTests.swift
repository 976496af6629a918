import ApusMetrics
import ApusModel
import Testing

struct FunctionMetricsTests {
    private static let function = FunctionKey(scope: Scope(account: .standard, region: .standard), name: "f")
    private let metrics = FunctionMetrics()
    private let registry = MetricsRegistry()

    init() { registry.add(metrics) }

    private var text: String { PrometheusText(registry.read()).text }

    private func line(_ name: String, qualifier: String = "prod", _ more: String = "") -> Int? {
        let start =
            #"\#(name){account="000000000000",region="us-east-1",function="f",qualifier="\#(qualifier)"\#(more)} "#
        return text.split(separator: "\n").first { $0.hasPrefix(start) }.flatMap { Int($0.dropFirst(start.count)) }
    }

    @Test func aQualifierHasOneObject() {
        let calls = metrics.invocations(of: Self.function, qualifier: "prod")
        #expect(metrics.invocations(of: Self.function, qualifier: "prod") === calls)
        #expect(metrics.invocations(of: Self.function, qualifier: "1") !== calls)
        let environments = metrics.environments(of: Self.function, version: .latest)
        #expect(metrics.environments(of: Self.function, version: .latest) === environments)
    }

    @Test func countersAreOnThePage() {
        let calls = metrics.invocations(of: Self.function, qualifier: "prod")
        calls.invocations.add(5)
        calls.errors.add(2)
        calls.provisioned.add(3)
        calls.spillovers.add(1)
        calls.running.add(4)
        calls.duration.record(.milliseconds(1))
        #expect(line("apus_lambda_invocations_total") == 5)
        #expect(line("apus_lambda_errors_total") == 2)
        #expect(line("apus_lambda_provisioned_concurrency_invocations_total") == 3)
        #expect(line("apus_lambda_provisioned_concurrency_spillover_invocations_total") == 1)
        #expect(line("apus_lambda_concurrent_executions") == 4)
        #expect(line("apus_lambda_duration_seconds_count") == 1)
    }

    @Test(arguments: ThrottleReason.allCases)
    func throttlesAreCountedByReasonAndNowhereElse(reason: ThrottleReason) {
        metrics.invocations(of: Self.function, qualifier: "prod").throttled(reason)
        for other in ThrottleReason.allCases {
            let count = line("apus_lambda_throttles_total", #",reason="\#(other.rawValue)""#)
            #expect(count == (other == reason ? 1 : 0))
        }
        #expect(line("apus_lambda_invocations_total") == 0)
        #expect(line("apus_lambda_errors_total") == 0)
    }

    @Test(arguments: StartPath.allCases)
    func startsAreCountedByPath(path: StartPath) {
        metrics.environments(of: Self.function, version: .published(3)).starts(path).add()
        for other in StartPath.allCases {
            let count = line("apus_lambda_starts_total", qualifier: "3", #",path="\#(other)""#)
            #expect(count == (other == path ? 1 : 0))
        }
    }

    @Test func initsAndRestoresHaveDurations() {
        let environments = metrics.environments(of: Self.function, version: .latest)
        environments.initDuration.record(.milliseconds(3))
        environments.restoreDuration.record(.milliseconds(1))
        environments.restoreDuration.record(.milliseconds(1))
        #expect(line("apus_lambda_init_duration_seconds_count", qualifier: "$LATEST") == 1)
        #expect(line("apus_lambda_restore_duration_seconds_count", qualifier: "$LATEST") == 2)
    }

    @Test func aRemovedFunctionLeavesNoLabels() {
        let calls = metrics.invocations(of: Self.function, qualifier: "prod")
        _ = metrics.environments(of: Self.function, version: .latest)
        #expect(text.contains(#"function="f""#))
        metrics.remove(Self.function)
        calls.invocations.add()
        #expect(!text.contains(#"function="f""#))
    }

    @Test func aRemovedQualifierLeavesTheOthers() {
        _ = metrics.invocations(of: Self.function, qualifier: "1")
        _ = metrics.environments(of: Self.function, version: .published(1))
        _ = metrics.invocations(of: Self.function, qualifier: "prod")
        metrics.remove(Self.function, qualifier: "1")
        #expect(!text.contains(#"qualifier="1""#))
        #expect(line("apus_lambda_invocations_total") == 0)
    }

    @Test func poolsOfOneVersionAreAddedUp() {
        let version = EnvironmentGauges.Version(Self.function, .latest)
        registry.add(
            EnvironmentGauges {
                [(version, .init(starting: 1, idle: 2, busy: 3)), (version, .init(starting: 10, idle: 20, busy: 30))]
            })
        let states = ["starting", "idle", "busy"].map {
            line("apus_lambda_environments", qualifier: "$LATEST", #",state="\#($0)""#)
        }
        #expect(states == [11, 22, 33])
    }
}
