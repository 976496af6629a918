package import ApusModel
package import ApusRuntimeAPI
package import NIOCore

/// Who is told what happens in one environment, while it does. Lives on the environment's event loop; there is none before somebody
/// has subscribed.
///
/// Nothing waits for a subscriber: what one cannot take is dropped and counted. While the environment is frozen nothing is sent.
package final class Telemetry {
    /// Opens a socket inside the environment; see `Sandbox.openSocket()`.
    package typealias SocketSource = @Sendable () async throws -> Int32

    private let eventLoop: any EventLoop
    private let time: any TimeSource
    private let openSocket: SocketSource
    private var subscribers: [TelemetrySubscriber] = []

    /// Each change tells the whole history again, so that there is a limit to changes.
    private var changes = 0
    private static let changeLimit = 64

    package init(on eventLoop: any EventLoop, time: any TimeSource, openSocket: @escaping SocketSource) {
        self.eventLoop = eventLoop
        self.time = time
        self.openSocket = openSocket
    }

    // MARK: Subscriptions

    /// Adds a subscriber. One that asks again, after a restart or for something else, takes its own place.
    ///
    /// - Parameter history: what it is told of first.
    /// - Returns: false when nothing has changed.
    /// - Throws: what the extension is told when it is subscribed by the other API.
    package func subscribe(
        _ subscription: TelemetrySubscription, for name: String, history: TelemetryHistory, _ lines: PlatformLines
    ) throws(RuntimeAPIState.Refusal) -> Bool {
        if let place = subscribers.firstIndex(where: { $0.name == name }) {
            let known = subscribers[place].subscription
            guard known.api == subscription.api else { throw subscription.api.taken(by: name, through: known.api) }
            if known == subscription { return false }
            guard changes < Self.changeLimit else { throw subscription.api.taken(by: name, through: known.api) }
            changes += 1
            subscribers.remove(at: place).close()
        }
        let subscriber = TelemetrySubscriber(name, subscription, on: eventLoop, time: time, openSocket: openSocket)
        subscribers.append(subscriber)
        history.tell(subscriber, lines, now: time.wall)
        return true
    }

    // MARK: What happens

    package func emit(_ event: TelemetryEvent, at time: Timestamp, _ lines: PlatformLines) {
        for subscriber in subscribers { subscriber.take(event, at: time, lines) }
    }

    /// - Parameter isObject: the line is a JSON object, of a function that logs in JSON.
    package func printed(_ line: UnsafeRawBufferPointer, isObject: Bool, at time: Timestamp) {
        for subscriber in subscribers { subscriber.take(line, isObject: isObject, at: time) }
    }

    // MARK: The environment's life

    package func freeze() { for subscriber in subscribers { subscriber.freeze() } }

    package func thaw() { for subscriber in subscribers { subscriber.thaw() } }

    /// Sends what waits, at once. Succeeds when everything has arrived, or the time is over.
    package func flush(within limit: TimeAmount) -> EventLoopFuture<Void> {
        let over = eventLoop.makePromise(of: Void.self)
        let timer = eventLoop.scheduleTask(in: limit) { over.succeed() }
        EventLoopFuture.andAllComplete(subscribers.map { $0.flush() }, on: eventLoop).cascade(to: over)
        return over.futureResult.always { _ in timer.cancel() }
    }

    /// What has not arrived by then is lost.
    package func close() {
        for subscriber in subscribers { subscriber.close() }
        subscribers = []
    }
}
