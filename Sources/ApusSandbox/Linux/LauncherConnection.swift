internal import CApusLinux
import Glibc
import Synchronization

/// The supervisor's end of the launcher's socket: requests out from any thread, replies and exits in on one of its own.
final class LauncherConnection: Sendable {
    /// What the launcher answered. The descriptors are the receiver's.
    struct Reply: Sendable {
        var fields: LauncherReader
        var descriptors: [Int32]
    }

    typealias Completion = @Sendable (Result<Reply, SandboxError>) -> Void

    /// The launcher's word on the end of an environment, or nil when the launcher itself is gone.
    typealias ExitHandler = @Sendable (SandboxExit.Cause?) -> Void

    private struct Packet: Sendable {
        var request: UInt32
        var bytes: [UInt8]
        var descriptors: [Int32]
    }

    private struct State: Sendable {
        var nextRequest: UInt32 = 1
        var pending: [UInt32: Completion] = [:]
        var exits: [UInt32: ExitHandler] = [:]
        /// What did not fit into the socket's buffer, oldest first.
        var unsent: [Packet] = []
        var closed = false
        var atEnd: [@Sendable () -> Void] = []
    }

    private let socket: Descriptor
    private let process: pid_t
    /// Wakes the thread when there is something unsent.
    private let wake: Descriptor
    private let state = Mutex(State())

    init(_ launcher: consuming Launcher) throws(SandboxError) {
        let event = capus_open_event()
        if event < 0 { throw SandboxError(step: "open an eventfd", subject: "the launcher", errno: -event) }
        wake = Descriptor(adopting: event)
        process = launcher.process
        socket = launcher.takeSocket()
    }

    // MARK: Requests

    /// Sends a request; the completion runs once, on the reading thread or, when nothing could be sent, here.
    ///
    /// - Parameter descriptors: they go along and stay the caller's; they must stay open until the completion.
    func send(
        _ kind: UInt32, _ fields: LauncherFields, descriptors: [Int32] = [], _ completion: @escaping Completion
    ) {
        let refused: SandboxError? = state.withLock { state in
            if state.closed { return LauncherConnection.gone }
            let request = state.nextRequest
            state.nextRequest &+= 1
            let error = transmit(message(kind, request, fields, descriptors), &state)
            if error == nil { state.pending[request] = completion }
            return error
        }
        if let refused { completion(.failure(refused)) }
    }

    /// Sends a request that has no reply.
    func post(_ kind: UInt32, _ fields: LauncherFields) {
        state.withLock { state in
            if !state.closed { _ = transmit(message(kind, 0, fields), &state) }
        }
    }

    func request(
        _ kind: UInt32, _ fields: LauncherFields, descriptors: [Int32] = []
    ) async throws(SandboxError) -> Reply {
        let result = await withCheckedContinuation { continuation in
            send(kind, fields, descriptors: descriptors) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    private func message(
        _ kind: UInt32, _ request: UInt32, _ fields: LauncherFields, _ descriptors: [Int32] = []
    ) -> Packet {
        var header = LauncherFields()
        header.put(kind)
        header.put(request)
        return Packet(request: request, bytes: header.bytes + fields.bytes, descriptors: descriptors)
    }

    private func transmit(_ packet: borrowing Packet) -> Int32 {
        let (bytes, descriptors) = (packet.bytes, packet.descriptors)
        return socket.with { capus_send($0, bytes, bytes.count, descriptors, descriptors.count) }
    }

    private func transmit(_ packet: Packet, _ state: inout State) -> SandboxError? {
        guard packet.bytes.count <= LauncherProtocol.messageLimit else {
            return SandboxError(step: "send a request", subject: "\(packet.bytes.count) bytes", errno: E2BIG)
        }
        if state.unsent.isEmpty {
            let error = transmit(packet)
            if error == 0 { return nil }
            if error != -EAGAIN { return SandboxError(step: "send a request", subject: "the launcher", errno: -error) }
        }
        state.unsent.append(packet)
        ring()
        return nil
    }

    private func ring() {
        var count: UInt64 = 1
        wake.with { _ = write($0, &count, 8) }
    }

    private func silence() {
        var count: UInt64 = 0
        wake.with { _ = read($0, &count, 8) }
    }

    // MARK: Exits

    /// To be called before the START request, so that no exit is missed.
    func watch(_ slot: UInt32, _ handler: @escaping ExitHandler) {
        let closed = state.withLock { state in
            if !state.closed { state.exits[slot] = handler }
            return state.closed
        }
        if closed { handler(nil) }
    }

    func unwatch(_ slot: UInt32) { state.withLock { $0.exits[slot] = nil } }

    // MARK: The end

    /// Tells the launcher to end, and returns when it has, with every environment.
    func close() async {
        await withCheckedContinuation { continuation in
            let over = state.withLock { state in
                if !state.closed { state.atEnd.append { continuation.resume() } }
                return state.closed
            }
            if over { continuation.resume() } else { socket.with { _ = shutdown($0, Int32(SHUT_WR)) } }
        }
    }

    static let gone = SandboxError(step: "ask the launcher", subject: "the launcher (it has ended)", errno: EPIPE)

    // MARK: The reading thread

    /// Sends the first request and waits for its reply, before there is a thread.
    func greet(_ fields: LauncherFields) throws(SandboxError) -> LauncherReader {
        let error = transmit(message(LauncherProtocol.Kind.hello, 0, fields))
        if error < 0 { throw SandboxError(step: "greet", subject: "the launcher", errno: -error) }
        guard let (bytes, descriptors) = receive() else { throw LauncherConnection.gone }
        descriptors.forEach { Glibc.close($0) }
        return LauncherReader(bytes, at: 8)
    }

    /// Reads until the launcher ends. From then on every request fails.
    func run() {
        while waitForInput() {
            guard let (bytes, descriptors) = receive() else { break }
            deliver(bytes, descriptors)
        }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        let last = state.withLock { state in
            defer { state = State(closed: true) }
            return state
        }
        for completion in last.pending.values { completion(.failure(LauncherConnection.gone)) }
        for handler in last.exits.values { handler(nil) }
        for action in last.atEnd { action() }
    }

    /// Waits for a message, sending meanwhile what had to wait.
    ///
    /// - Returns: false when the socket is broken.
    private func waitForInput() -> Bool {
        while true {
            let waiting = state.withLock { !$0.unsent.isEmpty }
            var events = socket.with { pollfd(fd: $0, events: Int16(POLLIN | (waiting ? POLLOUT : 0)), revents: 0) }
            let woken = wake.with { wake in
                var both = [events, pollfd(fd: wake, events: Int16(POLLIN), revents: 0)]
                let count = poll(&both, 2, -1)
                events = both[0]
                return count < 0 ? false : both[1].revents != 0
            }
            if woken { silence() }
            if events.revents & Int16(POLLOUT) != 0 { flush() }
            if events.revents & Int16(POLLIN | POLLHUP) != 0 { return true }
            if events.revents & Int16(POLLERR | POLLNVAL) != 0 { return false }
        }
    }

    private func flush() {
        let refused = state.withLock { state in
            var refused: [(completion: Completion, errno: Int32)] = []
            while let packet = state.unsent.first {
                let error = transmit(packet)
                if error == -EAGAIN { break }
                state.unsent.removeFirst()
                guard error < 0, let completion = state.pending.removeValue(forKey: packet.request) else { continue }
                refused.append((completion, -error))
            }
            return refused
        }
        for (completion, errno) in refused {
            completion(.failure(SandboxError(step: "send a request", subject: "the launcher", errno: errno)))
        }
    }

    private func receive() -> (bytes: [UInt8], descriptors: [Int32])? {
        var bytes = [UInt8](repeating: 0, count: 32 << 10)
        var descriptors = [Int32](repeating: -1, count: LauncherProtocol.descriptorLimit)
        var count = descriptors.count
        let length = socket.with { capus_receive($0, &bytes, bytes.count, &descriptors, &count) }
        guard length > 0 else { return nil }
        bytes.removeSubrange(Int(length)...)
        return (bytes, Array(descriptors.prefix(count)))
    }

    private func deliver(_ bytes: [UInt8], _ descriptors: [Int32]) {
        var reader = LauncherReader(bytes)
        guard let kind = reader.u32(), let request = reader.u32() else { return }
        if kind == LauncherProtocol.Kind.exited {
            deliverExit(&reader)
        } else if let completion = state.withLock({ $0.pending.removeValue(forKey: request) }) {
            completion(LauncherConnection.outcome(&reader, descriptors))
        } else {
            descriptors.forEach { Glibc.close($0) }
        }
    }

    private func deliverExit(_ reader: inout LauncherReader) {
        guard let slot = reader.u32(), let cause = reader.u32(), let value = reader.i32() else { return }
        let handler = state.withLock { $0.exits.removeValue(forKey: slot) }
        switch cause {
        case 0: handler?(.code(value))
        case 1: handler?(.signal(value))
        default: handler?(.notExecutable(value))
        }
    }

    /// Splits a reply into its fields or the failure that it tells of.
    static func outcome(_ reader: inout LauncherReader, _ descriptors: [Int32]) -> Result<Reply, SandboxError> {
        guard let error = reader.i32(), let step = reader.text() else {
            descriptors.forEach { Glibc.close($0) }
            return .failure(SandboxError(step: "read a reply", subject: "the launcher", errno: EBADMSG))
        }
        if error != 0 { return .failure(SandboxError(step: step, subject: "the launcher", errno: error)) }
        return .success(Reply(fields: reader.rest(), descriptors: descriptors))
    }
}
