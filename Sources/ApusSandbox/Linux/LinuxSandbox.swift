import ApusModel
import Glibc
import Synchronization

/// One environment behind the launcher.
final class LinuxSandbox: Sandbox {
    let specification: SandboxSpecification
    let user: UInt32
    var id: String { specification.id }
    var runtimeAPIAddress: String { "127.0.0.1:9001" }

    let slot: UInt32

    private struct State: ~Copyable {
        var exit = ExitState()
        /// Until somebody takes them.
        var served: SandboxDescriptors?
        var meters: SandboxMeters?
        /// What a restart needs; the launcher forgets it.
        var kept: [Int32] = []
        /// Kills for memory before the present process began.
        var earlierKills = 0
        var closing = false
        var closed = false
        var closeWaiters: [@Sendable () -> Void] = []
    }

    private let driver: LinuxDriver
    private let state: Mutex<State>

    init(
        _ specification: SandboxSpecification, user: UInt32, slot: PreparedSlot, cgroupVersion: UInt32,
        driver: LinuxDriver
    ) {
        self.specification = specification
        self.user = user
        self.slot = slot.number
        self.driver = driver
        state = Mutex(
            State(served: slot.served, meters: SandboxMeters(slot, cgroupVersion: cgroupVersion)))
    }

    func takeDescriptors() -> SandboxDescriptors {
        let taken = state.withLock { state in
            defer { state.served = nil }
            return state.served
        }
        guard let taken else { preconditionFailure("descriptors of \(id) were taken before or it is closed") }
        return taken
    }

    func waitForExit() async -> SandboxExit {
        await withCheckedContinuation { continuation in
            let known = state.withLock { $0.exit.wait { continuation.resume(returning: $0) } }
            if let known { continuation.resume(returning: known) }
        }
    }

    func kill() {
        if state.withLock({ !$0.closing && $0.exit.exit == nil }) { driver.kill(slot) }
    }

    func restart() async throws(SandboxError) {
        kill()
        _ = await waitForExit()
        let kept: [Int32] = state.withLock { state in
            guard !state.closing else { return [] }
            state.exit.begin()
            state.earlierKills = state.meters?.memoryKills() ?? 0
            return state.kept
        }
        do throws(SandboxError) {
            try await driver.restart(self, kept: kept)
        } catch {
            ended(nil)
            throw error
        }
    }

    /// The program runs; the descriptors are for a restart.
    func started(kept: [Int32]) { state.withLock { $0.kept = kept } }

    func setCPU(millicores: Int) { state.withLock { $0.meters?.setCPU(millicores: millicores) } }

    func peakMemory() -> Int { state.withLock { $0.meters?.peak() ?? $0.exit.exit?.peakMemory ?? 0 } }

    func close() async {
        let first = state.withLock { state in
            defer { state.closing = true }
            return !state.closing
        }
        if first {
            await driver.close(self)
            finishClose()
        } else {
            await waitForClose()
        }
    }

    /// The runtime process has ended; nil when the launcher has, and everything with it.
    func ended(_ cause: SandboxExit.Cause?) {
        let (exit, waiters) = state.withLock { state in
            let killed = (state.meters?.memoryKills() ?? 0) > state.earlierKills
            let exit = SandboxExit(
                cause: cause ?? .signal(SIGKILL), outOfMemory: killed, peakMemory: state.meters?.peak() ?? 0)
            return (exit, state.exit.end(exit))
        }
        for waiter in waiters { waiter(exit) }
    }

    private func finishClose() {
        // The launcher tells of the exit before it confirms the close; this is for one that never ran.
        ended(nil)
        let (served, kept, waiters) = state.withLock { state in
            state.closed = true
            state.meters = nil
            defer {
                state.served = nil
                state.kept = []
                state.closeWaiters = []
            }
            return (state.served, state.kept, state.closeWaiters)
        }
        served?.closeAll()
        for descriptor in kept { Glibc.close(descriptor) }
        for waiter in waiters { waiter() }
    }

    private func waitForClose() async {
        await withCheckedContinuation { continuation in
            let over = state.withLock { state in
                if !state.closed { state.closeWaiters.append { continuation.resume() } }
                return state.closed
            }
            if over { continuation.resume() }
        }
    }
}

extension SandboxDescriptors {
    func closeAll() {
        for descriptor in [runtimeAPI, platformAPI, output, telemetry].compactMap(\.self) { Glibc.close(descriptor) }
    }
}
