import Glibc
import Synchronization

/// One process environment.
final class ProcessSandbox: Sandbox {
    let id: String
    var runtimeAPIAddress: String { place.runtimeAPIAddress }

    private struct State: Sendable {
        var exit = ExitState()
        var served: SandboxDescriptors?
        /// The leader of the group; 0 while there is none.
        var process: pid_t = 0
        var closed = false
    }

    private let program: ProcessProgram
    private let place: ProcessPlace
    private let driver: ProcessDriver
    private let state: Mutex<State>

    init(_ program: ProcessProgram, id: String, place: ProcessPlace, driver: ProcessDriver) {
        self.id = id
        self.program = program
        self.place = place
        self.driver = driver
        state = Mutex(State(served: place.served))
    }

    func takeDescriptors() -> SandboxDescriptors {
        let taken = state.withLock { state in
            defer { state.served = nil }
            return state.served
        }
        guard let taken else { preconditionFailure("descriptors of \(id) were taken before or it is closed") }
        return taken
    }

    /// Starts the program. An unsuitable one is an exit, not an error, as with the other driver.
    func run(_ watcher: ExitWatcher) throws(SandboxError) {
        // Under the lock, so that a close finds the process or prevents it.
        let process: Int32? = state.withLock { state in
            guard !state.closed else { return nil }
            state.exit.begin()
            let process = program.spawn(output: place.output, telemetry: place.telemetry)
            if process > 0 { state.process = process }
            return process
        }
        guard let process else { throw SandboxError(step: "run", subject: id, errno: ESRCH) }
        guard process > 0 else { return ended(.notExecutable(-process)) }
        do throws(SandboxError) {
            try watcher.watch(process) { [self] in reap() }
        } catch {
            reap()
            throw error
        }
    }

    func waitForExit() async -> SandboxExit {
        await withCheckedContinuation { continuation in
            let known = state.withLock { $0.exit.wait { continuation.resume(returning: $0) } }
            if let known { continuation.resume(returning: known) }
        }
    }

    func restart() async throws(SandboxError) {
        kill()
        _ = await waitForExit()
        try driver.watch(self)
    }

    func terminate() {
        state.withLock { state in
            if state.process > 0 { Glibc.kill(state.process, SIGTERM) }
        }
    }

    /// Under the lock, so that the leader is not reaped meanwhile and its number given to others.
    func kill() {
        state.withLock { state in
            if state.process > 0 { Glibc.kill(-state.process, SIGKILL) }
        }
    }

    func specialize(_ specification: SandboxSpecification) async throws(SandboxError) {
        throw SandboxError(step: "specialize", subject: id, errno: ENOTSUP)
    }

    func openSocket() async throws(SandboxError) -> Int32 {
        let opened = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard opened >= 0 else { throw SandboxError(step: "open a socket", subject: id, errno: errno) }
        return opened
    }

    func freeze() {}
    func thaw() {}
    func setCPU(millicores: Int) {}
    func currentMemory() -> Int { 0 }

    func peakMemory() -> Int { state.withLock { $0.exit.exit?.peakMemory ?? 0 } }

    func close() async {
        let first = state.withLock { state in
            defer { state.closed = true }
            return !state.closed
        }
        guard first else { return }
        kill()
        if state.withLock({ $0.process > 0 && $0.exit.exit == nil }) { _ = await waitForExit() }
        let served = state.withLock { state in
            defer { state.served = nil }
            return state.served
        }
        served?.closeAll()
        place.remove()
        driver.closed(self)
    }

    /// The leader has ended. What it left behind goes with it, while its number still belongs to the group.
    private func reap() {
        let cause = state.withLock { state in
            Glibc.kill(-state.process, SIGKILL)
            defer { state.process = 0 }
            return ProcessSandbox.wait(state.process)
        }
        ended(cause)
    }

    private static func wait(_ process: pid_t) -> SandboxExit.Cause {
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 {
            if errno != EINTR { return .signal(SIGKILL) }
        }
        let signal = status & 0x7F
        return signal == 0 ? .code((status >> 8) & 0xFF) : .signal(signal)
    }

    private func ended(_ cause: SandboxExit.Cause) {
        let exit = SandboxExit(cause: cause, outOfMemory: false, peakMemory: 0)
        let waiters = state.withLock { $0.exit.end(exit) }
        for waiter in waiters { waiter(exit) }
    }
}
