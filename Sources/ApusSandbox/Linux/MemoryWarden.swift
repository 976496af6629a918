internal import CApusLinux
import Synchronization

/// Moves the memory limits of all environments (``MemoryMeter``), on one thread.
///
/// An environment that uses less than its memory costs nothing: the kernel signals when it begins to use more. From then on it is looked
/// at every few milliseconds, until it uses less again or is frozen.
final class MemoryWarden: Sendable {
    /// At the speed of memory, far less than ``MemoryMeter`` leaves between the line and the limit.
    private static let pauseMilliseconds: Int32 = 5

    private static let bellNumber: UInt64 = 0

    private struct State {
        var meters: [UInt64: MemoryMeter] = [:]
        var watched: Set<UInt64> = []
        var unarmed: [MemoryMeter] = []
        var last = MemoryWarden.bellNumber
        var ended = false

        var awake: [(number: UInt64, meter: MemoryMeter)] {
            watched.compactMap { number in meters[number].map { (number, $0) } }.filter { !$0.meter.isPaused }
        }
    }

    private let epoll: Descriptor
    private let bell: Bell
    private let armingBell: Bell
    private let state = Mutex(State())

    init() throws(SandboxError) {
        let epoll = capus_open_epoll()
        if epoll < 0 { throw SandboxError(step: "open an epoll", subject: "the memory limits", errno: -epoll) }
        self.epoll = Descriptor(adopting: epoll)
        bell = try Bell(for: "the memory limits")
        armingBell = try Bell(for: "the memory limits")
        bell.with { add($0, isUrgent: false, MemoryWarden.bellNumber) }
    }

    func start() {
        NamedThread.start("apus-memory") { self.run() }
        NamedThread.start("apus-arming") { self.runArming() }
    }

    func end() {
        state.withLock { $0.ended = true }
        bell.ring()
        armingBell.ring()
    }

    /// Has the limit moved from now on, until ``release(_:)``.
    ///
    /// - Parameters: as of ``MemoryMeter/begin(memory:temporary:size:wake:)``.
    /// - Returns: the number to release it by; nil where it cannot be moved.
    func guardLimit(of meter: MemoryMeter, memory: Int, temporary: Int32, size: Int) -> UInt64? {
        guard meter.begin(memory: memory, temporary: temporary, size: size, wake: { self.bell.ring() }) else {
            return nil
        }
        let number = state.withLock { state in
            state.last += 1
            state.meters[state.last] = meter
            state.watched.insert(state.last)
            state.unarmed.append(meter)
            return state.last
        }
        if let signal = meter.signal() { add(signal.descriptor, isUrgent: signal.isUrgent, number) }
        _ = meter.look()
        bell.ring()
        armingBell.ring()
        return number
    }

    func release(_ number: UInt64) {
        let meter = state.withLock { state in
            state.watched.remove(number)
            return state.meters.removeValue(forKey: number)
        }
        meter?.end()
        guard let signal = meter?.signal() else { return }
        epoll.with { _ = capus_epoll_remove($0, signal.descriptor) }
    }

    private func add(_ descriptor: Int32, isUrgent: Bool, _ number: UInt64) {
        epoll.with { _ = capus_epoll_add($0, descriptor, isUrgent ? 1 : 0, number) }
    }

    // MARK: The threads

    private func run() {
        var signals = [UInt64](repeating: 0, count: 64)
        while let awake = state.withLock({ $0.ended ? nil : $0.awake }) {
            let calm = awake.filter { !$0.meter.look() }.map(\.number)
            let pause = calm.count == awake.count ? -1 : MemoryWarden.pauseMilliseconds
            state.withLock { $0.watched.subtract(calm) }
            let count = epoll.with { capus_epoll_wait($0, &signals, Int32(signals.count), pause) }
            for number in signals.prefix(Int(max(0, count))) { signalled(number) }
        }
    }

    private func signalled(_ number: UInt64) {
        if number == MemoryWarden.bellNumber { return bell.silence() }
        state.withLock { state in
            if state.meters[number] != nil { state.watched.insert(number) }
            return state.meters[number]
        }?.silence()
    }

    /// Apart from the other, since each takes some milliseconds.
    private func runArming() {
        while !state.withLock({ $0.ended }) {
            while let meter = state.withLock({ $0.unarmed.popLast() }) { meter.arm() }
            armingBell.wait()
        }
    }
}
