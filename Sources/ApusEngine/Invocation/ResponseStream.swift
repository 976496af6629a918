import ApusModel
import NIOCore

/// One answer on its way from the runtime to the caller. Stops the reading while the caller is slower than the function, and
/// keeps to the bandwidth. Lives on the environment's event loop.
final class ResponseStream {
    /// Bytes that may be on their way to the caller before reading stops.
    private static let window = 256 << 10

    private let receiver: any ResponseReceiver
    private let eventLoop: any EventLoop
    private let time: any TimeSource
    private let setReading: (Bool) -> Void
    private var bucket: TokenBucket?
    private var count = 0
    private var underway = 0
    private var isReading = true
    private var isWaiting = false

    /// The answer has ended, or nobody wants the rest of it.
    private var isOver = false

    /// - Parameter setReading: stops the reading of the runtime's answer (false), or lets it go on.
    init(
        to receiver: any ResponseReceiver, limits: StreamLimits, time: any TimeSource, on eventLoop: any EventLoop,
        setReading: @escaping (Bool) -> Void
    ) {
        self.receiver = receiver
        self.eventLoop = eventLoop
        self.time = time
        self.setReading = setReading
        bucket = limits.bandwidth.map { bandwidth in
            TokenBucket(capacity: limits.burst, per: .seconds(1) * (Double(limits.burst) / Double(bandwidth)))
        }
    }

    func begin(_ head: ResponseHead) { receiver.begin(head, flow: ResponseFlow(self, on: eventLoop)) }

    func take(_ part: ByteBuffer) {
        count += part.readableBytes
        guard !isOver else { return }
        underway += part.readableBytes
        receiver.take(part)
        let wait = bucket?.charge(part.readableBytes, now: time.monotonic) ?? .zero
        if wait > .zero { waitForBandwidth(wait) }
        update()
    }

    /// What is read of the runtime's connection from now on is no part of this answer.
    ///
    /// - Returns: the bytes that were.
    func end() -> Int {
        isOver = true
        update()
        return count
    }

    // MARK: From the receiver

    func passed(_ bytes: Int) {
        underway -= bytes
        update()
    }

    func abandon() {
        isOver = true
        update()
    }

    // MARK: Reading

    /// Parts that have been read go on at once, at the price of a longer wait after them.
    private func waitForBandwidth(_ wait: Duration) {
        guard !isWaiting else { return }
        isWaiting = true
        let box = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleTask(in: .nanoseconds(wait.wholeNanoseconds)) { box.value.waited() }
    }

    private func waited() {
        isWaiting = false
        let wait = bucket?.charge(0, now: time.monotonic) ?? .zero
        if wait > .zero, !isOver { waitForBandwidth(wait) }
        update()
    }

    private func update() {
        let mayRead = isOver || !isWaiting && underway < Self.window
        guard mayRead != isReading else { return }
        isReading = mayRead
        setReading(mayRead)
    }
}
