package import ApusMetrics
package import ApusModel

/// What ``ConcurrencyState`` knows, for whoever reads metrics.
package final class ConcurrencyGauges: MetricSource {
    private let states: @Sendable () -> [(Scope, ConcurrencyState.Reading)]

    /// - Parameter states: one reading for each account and region.
    package init(states: @escaping @Sendable () -> [(Scope, ConcurrencyState.Reading)]) { self.states = states }

    package func collect(into collection: inout MetricCollection) {
        for (scope, reading) in states() {
            let labels = MetricLabels(scope)
            collection.add(.accountConcurrentExecutions, labels, .count(reading.concurrentExecutions))
            collection.add(.unreservedConcurrentExecutions, labels, .count(reading.unreservedConcurrentExecutions))
            collection.add(.claimedAccountConcurrency, labels, .count(reading.claimedAccountConcurrency))
            collection.add(.provisionedConcurrentExecutions, labels, .count(reading.provisionedConcurrentExecutions))
            for provision in reading.provisioned {
                let function = FunctionKey(scope: scope, name: provision.function)
                collection.add(
                    .provisionedConcurrencyUtilization, MetricLabels(function, qualifier: provision.qualifier),
                    .number(provision.utilization))
            }
        }
    }
}
