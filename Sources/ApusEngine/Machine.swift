import ApusModel
import Synchronization

/// The memory of the host, for all pools together.
final class Machine: Sendable {
    /// Nil where the host does not tell; then everything may start.
    private let memory: Mutex<MachineMemory?>
    private let read: @Sendable () -> MemoryReading?
    private let time: any TimeSource

    init(time: any TimeSource, read: @escaping @Sendable () -> MemoryReading? = MemoryReading.current) {
        self.time = time
        self.read = read
        memory = Mutex(read().map { MachineMemory($0, now: time.monotonic) })
    }

    /// Whether an environment of that size may start. Unless not, each call is followed by one of ``settled(expecting:)``.
    ///
    /// - Parameters:
    ///   - growth: what the environments that run calls may still add; asked for now and then.
    ///   - reclaimable: what idle environments use.
    func start(expecting bytes: Int, growth: () -> Int, reclaimable: () -> Int) -> MachineMemory.Decision {
        let now = time.monotonic
        if memory.withLock({ $0?.isStale(now: now) ?? false }) { update(growth: growth(), now: now) }
        // Summed up only where it decides.
        let idle = memory.withLock { $0?.shortage(starting: bytes) ?? 0 } > 0 ? reclaimable() : 0
        return memory.withLock { memory in
            let decision = memory?.mayStart(expecting: bytes, reclaimable: idle) ?? .yes
            if decision != .no { memory?.started(expecting: bytes) }
            return decision
        }
    }

    /// What has started has ended its first call, waits for it, or is gone.
    func settled(expecting bytes: Int) { memory.withLock { $0?.settled(expecting: bytes) } }

    /// How short memory is, and how many bytes are wanted back.
    func pressure(growth: Int) -> (pressure: MachineMemory.Pressure, shortage: Int) {
        update(growth: growth, now: time.monotonic)
        return memory.withLock { ($0?.pressure ?? .none, $0?.shortage ?? 0) }
    }

    private func update(growth: Int, now: Duration) {
        guard let reading = read() else { return }
        memory.withLock { $0?.update(reading, growth: growth, now: now) }
    }
}

/// The machine as one pool sees it.
struct MachineShare: Sendable {
    /// Whether an environment of that size may start; closes idle ones of other pools when that makes the room.
    var mayStart: @Sendable (_ expecting: Int) -> Bool
    var settled: @Sendable (_ expecting: Int) -> Void

    func mayStart(expecting bytes: Int) -> Bool { mayStart(bytes) }
    func settled(expecting bytes: Int) { settled(bytes) }
}
