import ApusRuntimeAPI
import ApusSandbox
import NIOCore

extension Environment {
    /// What subscribers may take for their last records before everything is told to end.
    private static let flushTime = TimeAmount.milliseconds(200)

    /// An extension wants to be told what happens here.
    ///
    /// - Throws: what it is told instead.
    func subscribe(_ name: String, to subscription: TelemetrySubscription) throws(RuntimeAPIState.Refusal) {
        guard let sandbox else { throw subscription.api.closed }
        try log.subscribe(subscription, for: name, on: eventLoop) { try await sandbox.openSocket() }
    }

    /// Goes on when subscribers have what was logged until now, or do not take it; at once when there are none.
    func flushTelemetry(then next: @escaping () -> Void) {
        guard let telemetry = log.telemetry else { return next() }
        let box = NIOLoopBound(next, eventLoop: eventLoop)
        telemetry.flush(within: Self.flushTime).whenSuccess { box.value() }
    }
}
