import ApusTesting
import Dispatch

/// Holds threads back until a test lets them through.
final class Gate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)

    /// How many have come to the gate.
    let arrived = Watched(0)

    func pass() {
        arrived.change { $0 += 1 }
        semaphore.wait()
    }

    func open(for count: Int = 1) {
        for _ in 0..<count { semaphore.signal() }
    }

    func waitForArrivals(_ count: Int) async throws {
        try await arrived.wait(for: "\(count) at the gate") { $0 >= count }
    }
}
