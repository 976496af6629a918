import ApusModel
internal import CApusLinux
import Glibc
import Synchronization

/// One environment behind the launcher: started for a function, booted as a cell, or forked.
final class LinuxSandbox: Sandbox {
    let id: String
    var runtimeAPIAddress: String { "127.0.0.1:9001" }

    let slot: UInt32

    private struct State: ~Copyable {
        var exit = ExitState()
        /// Until somebody takes them.
        var served: SandboxDescriptors?
        var meters: SandboxMeters?
        /// Nil for a cell.
        var specification: SandboxSpecification?
        /// What a restart needs, see ``LauncherProtocol/Kept``; the launcher forgets it.
        var kept: [Int32] = []
        /// The control channel, while the process inside may wait on it.
        var control: Int32 = -1
        /// The environment came by a fork, and its first process still is the one that did: how it ended is told by the channel.
        var isFork = false
        /// Its origin had a function's files, and so it has them.
        var hasFiles = false
        /// Kills for memory before the present process began.
        var earlierKills = 0
        /// The memory limit's number at the warden.
        var guarded: UInt64?
        /// Between a kill and the next program nothing may be frozen: it could not die.
        var killed = false
        var closing = false
        var closed = false
        var closeWaiters: [@Sendable () -> Void] = []
    }

    private let driver: LinuxDriver
    private let state: Mutex<State>

    /// - Parameter specification: nil for what is to be specialized.
    init(
        _ id: String, _ specification: SandboxSpecification?, slot: PreparedSlot, cgroupVersion: UInt32,
        driver: LinuxDriver
    ) {
        self.id = id
        self.slot = slot.number
        self.driver = driver
        state = Mutex(
            State(
                served: slot.served, meters: SandboxMeters(slot, cgroupVersion: cgroupVersion),
                specification: specification))
    }

    // MARK: Beginnings

    /// The program runs. The launcher's descriptors are for a restart, and the control channel if there is one.
    func started(_ descriptors: [Int32], isForkable: Bool) {
        state.withLock { state in
            state.kept = descriptors
            if isForkable { state.control = state.kept.popLast() ?? -1 }
            if let specification = state.specification { guardMemory(specification, &state) }
        }
    }

    /// The environment has been forked. `descriptors` are those of a restart, the control channel and the listeners.
    func forked(_ descriptors: [Int32], hasFiles: Bool) throws(SandboxError) {
        let kept = LauncherProtocol.Kept.allCases.count
        guard descriptors.count == kept + 3 else {
            descriptors.forEach { Glibc.close($0) }
            throw SandboxError(step: "read a reply", subject: id, errno: EBADMSG)
        }
        state.withLock { state in
            state.kept = Array(descriptors.prefix(kept))
            state.control = descriptors[kept]
            state.served?.runtimeAPI = descriptors[kept + 1]
            state.served?.platformAPI = descriptors[kept + 2]
            state.isFork = true
            state.hasFiles = hasFiles
        }
    }

    func specialize(_ specification: SandboxSpecification) async throws(SandboxError) {
        try specification.check()
        let (mounts, hasFiles) = state.withLock { state in
            state.specification == nil && !state.closing ? (state.kept.first, state.hasFiles) : (nil, false)
        }
        guard let mounts else { throw SandboxError(step: "specialize", subject: id, errno: EINVAL) }
        try await driver.specialize(self, specification, mounts: mounts, hasFiles: hasFiles)
        let error = state.withLock { state in
            state.specification = specification
            guardMemory(specification, &state)
            let message = LauncherRequests.variables(specification.variables)
            let error = capus_send(state.control, message, message.count, nil, 0)
            // The channel is kept for another fork, or for the word on a fork's end.
            if !specification.isTemplate && !state.isFork { LinuxSandbox.close(&state.control) }
            return error
        }
        if error < 0 { throw SandboxError(step: "send the variables", subject: id, errno: -error) }
    }

    /// Lets `/tmp` lie beside the memory, whose limit the launcher has set.
    private func guardMemory(_ specification: SandboxSpecification, _ state: inout State) {
        let place = LauncherProtocol.Kept.temporary.rawValue
        guard let meter = state.meters?.memory, state.kept.indices.contains(place) else { return }
        state.guarded = driver.warden.guardLimit(
            of: meter, memory: specification.memory.bytes, temporary: state.kept[place],
            size: specification.temporaryBytes)
    }

    /// What a fork of the process needs.
    struct Origin: ~Copyable {
        /// The control channel.
        let channel: Descriptor
        /// The process has a function's files.
        let hasFiles: Bool
    }

    func origin() throws(SandboxError) -> Origin {
        let (channel, hasFiles) = state.withLock { state in
            (fcntl(state.control, F_DUPFD_CLOEXEC, 0), state.hasFiles || state.specification != nil)
        }
        guard channel >= 0 else { throw SandboxError(step: "fork", subject: id, errno: ESRCH) }
        return Origin(channel: Descriptor(adopting: channel), hasFiles: hasFiles)
    }

    func takeDescriptors() -> SandboxDescriptors {
        let taken = state.withLock { state in
            defer { state.served = nil }
            return state.served
        }
        guard let taken else { preconditionFailure("descriptors of \(id) were taken before or it is closed") }
        return taken
    }

    // MARK: While it runs

    func openSocket() async throws(SandboxError) -> Int32 {
        // A copy: a close does not wait for the launcher's answer.
        let place = LauncherProtocol.Kept.network.rawValue
        let copy = state.withLock { state in
            state.kept.indices.contains(place) ? fcntl(state.kept[place], F_DUPFD_CLOEXEC, 0) : -1
        }
        guard copy >= 0 else { throw SandboxError(step: "open a socket", subject: id, errno: ESRCH) }
        defer { Glibc.close(copy) }
        return try await driver.openSocket(in: self, network: copy)
    }

    func freeze() {
        state.withLock { state in
            if !state.closing, !state.killed, state.exit.exit == nil { state.meters?.freeze() }
        }
    }

    func thaw() { state.withLock { $0.meters?.thaw() } }

    func currentMemory() -> Int { state.withLock { $0.meters?.currentMemory() ?? 0 } }

    func setCPU(millicores: Int) { state.withLock { $0.meters?.setCPU(millicores: millicores) } }

    func peakMemory() -> Int { state.withLock { $0.meters?.peak() ?? $0.exit.exit?.peakMemory ?? 0 } }

    // MARK: Ends

    func waitForExit() async -> SandboxExit {
        await withCheckedContinuation { continuation in
            let known = state.withLock { $0.exit.wait { continuation.resume(returning: $0) } }
            if let known { continuation.resume(returning: known) }
        }
    }

    func terminate() {
        if state.withLock({ !$0.closing && !$0.killed && $0.exit.exit == nil }) { driver.terminate(slot) }
    }

    func kill() {
        let runs = state.withLock { state in
            state.killed = true
            return !state.closing && state.exit.exit == nil
        }
        if runs { driver.kill(slot) }
    }

    func restart() async throws(SandboxError) {
        kill()
        _ = await waitForExit()
        let (specification, kept) = state.withLock { state -> (SandboxSpecification?, [Int32]) in
            guard !state.closing, state.specification != nil else { return (nil, []) }
            state.exit.begin()
            state.killed = false
            state.meters?.thaw()
            state.earlierKills = state.meters?.memoryKills() ?? 0
            return (state.specification, state.kept)
        }
        guard let specification, !kept.isEmpty else {
            throw SandboxError(step: "restart", subject: id, errno: ESRCH)
        }
        do throws(SandboxError) {
            try await driver.restart(self, specification, kept: kept)
        } catch {
            ended(nil)
            throw error
        }
    }

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
            let told = state.isFork ? LinuxSandbox.readEnd(state.control) : nil
            LinuxSandbox.close(&state.control)
            state.isFork = false
            var exit = SandboxExit(
                cause: told ?? cause ?? .signal(SIGKILL), outOfMemory: killed, peakMemory: state.meters?.peak() ?? 0)
            exit.isLost = cause == nil
            // Nobody else may be left who could, and what is frozen ignores the kernel's kill.
            if exit.isLost { state.meters?.thaw() }
            return (exit, state.exit.end(exit))
        }
        for waiter in waiters { waiter(exit) }
    }

    /// What the first process of a fork wrote about the second; nil when it was killed.
    private static func readEnd(_ control: Int32) -> SandboxExit.Cause? {
        var words: (cause: UInt32, value: Int32) = (0, 0)
        guard recv(control, &words, 8, Int32(MSG_DONTWAIT)) == 8 else { return nil }
        return words.cause == 0 ? .code(words.value) : .signal(words.value)
    }

    private static func close(_ descriptor: inout Int32) {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
    }

    private func finishClose() {
        // The launcher tells of the exit before it confirms the close; this is for one that never ran.
        ended(nil)
        let (served, kept, waiters) = state.withLock { state in
            state.closed = true
            if let guarded = state.guarded { driver.warden.release(guarded) }
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
        for descriptor in [runtimeAPI, platformAPI, output, telemetry].compactMap(\.self) where descriptor >= 0 {
            Glibc.close(descriptor)
        }
    }
}
