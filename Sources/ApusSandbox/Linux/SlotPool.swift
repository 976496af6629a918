import Synchronization

/// Keeps a few slots ready. Refills one at a time and only while no start waits, since the launcher has one thread.
final class SlotPool: Sendable {
    private struct State: Sendable {
        var ready: [PreparedSlot] = []
        var refilling = false
        var starts = 0
        var closed = false
    }

    private let connection: LauncherConnection
    private let purpose: LauncherProtocol.SlotPurpose
    private let size: Int
    private let state = Mutex(State())

    init(connection: LauncherConnection, purpose: LauncherProtocol.SlotPurpose, size: Int) {
        self.connection = connection
        self.purpose = purpose
        self.size = size
    }

    /// A ready slot or a new one. Each take is followed by one `startEnded`.
    func take() async throws(SandboxError) -> PreparedSlot {
        let ready = state.withLock { state in
            state.starts += 1
            return state.ready.popLast()
        }
        if let ready { return ready }
        return try PreparedSlot(try await connection.request(LauncherProtocol.Kind.prepare, request), for: purpose)
    }

    func startEnded() {
        state.withLock { $0.starts -= 1 }
        refill()
    }

    func refill() {
        let wanted = state.withLock { state in
            guard !state.refilling, !state.closed, state.starts == 0, state.ready.count < size else { return false }
            state.refilling = true
            return true
        }
        guard wanted else { return }
        connection.send(LauncherProtocol.Kind.prepare, request) { [self] in refilled($0) }
    }

    /// Forgets the slots of a launcher that is gone.
    func empty() {
        let lost = state.withLock { state in
            defer { state.ready = [] }
            return state.ready
        }
        lost.forEach { $0.discard() }
    }

    /// The launcher gives back what belongs to the slots when it ends; the pool closes its own ends.
    func close() {
        let ready = state.withLock { state in
            state.closed = true
            defer { state.ready = [] }
            return state.ready
        }
        ready.forEach { $0.discard() }
    }

    private var request: LauncherFields {
        var fields = LauncherFields()
        fields.put(purpose.rawValue)
        return fields
    }

    private func refilled(_ result: Result<LauncherConnection.Reply, SandboxError>) {
        // A failed refill is not repeated by itself; the next start meets the error and tells of it.
        let slot = try? PreparedSlot(result.get(), for: purpose)
        let surplus = state.withLock { state in
            state.refilling = false
            guard let slot, !state.closed else { return slot }
            state.ready.append(slot)
            return nil
        }
        surplus?.discard()
        if slot != nil { refill() }
    }
}
