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

    /// It begins to answer an event whose answer is handed on as it comes. Parts follow, and the outcome.
    func runtimeBeganStream(to id: RequestID, contentType: String)

    /// The next bytes of the answer that has begun.
    func runtimeStreamed(_ part: ByteBuffer)

    func runtimeResponded(to id: RequestID, _ outcome: RuntimeOutcome)

    /// Its init or its restore failed; it is expected to exit.
    func runtimeInitFailed(_ error: RuntimeErrorReport)

    /// It broke the protocol.
    func runtimeMisbehaved()
}

/// How a runtime answered one event.
package enum RuntimeOutcome: Sendable {
    /// The result, empty if it was handed on as it came. Its type is known where the caller may want it.
    case success(ByteBuffer, contentType: String?)
    /// The function failed, perhaps in the middle of a streamed answer.
    case failure(RuntimeErrorReport)
    /// The result was larger than an answer may be, was cut off, or came in a way that there is not.
    case unusable(RuntimeErrorReport)
}

/// An error as a runtime reported it.
package struct RuntimeErrorReport: Sendable {
    /// From the error-type header, normalised; `Runtime.Unknown` without one. As it came, if that was behind a streamed answer.
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

    /// More than an environment needs. What they hold is the server's memory, not the function's.
    private static let connectionLimit = 256

    package let eventLoop: any EventLoop
    package weak var delegate: (any RuntimeAPIDelegate)?

    /// Without these there are no extensions.
    package weak var extensionsDelegate: (any ExtensionsDelegate)?
    package var function: FunctionDescription?

    private var state = RuntimeAPIState()
    private var listener: (any Channel)?
    private var connections: [ObjectIdentifier: RuntimeAPIConnection] = [:]
    private var parked: RuntimeAPIConnection?

    /// Bytes of bodies that may still be collected, over all connections.
    var room = 4 * payloadLimit

    /// The connection whose answer is being handed on.
    private var streaming: RuntimeAPIConnection?

    /// See ``RuntimeInvocation/streamLimit``, of the event that the runtime works on.
    private(set) var streamLimit: Int?
    private var lastRequestID = RequestID(existing: "")

    /// Nil while there is no extension, as in most environments.
    var extensions: ExtensionsAPI?

    /// The names of external extensions.
    var external: [String] = []

    /// Set while the runtime waits for an event and extensions are still at work: whether it has just been initialized.
    private var unannounced: Bool?

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
        streamLimit = invocation.streamLimit
        parked = nil
        extensions?.invoke(invocation)
        connection.send(invocation)
        return true
    }

    /// Stops reading the answer that is handed on, or goes on: what the runtime writes waits in its own socket meanwhile.
    package func setStreamReading(_ reads: Bool) {
        eventLoop.preconditionInEventLoop()
        streaming?.setReading(reads)
    }

    /// The runtime process is to end: nothing that it still says counts. Extensions may go on.
    package func abandonRuntime() {
        eventLoop.preconditionInEventLoop()
        state.abandon()
        parked = nil
        streaming = nil
        unannounced = nil
        extensions?.abandonRuntime()
    }

    /// The same of everything inside.
    package func abandon() {
        abandonRuntime()
        extensions = nil
        let open = connections.values
        connections = [:]
        for connection in open { connection.letGo() }
    }

    /// Forgets the runtime process that has ended; another is about to start.
    package func reset() {
        abandon()
        refuseWaitingConnections()
        state = RuntimeAPIState()
        expect(external)
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

    func connected(_ connection: RuntimeAPIConnection) {
        guard connections.count < Self.connectionLimit else { return connection.letGo() }
        connections[ObjectIdentifier(connection)] = connection
    }

    func disconnected(_ connection: RuntimeAPIConnection) {
        connections[ObjectIdentifier(connection)] = nil
        if streaming === connection { streaming = nil }
        extensions?.disconnected(connection)
        if isParked(connection) {
            parked = nil
            unannounced = nil
            state.unpark(after: lastRequestID)
            delegate?.runtimeIsNotReady()
        }
    }

    func isParked(_ connection: RuntimeAPIConnection) -> Bool { parked === connection }

    func next(on connection: RuntimeAPIConnection) -> RuntimeAPIState.Refusal? {
        switch state.next() {
        case .park(let initialized):
            parked = connection
            if extensions == nil {
                delegate?.runtimeIsReady(initialized: initialized)
            } else {
                unannounced = initialized
                announce()
            }
            return nil
        case .accept:
            return nil
        case .refuse(let refusal):
            if refusal.isFatal { delegate?.runtimeMisbehaved() }
            return refusal
        }
    }

    /// Tells that an event can be taken, once the extensions are done as well.
    func announce() {
        guard let initialized = unannounced, let extensions = extensions?.state else { return }
        guard initialized ? extensions.areInitialized : extensions.areDone else { return }
        unannounced = nil
        delegate?.runtimeIsReady(initialized: initialized)
    }

    /// Extensions may register.
    var isInitializing: Bool { state.phase == .initializing }

    func mayRespond(to id: some StringProtocol) -> RuntimeAPIState.Refusal? { state.mayRespond(to: id) }

    /// - Precondition: ``mayRespond(to:)`` allows it.
    func beginStream(on connection: RuntimeAPIConnection, contentType: String) {
        guard let id = state.beginStream() else { return }
        streaming = connection
        delegate?.runtimeBeganStream(to: id, contentType: contentType)
    }

    func stream(_ part: ByteBuffer, on connection: RuntimeAPIConnection) {
        // The event may have ended by another connection's fault; what follows is not the next one's.
        if streaming === connection { delegate?.runtimeStreamed(part) }
    }

    func respond(to id: String, _ outcome: RuntimeOutcome) {
        guard let id = state.respond(to: id) else { return }
        delegate?.runtimeResponded(to: id, outcome)
        streaming = nil
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
