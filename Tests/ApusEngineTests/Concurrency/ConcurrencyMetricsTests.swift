import ApusEngine
import ApusMetrics
import ApusModel
import Testing

struct ConcurrencyMetricsTests {
    private let calls = InvocationMetrics()

    @Test(arguments: [
        (ConcurrencyState.Ticket.Execution.onDemand, 0, 0), (.provisioned, 1, 0), (.spillover, 0, 1),
    ])
    func aCallIsCountedWhenItHasEnded(
        execution: ConcurrencyState.Ticket.Execution, provisioned: Int, spillovers: Int
    ) {
        calls.began()
        #expect((calls.running.value, calls.invocations.value) == (1, 0))
        calls.ended(execution, duration: .milliseconds(5), failed: false)
        #expect((calls.running.value, calls.invocations.value, calls.errors.value) == (0, 1, 0))
        #expect((calls.provisioned.value, calls.spillovers.value) == (provisioned, spillovers))
        #expect(calls.duration.reading.sum == 0.005)
    }

    @Test func aFailedCallIsAnInvocationToo() {
        calls.began()
        calls.ended(.onDemand, duration: .zero, failed: true)
        #expect((calls.invocations.value, calls.errors.value) == (1, 1))
    }

    @Test func callsThatDidNotRunAreNoInvocations() {
        calls.began()
        calls.abandoned()
        calls.refused(.scalingRate)
        #expect((calls.running.value, calls.invocations.value, calls.errors.value) == (0, 0, 0))
    }

    @Test(arguments: Throttle.allCases)
    func fullMemoryIsCountedBesideItsReason(throttle: Throttle) {
        calls.refused(throttle)
        #expect(calls.memoryThrottles.value == (throttle == .machineMemory ? 1 : 0))
    }

    @Test func readingsOfAnAccountAreOnThePage() {
        var account = Account(executions: 100)
        account.reserve(20, "r")
        account.provision(4, "f", "prod", available: 4)
        account.enter("f", "prod")
        account.enter("f")
        let reading = account.reading
        let scope = Scope(account: .standard, region: .standard)
        let registry = MetricsRegistry()
        registry.add(ConcurrencyGauges { [(scope, reading)] })
        let lines = PrometheusText(registry.read()).text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        let labels = #"account="000000000000",region="us-east-1""#
        #expect(
            lines == [
                "apus_lambda_account_concurrent_executions{\(labels)} 2",
                "apus_lambda_claimed_account_concurrency{\(labels)} 25",
                "apus_lambda_provisioned_concurrency_utilization{\(labels),function=\"f\",qualifier=\"prod\"} 0.25",
                "apus_lambda_provisioned_concurrent_executions{\(labels)} 1",
                "apus_lambda_unreserved_concurrent_executions{\(labels)} 1",
            ])
    }
}
