import ApusModel
package import ApusSandbox
import Foundation
import Glibc
import Synchronization

/// Starts environments without processes: a program of the test's plays the runtime, on a thread, over real sockets and pipes.
/// In a cell or a fork it begins when that is specialized.
package final class ScriptedDriver: SandboxDriver {
    /// Runs once for each process; returns its exit code. It has to end when ``ScriptedRuntime/isKilled`` is true.
    package typealias Program = @Sendable (ScriptedRuntime) throws -> Int32

    /// What a test wants to happen at other moments.
    package struct Hooks: Sendable {
        /// An error makes the start fail.
        package var beforeStart: @Sendable (SandboxSpecification) async -> SandboxError? = { _ in nil }
        package var beforeRestart: @Sendable (ScriptedSandbox) async -> SandboxError? = { _ in nil }
        package var beforeBoot: @Sendable (CellSpecification) async -> SandboxError? = { _ in nil }
        package var beforeSpecialize: @Sendable (ScriptedSandbox, SandboxSpecification) async -> SandboxError? = {
            _, _ in nil
        }
        /// The origin.
        package var beforeFork: @Sendable (ScriptedSandbox) async -> SandboxError? = { _ in nil }
        package var beforeClose: @Sendable (ScriptedSandbox) async -> Void = { _ in }

        package init() {}
    }

    package let name = "scripted"
    package let probes: [Probe] = []
    package let makesCells: Bool

    /// Every environment that was started, booted or forked, in order.
    package let sandboxes = Watched<[ScriptedSandbox]>([])

    /// The ids of those that were closed.
    package let closed = Watched<[String]>([])
    package let isShutDown = Watched(false)

    fileprivate let hooks: Hooks
    fileprivate let program: Program

    package init(hooks: Hooks = Hooks(), makesCells: Bool = false, program: @escaping Program) {
        self.hooks = hooks
        self.makesCells = makesCells
        self.program = program
    }

    package func start(_ specification: SandboxSpecification) async throws(SandboxError) -> any Sandbox {
        if let error = await hooks.beforeStart(specification) { throw error }
        let sandbox = try open(specification.id, .started, specification)
        sandbox.run()
        return sandbox
    }

    package func boot(_ specification: CellSpecification) async throws(SandboxError) -> any Sandbox {
        guard makesCells else { throw SandboxError(step: "boot", subject: specification.id, errno: ENOTSUP) }
        if let error = await hooks.beforeBoot(specification) { throw error }
        return try open(specification.id, .booted(specification))
    }

    package func fork(_ origin: any Sandbox, as id: String) async throws(SandboxError) -> any Sandbox {
        guard makesCells, let origin = origin as? ScriptedSandbox else {
            throw SandboxError(step: "fork", subject: origin.id, errno: ENOTSUP)
        }
        if let error = await hooks.beforeFork(origin) { throw error }
        if origin.hasEnded { throw SandboxError(step: "fork", subject: origin.id, errno: ESRCH) }
        return try open(id, .forked(from: origin.id))
    }

    private func open(
        _ id: String, _ origin: ScriptedSandbox.Origin, _ specification: SandboxSpecification? = nil
    ) throws(SandboxError) -> ScriptedSandbox {
        do {
            let sandbox = try ScriptedSandbox(id, origin, specification, driver: self)
            sandboxes.change { $0.append(sandbox) }
            return sandbox
        } catch {
            throw SandboxError(step: "listen", subject: id, errno: errno)
        }
    }

    package func shutdown() async {
        isShutDown.change { $0 = true }
        for sandbox in sandboxes.value { await sandbox.close() }
    }
}

package final class ScriptedSandbox: Sandbox {
    /// How it began.
    package enum Origin: Equatable, Sendable {
        case started
        case booted(CellSpecification)
        case forked(from: String)
    }

    private struct State {
        var specification: SandboxSpecification?
        var descriptors: SandboxDescriptors?
        var runtime: ScriptedRuntime?
        var processes = 0
        var exit: SandboxExit?
        var waiters: [CheckedContinuation<SandboxExit, Never>] = []
        var isClosed = false
    }

    package let id: String
    package let origin: Origin

    /// Each CPU share that was set, in thousandths of a core.
    package let shares = Watched<[Int]>([])
    package let memory = Watched(33 << 20)

    /// How often the program was asked to end.
    package let terminations = Watched(0)

    /// How often the supervisor killed what ran.
    package let kills = Watched(0)

    /// Each freeze (true) and thaw (false), in order.
    package let freezes = Watched<[Bool]>([])

    private let driver: ScriptedDriver
    private let listener: LoopbackListener
    private let output: (read: Int32, write: Int32)
    private let telemetry: (read: Int32, write: Int32)
    private let state = Mutex(State())

    /// Nil for a cell that is nobody's yet.
    package var function: SandboxSpecification? { state.withLock { $0.specification } }

    /// It comes from a process that is a function's already.
    package var isForkOfTemplate: Bool {
        guard case .forked(let origin) = origin else { return false }
        return driver.sandboxes.value.contains { $0.id == origin && $0.function != nil }
    }

    /// Of an environment that is somebody's.
    package var specification: SandboxSpecification { function! }

    package var hasEnded: Bool { state.withLock { $0.exit != nil } }

    package var runtimeAPIAddress: String { "127.0.0.1:\(listener.port)" }

    /// How many processes have been started in it.
    package var processes: Int { state.withLock { $0.processes } }

    init(_ id: String, _ origin: Origin, _ specification: SandboxSpecification?, driver: ScriptedDriver) throws {
        self.id = id
        self.origin = origin
        self.driver = driver
        listener = try LoopbackListener()
        output = try Self.pipe()
        telemetry = try Self.pipe()
        state.withLock { [listener, output, telemetry] in
            $0.specification = specification
            $0.descriptors = SandboxDescriptors(
                runtimeAPI: listener.descriptor, platformAPI: nil, output: output.read, telemetry: telemetry.read)
        }
    }

    /// The reading end does not block; the writing end does, as a function's standard output does.
    private static func pipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        guard Glibc.pipe(&ends) == 0 else { throw LoopbackError(step: "make a pipe", errno: errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
        return (ends[0], ends[1])
    }

    /// Runs the driver's program as the environment's process.
    func run() {
        let runtime = state.withLock { state in
            state.processes += 1
            state.exit = nil
            let runtime = ScriptedRuntime(
                specification: state.specification!, process: state.processes, port: listener.port,
                output: output.write,
                telemetry: telemetry.write)
            state.runtime = runtime
            return runtime
        }
        // A thread of its own: the program waits in blocking calls.
        Thread.detachNewThread { [self] in
            var exit = ScriptedRuntime.Exit(.code(1))
            do {
                exit = ScriptedRuntime.Exit(.code(try driver.program(runtime)))
            } catch let error as ScriptedRuntime.Exit {
                exit = error
            } catch {
                // Its connection was closed.
            }
            if runtime.isKilled { exit.cause = .signal(SIGKILL) }
            runtime.disconnect()
            ended(SandboxExit(cause: exit.cause, outOfMemory: exit.outOfMemory, peakMemory: memory.value))
        }
    }

    package func specialize(_ specification: SandboxSpecification) async throws(SandboxError) {
        if let error = await driver.hooks.beforeSpecialize(self, specification) { throw error }
        let isCell = state.withLock { state in
            guard state.specification == nil, state.exit == nil else { return false }
            state.specification = specification
            return true
        }
        guard isCell else { throw SandboxError(step: "specialize", subject: id, errno: EINVAL) }
        run()
    }

    private func ended(_ exit: SandboxExit) {
        let waiters = state.withLock { state in
            state.exit = exit
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(returning: exit) }
    }

    package func takeDescriptors() -> SandboxDescriptors {
        state.withLock { state in
            defer { state.descriptors = nil }
            return state.descriptors!
        }
    }

    package func waitForExit() async -> SandboxExit {
        await withCheckedContinuation { continuation in
            let exit = state.withLock { state in
                if state.exit == nil { state.waiters.append(continuation) }
                return state.exit
            }
            if let exit { continuation.resume(returning: exit) }
        }
    }

    package func restart() async throws(SandboxError) {
        kill()
        _ = await waitForExit()
        if let error = await driver.hooks.beforeRestart(self) { throw error }
        run()
    }

    package func terminate() {
        terminations.change { $0 += 1 }
        state.withLock { $0.runtime }?.terminate()
    }

    package func kill() {
        let (runtime, isAlive) = state.withLock { ($0.runtime, $0.exit == nil) }
        kills.change { $0 += 1 }
        if let runtime {
            runtime.kill()
        } else if isAlive {
            ended(SandboxExit(cause: .signal(SIGKILL), outOfMemory: false, peakMemory: memory.value))
        }
    }

    /// Has gone, with everything in it, as when the driver's own process ends.
    package func lose() {
        ended(SandboxExit(cause: .signal(SIGKILL), isLost: true, outOfMemory: false, peakMemory: 0))
    }

    package func openSocket() async throws(SandboxError) -> Int32 {
        let opened = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard opened >= 0 else { throw SandboxError(step: "open a socket", subject: id, errno: errno) }
        return opened
    }

    package func freeze() { freezes.change { $0.append(true) } }
    package func thaw() { freezes.change { $0.append(false) } }
    package func currentMemory() -> Int { memory.value }

    package func setCPU(millicores: Int) { shares.change { $0.append(millicores) } }
    package func peakMemory() -> Int { memory.value }

    package func close() async {
        let (isFirst, untaken) = state.withLock { state in
            defer { (state.isClosed, state.descriptors) = (true, nil) }
            return (!state.isClosed, state.descriptors)
        }
        guard isFirst else { return }
        await driver.hooks.beforeClose(self)
        kill()
        _ = await waitForExit()
        for descriptor in [output.write, telemetry.write] { Glibc.close(descriptor) }
        if let untaken {
            for descriptor in [untaken.runtimeAPI, untaken.output, untaken.telemetry] { Glibc.close(descriptor) }
        }
        driver.closed.change { $0.append(id) }
    }
}
