package import ApusModel

/// How many environments of a version do what.
package struct EnvironmentCounts: Equatable, Sendable {
    /// Being made, or running the function's init.
    package var starting: Int
    package var idle: Int
    package var busy: Int

    package init(starting: Int = 0, idle: Int = 0, busy: Int = 0) {
        self.starting = starting
        self.idle = idle
        self.busy = busy
    }

    package static func + (a: Self, b: Self) -> Self {
        Self(starting: a.starting + b.starting, idle: a.idle + b.idle, busy: a.busy + b.busy)
    }
}

/// Counts environments when somebody reads, so that nothing has to be counted while they change.
package final class EnvironmentGauges: MetricSource {
    package struct Version: Hashable, Sendable {
        var function: FunctionKey
        var version: FunctionVersion

        package init(_ function: FunctionKey, _ version: FunctionVersion) {
            self.function = function
            self.version = version
        }
    }

    private let count: @Sendable () -> [(Version, EnvironmentCounts)]

    /// - Parameter count: the pools now. A version has two for a while after it was changed.
    package init(count: @escaping @Sendable () -> [(Version, EnvironmentCounts)]) { self.count = count }

    package func collect(into collection: inout MetricCollection) {
        for (version, counts) in Dictionary(count(), uniquingKeysWith: +) {
            let labels = MetricLabels(version.function, qualifier: version.version.description)
            collection.add(.environments, labels.adding("state", "starting"), .count(counts.starting))
            collection.add(.environments, labels.adding("state", "idle"), .count(counts.idle))
            collection.add(.environments, labels.adding("state", "busy"), .count(counts.busy))
        }
    }
}
