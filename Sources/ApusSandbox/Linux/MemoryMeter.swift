internal import CApusLinux
import Glibc
import Synchronization

/// The memory of one environment: what it uses, and where its limit is.
///
/// A function has `/tmp` beside its memory, and the kernel charges both to one group. So what may be used is the memory and what
/// `/tmp` holds now: the *line*. The kernel's limit lies a little above it, since a write to `/tmp` must not meet the limit before
/// anybody has looked. Whoever has crossed the line without a file to show for it is brought down to it, or killed by the kernel
/// at the next page. ``MemoryWarden`` says when to look; docs/decisions/0005 says why it is done so.
final class MemoryMeter: Sendable {
    /// How far beyond the line the kernel's limit is: what can be written to `/tmp` between two looks, and the most by which
    /// memory can exceed its limit until the next.
    private static let slack = 64 << 20

    private struct State: ~Copyable {
        var memory = 0
        var ceiling = 0
        /// The root of `/tmp`, which is the sandbox's.
        var temporary: Int32 = -1
        /// v1 `cgroup.event_control`, used once; v2 `memory.high`.
        var notice: Descriptor?
        /// Rings when the group begins to use more than the memory (v1).
        var event: Descriptor?
        var armed = false
        /// The kernel's limit; nil when it is not known for sure.
        var limit: Int?
        /// The most that `/tmp` has held, and that was used beside it, whenever somebody looked.
        var mostHeld = 0
        var mostUsed = 0
        var paused = false
        var watched = false
        var wake: @Sendable () -> Void = {}

        /// What `/tmp` holds, in bytes.
        func held() -> Int {
            var found = statvfs()
            guard fstatvfs(temporary, &found) == 0 else { return 0 }
            return max(0, Int(found.f_blocks) - Int(found.f_bfree)) * Int(found.f_frsize)
        }
    }

    private let peakFile: Descriptor?
    private let usageFile: Descriptor?
    private let limitFile: Descriptor?
    private let events: Descriptor?
    private let cgroupVersion: UInt32
    private let state: Mutex<State>

    init(_ slot: PreparedSlot, cgroupVersion: UInt32) {
        peakFile = Descriptor?(found: slot[.peak])
        usageFile = Descriptor?(found: slot[.usage])
        limitFile = Descriptor?(found: slot[.limit])
        events = Descriptor?(found: slot[.oom])
        self.cgroupVersion = cgroupVersion
        state = Mutex(State(notice: Descriptor?(found: slot[.notice])))
    }

    /// What is used now, `/tmp` included, in bytes.
    func used() -> Int { usageFile?.number() ?? 0 }

    /// The most that was used, without what `/tmp` held: the kernel's peak less the most that `/tmp` has held, and never less than was
    /// seen at any look. Of a function that fills `/tmp` at one time and its memory at another, that is too little by what `/tmp`
    /// held in between looks at the most.
    func peak() -> Int {
        let kernel = peakFile?.number() ?? 0
        return state.withLock { state in
            guard state.memory > 0 else { return kernel }
            note(&state, used: used(), held: state.held())
            return min(state.memory, max(kernel - state.mostHeld, state.mostUsed))
        }
    }

    /// How often the kernel has killed something for the limit: a line `oom_kill N` in both versions' files.
    func kills() -> Int {
        guard let text = events?.text() else { return 0 }
        let line = text.split(separator: "\n").first { $0.hasPrefix("oom_kill ") }
        return line.flatMap { Int($0.dropFirst("oom_kill ".count)) } ?? 0
    }

    private func note(_ state: inout State, used: Int, held: Int) {
        state.mostHeld = max(state.mostHeld, held)
        state.mostUsed = max(state.mostUsed, used - held)
    }

    // MARK: The line

    /// Begins to move the limit, which the launcher has set to the memory.
    ///
    /// - Parameters:
    ///   - temporary: the root of `/tmp`, to stay open until ``end()``.
    ///   - size: of `/tmp`, in bytes.
    ///   - wake: called when the meter is to be looked at, after a pause.
    /// - Returns: false where the group's files are missing; the limit stays, and what `/tmp` holds counts as memory.
    func begin(memory: Int, temporary: Int32, size: Int, wake: @escaping @Sendable () -> Void) -> Bool {
        guard usageFile != nil, limitFile != nil else { return false }
        let event = cgroupVersion == 1 ? capus_open_event() : -1
        state.withLock { state in
            state.memory = memory
            state.ceiling = memory + size
            state.limit = memory
            state.event = Descriptor?(found: event)
            state.temporary = temporary
            state.wake = wake
        }
        return true
    }

    /// The limit stays where it is from here on.
    func end() { state.withLock { $0.temporary = -1 } }

    /// What tells that more than the memory is used, for epoll.
    func signal() -> (descriptor: Int32, isUrgent: Bool)? {
        let descriptor = cgroupVersion == 2 ? events?.with(\.self) : state.withLock { $0.event?.with(\.self) }
        return descriptor.map { ($0, cgroupVersion == 2) }
    }

    /// Asks the kernel for the signal. In v1 this waits for an RCU grace period, about 10 ms.
    func arm() {
        if cgroupVersion == 1 {
            let request = state.withLock { state in
                state.event?.with { event in usageFile?.with { "\(event) \($0) \(state.memory)" } ?? "" } ?? ""
            }
            guard let notice = state.withLock({ $0.notice.take() }), notice.put(request) else { return }
        }
        state.withLock { $0.armed = true }
    }

    /// Takes the signal back, so that the next one is seen.
    func silence() {
        if cgroupVersion == 2 { _ = kills() }
        var count: UInt64 = 0
        state.withLock { state in state.event?.with { _ = read($0, &count, 8) } }
    }

    /// While it is frozen, nothing changes.
    func pause(_ paused: Bool) {
        let wake = state.withLock { state in
            state.paused = paused
            return !paused && state.watched ? state.wake : nil
        }
        wake?()
    }

    var isPaused: Bool { state.withLock { $0.paused } }

    /// Moves the limit to where it belongs now. Some microseconds.
    ///
    /// - Returns: whether it may have to be moved again before there is a signal.
    func look() -> Bool {
        state.withLock { state in
            guard state.temporary >= 0 else { return false }
            let held = state.held()
            let line = state.memory + held
            var used = used()
            note(&state, used: used, held: held)
            if used > line {
                bringDown(&state, to: line)
                used = self.used()
            }
            if used <= line { setLimit(&state, min(line + MemoryMeter.slack, state.ceiling)) }
            if cgroupVersion == 2 { state.notice?.put("\(line)") }
            state.watched = !state.armed || used >= state.memory
            return state.watched
        }
    }

    private func setLimit(_ state: inout State, _ limit: Int) {
        if state.limit != limit { state.limit = limitFile?.put("\(limit)") == true ? limit : nil }
    }

    /// What is used includes files of the host that are only cached; asked to, the kernel drops these.
    private func bringDown(_ state: inout State, to line: Int) {
        state.limit = nil
        if cgroupVersion == 2 {
            // Kills when that is not enough.
            limitFile?.put("\(line)")
            return
        }
        // No further: from here on the next page is what kills. It may be a moment too late for what was read.
        for spare in [0, 256 << 10, 1 << 20, 4 << 20] {
            if limitFile?.put("\(min(used() + spare, state.ceiling))") == true { break }
        }
        // Fails, and changes nothing, when there is not so much to drop. Some room, or the next file read would be here at once.
        limitFile?.put("\(line - state.memory / 16)")
    }
}
