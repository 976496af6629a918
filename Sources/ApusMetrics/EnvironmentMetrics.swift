/// How a call came to its environment.
package enum StartPath: Int, CaseIterable, Sendable {
    /// It was there, and idle.
    case warm
    /// A runtime that had booted ahead of demand became the function's.
    case cell
    /// A fork of a runtime that had booted.
    case zygote
    /// A fork of a process that had run the function's init.
    case template
    /// The runtime was started.
    case direct
}

/// Counts what happens to the environments of one version of a function.
package final class EnvironmentMetrics: Sendable {
    /// How long inits took that went well.
    package let initDuration = DurationHistogram()

    /// How long it took to make an environment from a snapshot.
    package let restoreDuration = DurationHistogram()

    private let starts = StartPath.allCases.map { _ in EventCounter() }

    package init() {}

    /// Calls by how they came to their environment: add to it when one is given to a call.
    package func starts(_ path: StartPath) -> EventCounter { starts[path.rawValue] }

    func collect(into collection: inout MetricCollection, labels: MetricLabels) {
        collection.add(.initDuration, labels, .histogram(initDuration.reading))
        collection.add(.restoreDuration, labels, .histogram(restoreDuration.reading))
        for path in StartPath.allCases {
            collection.add(.starts, labels.adding("path", "\(path)"), .count(starts(path).value))
        }
    }
}
