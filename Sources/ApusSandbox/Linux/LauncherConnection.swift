internal import CApusLinux
import Glibc
import Synchronization

/// The supervisor's end of the launcher's socket: requests out from any thread, replies and exits in on one of its own.
///
/// A launcher that is killed takes its environments and the requests that it has not answered along. Its keeper starts another;
/// what is asked meanwhile waits for it, ``patience`` at the most. The connection ends when the keeper does.
final class LauncherConnection: Sendable {
    /// What the launcher answered. The descriptors are the receiver's.
    struct Reply: Sendable {
        var fields: LauncherReader
        var descriptors: [Int32]
    }

    typealias Completion = @Sendable (Result<Reply, SandboxError>) -> Void

    /// The launcher's word on the end of an environment, or nil when the launcher itself is gone.
    typealias ExitHandler = @Sendable (SandboxExit.Cause?) -> Void

    private typealias Packet = LauncherConnectionState.Packet
    private typealias State = LauncherConnectionState

    /// How long a request waits for a new launcher.
    private static let patience = Duration.seconds(5)

    static let gone = SandboxError(step: "ask the launcher", subject: "the launcher (it has ended)", errno: EPIPE)

    /// Where the keeper hands over the socket of each launcher.
    private let control: Descriptor
    private let keeper: pid_t
    private let greeting: LauncherFields
    /// Wakes the thread when there is something unsent.
    private let bell: Bell
    private let state: Mutex<State>

    /// Waits for the first launcher, which is then to be greeted.
    ///
    /// - Parameter greeting: the fields of HELLO, for every launcher.
    init(_ launcher: consuming Launcher, greeting: LauncherFields) throws(SandboxError) {
        bell = try Bell(for: "the launcher")
        keeper = launcher.process
        control = launcher.takeSocket()
        self.greeting = greeting
        guard let socket = control.with(LauncherConnection.receiveLauncher) else { throw LauncherConnection.gone }
        state = Mutex(State(socket))
    }

    // MARK: Requests

    /// Sends a request; the completion runs once, on the reading thread or, when nothing could be sent, here.
    ///
    /// - Parameter descriptors: they go along and stay the caller's; they must stay open until the completion.
    func send(
        _ kind: UInt32, _ fields: LauncherFields, descriptors: [Int32] = [], _ completion: @escaping Completion
    ) {
        let refused: SandboxError? = state.withLock { state in
            guard state.takesRequests else { return LauncherConnection.gone }
            let request = state.takeNumber()
            let error = transmit(LauncherConnection.message(kind, request, fields, descriptors), &state)
            if error == nil { state.pending[request] = completion }
            return error
        }
        if let refused { completion(.failure(refused)) }
    }

    /// Sends a request that has no reply. Between two launchers there is nobody to whom it could matter.
    func post(_ kind: UInt32, _ fields: LauncherFields) {
        state.withLock { state in
            if state.socket != nil { _ = transmit(LauncherConnection.message(kind, 0, fields), &state) }
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

    private static func message(
        _ kind: UInt32, _ request: UInt32, _ fields: LauncherFields, _ descriptors: [Int32] = []
    ) -> Packet {
        var header = LauncherFields()
        header.put(kind)
        header.put(request)
        return Packet(request: request, bytes: header.bytes + fields.bytes, descriptors: descriptors)
    }

    private func transmit(_ packet: Packet, _ state: inout State) -> SandboxError? {
        guard packet.bytes.count <= LauncherProtocol.messageLimit else {
            return SandboxError(step: "send a request", subject: "\(packet.bytes.count) bytes", errno: E2BIG)
        }
        if state.unsent.isEmpty {
            let error = state.transmit(packet)
            if error == 0 { return nil }
            if error != -EAGAIN { return SandboxError(step: "send a request", subject: "the launcher", errno: -error) }
        }
        state.unsent.append(packet)
        bell.ring()
        return nil
    }

    // MARK: Exits

    /// To be called before the START request, so that no exit is missed.
    func watch(_ slot: UInt32, _ handler: @escaping ExitHandler) {
        let refused = state.withLock { state in
            let takes = state.takesRequests
            if takes { state.exits[slot] = handler }
            return !takes
        }
        if refused { handler(nil) }
    }

    func unwatch(_ slot: UInt32) { state.withLock { $0.exits[slot] = nil } }

    // MARK: The end

    /// Tells the launcher to end, and returns when it has, with every environment and the keeper.
    func close() async {
        state.withLock { $0.close() }
        await withCheckedContinuation { continuation in whenEnded { continuation.resume() } }
    }

    /// Calls back when there is no launcher and will be none; here, when that is so already.
    func whenEnded(_ action: @escaping @Sendable () -> Void) {
        if !state.withLock({ $0.whenEnded(action) }) { action() }
    }

    /// The connection has ended and nobody has asked for it.
    var isLost: Bool { state.withLock { $0.hasEnded && !$0.closing } }

    // MARK: The reading thread

    /// Greets the first launcher and waits for its reply, before there is a thread.
    func greet() throws(SandboxError) -> LauncherReader {
        guard let socket = state.withLock({ $0.socket }) else { throw LauncherConnection.gone }
        return try LauncherConnection.greet(greeting, on: socket)
    }

    private static func greet(_ fields: LauncherFields, on socket: Int32) throws(SandboxError) -> LauncherReader {
        let error = message(LauncherProtocol.Kind.hello, 0, fields).send(socket)
        if error < 0 { throw SandboxError(step: "greet", subject: "the launcher", errno: -error) }
        guard let (bytes, descriptors) = receive(socket) else { throw gone }
        descriptors.forEach { Glibc.close($0) }
        return LauncherReader(bytes, at: 8)
    }

    /// Reads until the keeper ends. From then on every request fails.
    ///
    /// - Parameters:
    ///   - lost: a launcher is gone, and with it what it had prepared.
    ///   - found: there is another.
    func run(lost: () -> Void, found: () -> Void) {
        repeat {
            serve()
            lose(lost)
        } while reconnect(found)
        end()
    }

    /// Reads until the launcher ends.
    private func serve() {
        while let socket = state.withLock({ $0.socket }), waitForInput(socket) {
            guard let (bytes, descriptors) = LauncherConnection.receive(socket) else { return }
            deliver(bytes, descriptors)
        }
    }

    private func lose(_ lost: () -> Void) {
        let (completions, handlers) = state.withLock { $0.lose() }
        lost()
        for completion in completions { completion(.failure(LauncherConnection.gone)) }
        for handler in handlers { handler(nil) }
    }

    /// - Returns: false when the keeper has ended too, or the new launcher cannot set the host up.
    private func reconnect(_ found: () -> Void) -> Bool {
        let deadline = ContinuousClock.now + LauncherConnection.patience
        while true {
            control.with { waitForInput($0, until: deadline) }
            guard let socket = control.with(LauncherConnection.receiveLauncher) else { return false }
            if var reply = try? LauncherConnection.greet(greeting, on: socket) {
                guard reply.i32() == 0 else {
                    Glibc.close(socket)
                    return false
                }
                state.withLock { $0.connect(socket) }
                flush()
                found()
                return true
            }
            // Killed as well.
            Glibc.close(socket)
        }
    }

    private func end() {
        var status: Int32 = 0
        while waitpid(keeper, &status, 0) < 0 && errno == EINTR {}
        let (completions, actions) = state.withLock { $0.end() }
        for completion in completions { completion(.failure(LauncherConnection.gone)) }
        for action in actions { action() }
    }

    /// Waits for a message, sending meanwhile what had to wait.
    ///
    /// - Returns: false when the socket is broken.
    private func waitForInput(_ socket: Int32) -> Bool {
        while true {
            let waiting = state.withLock { !$0.unsent.isEmpty }
            let (events, woken) = bell.with { bell in
                var both = [
                    pollfd(fd: socket, events: Int16(POLLIN | (waiting ? POLLOUT : 0)), revents: 0),
                    pollfd(fd: bell, events: Int16(POLLIN), revents: 0),
                ]
                let count = poll(&both, 2, -1)
                return count < 0 ? (0, false) : (Int32(both[0].revents), both[1].revents != 0)
            }
            if woken { bell.silence() }
            if events & POLLOUT != 0 { flush() }
            if events & (POLLIN | POLLHUP) != 0 { return true }
            if events & (POLLERR | POLLNVAL) != 0 { return false }
        }
    }

    /// Waits for a message. Requests that wait beyond the deadline are refused.
    private func waitForInput(_ descriptor: Int32, until deadline: ContinuousClock.Instant) {
        var event = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while event.revents == 0, case let left = deadline - ContinuousClock.now, left > .zero {
            poll(&event, 1, Int32(left / .milliseconds(1)) + 1)
        }
        if event.revents != 0 { return }
        let completions = state.withLock { $0.losePatience() }
        for completion in completions { completion(.failure(LauncherConnection.gone)) }
        while event.revents == 0 { poll(&event, 1, -1) }
    }

    private func flush() {
        let refused = state.withLock { state in
            var refused: [(completion: Completion, errno: Int32)] = []
            while let packet = state.unsent.first {
                let error = state.transmit(packet)
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

    private static func receive(_ socket: Int32) -> (bytes: [UInt8], descriptors: [Int32])? {
        var bytes = [UInt8](repeating: 0, count: 32 << 10)
        var descriptors = [Int32](repeating: -1, count: LauncherProtocol.descriptorLimit)
        var count = descriptors.count
        let length = capus_receive(socket, &bytes, bytes.count, &descriptors, &count)
        guard length > 0 else { return nil }
        bytes.removeSubrange(Int(length)...)
        return (bytes, Array(descriptors.prefix(count)))
    }

    /// The socket of the next launcher; nil at the end of the keeper.
    private static func receiveLauncher(_ control: Int32) -> Int32? { receive(control)?.descriptors.first }

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
        case 3: handler?(.noDirectory(value))
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
