import ApusModel
import ApusRuntimeAPI
import ApusWire
import NIOCore

/// One extension that is told: gathers its records and delivers them, batch by batch. Lives on one event loop.
final class TelemetrySubscriber {
    /// How long an answer to a batch may take.
    private static let patience = Duration.seconds(5)

    /// Waits before the second try; every further wait is twice as long, up to ``longestPause``.
    private static let firstPause = Duration.milliseconds(100)
    private static let longestPause = Duration.seconds(10)

    let name: String
    let subscription: TelemetrySubscription

    private let eventLoop: any EventLoop
    private let openSocket: Telemetry.SocketSource
    private let time: any TimeSource
    private var buffer: TelemetryBuffer
    /// Seals what is being filled.
    private let gathering: DeadlineTimer
    /// Ends a delivery that takes too long, or the pause after one that failed.
    private let delivery: DeadlineTimer
    private var connection: TelemetryConnection?
    private var pause = TelemetrySubscriber.firstPause
    private var phase = Phase.idle
    private var isGathering = false
    private var isFrozen = false
    private var flushes: [EventLoopPromise<Void>] = []

    private enum Phase {
        case idle
        case connecting
        case sending
        /// Tries again when the pause is over.
        case pausing
        case closed
    }

    init(
        _ name: String, _ subscription: TelemetrySubscription, on eventLoop: any EventLoop,
        time: any TimeSource, openSocket: @escaping Telemetry.SocketSource
    ) {
        self.time = time
        self.name = name
        self.subscription = subscription
        self.eventLoop = eventLoop
        self.openSocket = openSocket
        let isArray = if case .http = subscription.destination { true } else { false }
        buffer = TelemetryBuffer(subscription.buffering, isArray: isArray)
        gathering = DeadlineTimer(on: eventLoop)
        delivery = DeadlineTimer(on: eventLoop)
    }

    // MARK: Records

    func take(_ event: TelemetryEvent, at time: Timestamp, _ lines: PlatformLines) {
        guard subscription.types.contains(.platform) else { return }
        let audience = PlatformLines.Audience.subscriber(subscription.api, subscription.schemaVersion)
        if let record = lines.record(event, at: time, for: audience) { append(record.bytes) }
    }

    func take(_ line: UnsafeRawBufferPointer, isObject: Bool, at time: Timestamp) {
        guard subscription.types.contains(.function) else { return }
        let head: LineText = #"{"time":"\#(time)","type":"function","record":"#
        var record = head.bytes
        if isObject && subscription.schemaVersion >= .december2022 {
            // In an object they are space; over TCP a record ends with its line.
            record.append(contentsOf: line.lazy.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 })
        } else {
            JSONText.write(String(decoding: line, as: UTF8.self), to: &record)
        }
        record.append(UInt8(ascii: "}"))
        append(record)
    }

    private func append(_ record: [UInt8]) {
        buffer.append(record)
        deliver()
        gather()
    }

    /// Gives the batch that is being filled its time.
    private func gather() {
        guard buffer.isFilling, !isGathering, !isFrozen, phase != .closed else { return }
        isGathering = true
        gathering.set(in: subscription.buffering.timeout) { [unowned self] in
            isGathering = false
            buffer.seal()
            deliver()
        }
    }

    // MARK: Delivery

    private func deliver() {
        guard phase == .idle, !isFrozen, let batch = buffer.next() else { return }
        if let connection, connection.isOpen(for: subscription.destination) { return send(batch, over: connection) }
        connection?.close()
        phase = .connecting
        let box = NIOLoopBound(self, eventLoop: eventLoop)
        let (eventLoop, destination) = (eventLoop, subscription.destination)
        // Ends when there is a socket, connected or not, or there cannot be one.
        eventLoop.makeFutureWithTask { [openSocket] in try await openSocket() }
            .flatMap { socket in TelemetryConnection.open(socket, to: destination, on: eventLoop) }
            .whenComplete { result in
                switch result {
                case .success(let connection): box.value.connected(connection.value, batch)
                case .failure: box.value.failed()
                }
            }
    }

    private func connected(_ connection: TelemetryConnection, _ batch: ByteBuffer) {
        guard phase == .connecting else { return connection.close() }
        self.connection = connection
        send(batch, over: connection)
    }

    private func send(_ batch: ByteBuffer, over connection: TelemetryConnection) {
        phase = .sending
        beImpatient()
        let box = NIOLoopBound(self, eventLoop: eventLoop)
        connection.send(batch).whenComplete { result in
            switch result {
            case .success: box.value.arrived()
            case .failure: box.value.failed()
            }
        }
    }

    /// A line protocol has no answers: its reader may take its time, and the kernel's buffer is all that it holds.
    private func beImpatient() {
        guard !isFrozen, case .http = subscription.destination else { return }
        delivery.set(in: Self.patience) { [unowned self] in connection?.close() }
    }

    private func arrived() {
        guard phase == .sending else { return }
        delivery.clear()
        phase = .idle
        pause = Self.firstPause
        buffer.delivered()
        tellOfDropped()
        if !flushes.isEmpty { buffer.seal() }
        deliver()
        flushed()
    }

    private func tellOfDropped() {
        guard let (records, bytes) = buffer.takeDropped(), subscription.types.contains(.platform) else { return }
        append(PlatformLines.dropped(records: records, bytes: bytes, at: time.wall).bytes)
    }

    private func failed() {
        guard phase == .sending || phase == .connecting else { return }
        connection?.close()
        connection = nil
        buffer.lost()
        phase = .pausing
        rest()
    }

    private func rest() {
        guard !isFrozen else { return }
        delivery.set(in: pause) { [unowned self] in
            phase = .idle
            deliver()
        }
        pause = min(pause * 2, Self.longestPause)
    }

    // MARK: The environment's life

    /// Time does not pass for who does not run.
    func freeze() {
        isFrozen = true
        isGathering = false
        gathering.clear()
        delivery.clear()
    }

    func thaw() {
        guard isFrozen else { return }
        isFrozen = false
        switch phase {
        case .idle: deliver()
        case .sending: beImpatient()
        case .pausing: rest()
        case .connecting, .closed: break
        }
        gather()
    }

    /// Succeeds when everything has arrived.
    func flush() -> EventLoopFuture<Void> {
        buffer.seal()
        deliver()
        let promise = eventLoop.makePromise(of: Void.self)
        flushes.append(promise)
        flushed()
        return promise.futureResult
    }

    private func flushed() {
        guard phase == .closed || buffer.isEmpty else { return }
        let done = flushes
        flushes = []
        for promise in done { promise.succeed() }
    }

    func close() {
        phase = .closed
        gathering.cancel()
        delivery.cancel()
        connection?.close()
        connection = nil
        flushed()
    }
}
