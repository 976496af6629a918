import Dispatch

/// Holds threads back until a test lets them through.
package final class Gate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)

    /// How many have come to the gate.
    private let arrived = Watched(0)

    package init() {}

    /// Waits to be let through; after half a minute something is wrong, and the test will say so.
    package func pass() {
        arrived.change { $0 += 1 }
        _ = semaphore.wait(timeout: .now() + 30)
    }

    package func open(for count: Int = 1) {
        for _ in 0..<count { semaphore.signal() }
    }

    /// Returns when so many have come to the gate since the beginning.
    package func waitForArrivals(_ count: Int) async throws {
        try await arrived.wait(for: "\(count) at the gate") { $0 >= count }
    }
}
