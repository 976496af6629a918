internal import CApusLinux
import Glibc

/// What the connection knows of the launcher, and what waits for it. A value under the connection's lock.
struct LauncherConnectionState: ~Copyable {
    struct Packet: Sendable {
        var request: UInt32
        var bytes: [UInt8]
        var descriptors: [Int32]

        func send(_ socket: Int32) -> Int32 {
            capus_send(socket, bytes, bytes.count, descriptors, descriptors.count)
        }
    }

    private enum Link: ~Copyable, Sendable {
        /// Between two launchers. Requests wait while there is patience.
        case connecting(patient: Bool)
        case connected(Descriptor)
        case ended
    }

    private var link: Link
    private(set) var closing = false
    private var nextRequest: UInt32 = 1
    var pending: [UInt32: LauncherConnection.Completion] = [:]
    var exits: [UInt32: LauncherConnection.ExitHandler] = [:]
    /// What waits for a launcher, or for room in the socket's buffer, oldest first.
    var unsent: [Packet] = []
    private var atEnd: [@Sendable () -> Void] = []

    /// Takes the socket of the first launcher.
    init(_ socket: Int32) { link = .connected(Descriptor(adopting: socket)) }

    /// Good for the reading thread, which alone replaces it.
    var socket: Int32? {
        switch link {
        case .connected(let socket): socket.with { $0 }
        case .connecting: nil
        case .ended: nil
        }
    }

    var takesRequests: Bool {
        switch link {
        case .connected: true
        case .connecting(let patient): patient && !closing
        case .ended: false
        }
    }

    mutating func takeNumber() -> UInt32 {
        defer { nextRequest &+= 1 }
        return nextRequest
    }

    /// -EAGAIN when the packet has to wait.
    func transmit(_ packet: Packet) -> Int32 { socket.map(packet.send) ?? -EAGAIN }

    // MARK: Changes of the link

    /// The launcher is gone.
    ///
    /// - Returns: whom to tell.
    mutating func lose() -> (completions: [LauncherConnection.Completion], handlers: [LauncherConnection.ExitHandler]) {
        link = .connecting(patient: true)
        defer { exits = [:] }
        return (takePending(), Array(exits.values))
    }

    mutating func losePatience() -> [LauncherConnection.Completion] {
        link = .connecting(patient: false)
        return takePending()
    }

    /// Takes the socket of the next launcher.
    mutating func connect(_ socket: Int32) {
        link = .connected(Descriptor(adopting: socket))
        if closing { hangUp() }
    }

    /// The launcher, now or once it is connected, shall end.
    mutating func close() {
        closing = true
        hangUp()
    }

    mutating func end() -> (completions: [LauncherConnection.Completion], actions: [@Sendable () -> Void]) {
        link = .ended
        defer { atEnd = [] }
        return (takePending(), atEnd)
    }

    var hasEnded: Bool {
        switch link {
        case .ended: true
        case .connecting: false
        case .connected: false
        }
    }

    /// - Returns: false when the end has been already.
    mutating func whenEnded(_ action: @escaping @Sendable () -> Void) -> Bool {
        if !hasEnded { atEnd.append(action) }
        return !hasEnded
    }

    private func hangUp() {
        if let socket { _ = shutdown(socket, Int32(SHUT_WR)) }
    }

    private mutating func takePending() -> [LauncherConnection.Completion] {
        defer {
            pending = [:]
            unsent = []
        }
        return Array(pending.values)
    }
}
