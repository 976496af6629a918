package import ApusModel
import Glibc
package import NIOCore
import NIOPosix

/// What the runtime process of an environment did. Called on the server's event loop.
package protocol RuntimeAPIDelegate: AnyObject {
    /// It waits for an event. `initialized` is true the first time.
    func runtimeIsReady(initialized: Bool)

    /// It can no longer take an event, though it waited for one.
    func runtimeIsNotReady()

    /// Its init is over, and it waits to be forked.
    func runtimeAwaitsRestore()

    func runtimeResponded(to id: RequestID, _ outcome: RuntimeOutcome)

    /// Its init or its restore failed; it is expected to exit.
    func runtimeInitFailed(_ error: RuntimeErrorReport)

    /// It broke the protocol.
    func runtimeMisbehaved()
}

/// How a runtime answered one event.
package enum RuntimeOutcome: Sendable {
    case success(ByteBuffer)
    case failure(RuntimeErrorReport)
    /// The result was larger than an answer may be, or was cut off.
    case unusable(RuntimeErrorReport)
}

/// An error as a runtime reported it.
package struct RuntimeErrorReport: Sendable {
    /// From the error-type header, normalised; `Runtime.Unknown` without one.
    package var type: String

    /// Goes to the client unchanged.
    package var body: ByteBuffer

    package init(type: String, body: ByteBuffer) {
        self.type = type
        self.body = body
    }
}

/// The HTTP server inside one environment: `/2018-06-01/runtime`. Lives on one event loop, with all of its connections.
package final class RuntimeAPIServer {
    /// 6 MiB and 100 bytes, both ways.
    ///
    /// - Source: Lambda quotas; recorded `Function.ResponseSizeTooLarge`.
    package static let payloadLimit = 6_291_556

    package let eventLoop: any EventLoop
    package weak var delegate: (any RuntimeAPIDelegate)?

    private var state = RuntimeAPIState()
    private var listener: (any Channel)?
    private var connections: [ObjectIdentifier: RuntimeAPIConnection] = [:]
    private var parked: RuntimeAPIConnection?
    private var lastRequestID = RequestID(existing: "")

    package init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    /// Serves a listening socket, which belongs to the server from now on.
    package func serve(_ descriptor: Int32) -> EventLoopFuture<Void> {
        eventLoop.preconditionInEventLoop()
        let box = NIOLoopBound(self, eventLoop: eventLoop)
        return ServerBootstrap(group: eventLoop)
            .serverChannelOption(.maxMessagesPerRead, value: 4)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: false)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(RuntimeAPIConnection(server: box.value))
                }
            }
            .withBoundSocket(descriptor)
            .map { channel in box.value.listener = channel }
    }

    /// Hands an event to the runtime that waits.
    ///
    /// - Returns: false when none waits.
    package func deliver(_ invocation: RuntimeInvocation) -> Bool {
        eventLoop.preconditionInEventLoop()
        guard case .idle = state.phase, let connection = parked else { return false }
        state.deliver(invocation.requestID)
        lastRequestID = invocation.requestID
        parked = nil
        connection.send(invocation)
        return true
    }

    /// The runtime process is to end: nothing that it still says counts.
    package func abandon() {
        eventLoop.preconditionInEventLoop()
        state.abandon()
        parked = nil
        let open = connections.values
        connections = [:]
        for connection in open { connection.letGo() }
    }

    /// Forgets the runtime process that has ended; another is about to start.
    package func reset() {
        abandon()
        refuseWaitingConnections()
        state = RuntimeAPIState()
    }

    package func close() {
        abandon()
        listener?.close(promise: nil)
        listener = nil
    }

    /// What the process that has ended asked last would be taken for the next one's words.
    private func refuseWaitingConnections() {
        try? listener?.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { socket in
            while case let connection = accept(socket, nil, nil), connection >= 0 { Glibc.close(connection) }
        }
    }

    // MARK: From the connections

    func connected(_ connection: RuntimeAPIConnection) { connections[ObjectIdentifier(connection)] = connection }

    func disconnected(_ connection: RuntimeAPIConnection) {
        connections[ObjectIdentifier(connection)] = nil
        if isParked(connection) {
            parked = nil
            state.unpark(after: lastRequestID)
            delegate?.runtimeIsNotReady()
        }
    }

    func isParked(_ connection: RuntimeAPIConnection) -> Bool { parked === connection }

    func next(on connection: RuntimeAPIConnection) -> RuntimeAPIState.Refusal? {
        switch state.next() {
        case .park(let initialized):
            parked = connection
            delegate?.runtimeIsReady(initialized: initialized)
            return nil
        case .accept:
            return nil
        case .refuse(let refusal):
            if refusal.isFatal { delegate?.runtimeMisbehaved() }
            return refusal
        }
    }

    func mayRespond(to id: some StringProtocol) -> RuntimeAPIState.Refusal? { state.mayRespond(to: id) }

    func respond(to id: String, _ outcome: RuntimeOutcome) {
        guard let id = state.respond(to: id) else { return }
        delegate?.runtimeResponded(to: id, outcome)
    }

    func awaitRestore() -> RuntimeAPIState.Refusal? {
        if let refusal = state.awaitRestore() { return refusal }
        delegate?.runtimeAwaitsRestore()
        return nil
    }

    func failInit(_ report: RuntimeErrorReport) -> RuntimeAPIState.Refusal? {
        if let refusal = state.failInit() { return refusal }
        delegate?.runtimeInitFailed(report)
        return nil
    }
}
