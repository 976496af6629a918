import Synchronization

/// Counts events. An addition is one relaxed atomic instruction.
package final class EventCounter: Sendable {
    private let count = Atomic<Int>(0)

    package init() {}

    package var value: Int { count.load(ordering: .relaxed) }

    /// - Parameter amount: not negative.
    package func add(_ amount: Int = 1) { count.wrappingAdd(amount, ordering: .relaxed) }
}

/// A number that goes up and down, such as how many calls run.
package final class Level: Sendable {
    private let level = Atomic<Int>(0)

    package init() {}

    package var value: Int { level.load(ordering: .relaxed) }

    package func add(_ amount: Int = 1) { level.wrappingAdd(amount, ordering: .relaxed) }
    package func subtract(_ amount: Int = 1) { level.wrappingSubtract(amount, ordering: .relaxed) }
}
