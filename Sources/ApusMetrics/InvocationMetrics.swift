package import ApusModel

/// Counts the calls of one qualifier of a function, each under the qualifier that it was called with.
///
/// Who calls often holds the object, so that counting needs no look-up, no lock and no allocation. CloudWatch's names are in
/// docs/metrics.md.
package final class InvocationMetrics: Sendable {
    /// Calls that ran, whatever became of them. Refused ones are not among them.
    package let invocations = EventCounter()

    /// Calls whose function failed: an exception, a timeout, the end of its process.
    package let errors = EventCounter()

    /// How long calls ran, without the start of their environment.
    package let duration = DurationHistogram()

    /// Calls that ran in provisioned executions.
    package let provisioned = EventCounter()

    /// Calls that ran on demand since every provisioned execution was in use.
    package let spillovers = EventCounter()

    /// Calls that were let in and have not been answered.
    package let running = Level()

    /// Throttled calls for which the machine had no memory. They are among the throttles of their reason too.
    package let memoryThrottles = EventCounter()

    private let throttles = ThrottleReason.allCases.map { (reason: $0, counter: EventCounter()) }

    package init() {}

    /// Counts a call that was refused with `TooManyRequestsException`.
    package func throttled(_ reason: ThrottleReason) {
        for entry in throttles where entry.reason == reason { entry.counter.add() }
    }

    func collect(into collection: inout MetricCollection, labels: MetricLabels) {
        collection.add(.invocations, labels, .count(invocations.value))
        collection.add(.errors, labels, .count(errors.value))
        collection.add(.duration, labels, .histogram(duration.reading))
        collection.add(.provisionedInvocations, labels, .count(provisioned.value))
        collection.add(.spilloverInvocations, labels, .count(spillovers.value))
        collection.add(.concurrentExecutions, labels, .count(running.value))
        collection.add(.memoryThrottles, labels, .count(memoryThrottles.value))
        for entry in throttles {
            collection.add(.throttles, labels.adding("reason", entry.reason.rawValue), .count(entry.counter.value))
        }
    }
}
