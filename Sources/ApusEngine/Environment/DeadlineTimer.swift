import ApusModel
import NIOCore

/// A deadline that is set again and again, mostly later: one timer of the event loop for many deadlines. Lives on one loop.
final class DeadlineTimer {
    private let eventLoop: any EventLoop
    private var onExpiry: (() -> Void)?
    private var deadline: NIODeadline?
    private var scheduled: (task: Scheduled<Void>, at: NIODeadline)?

    init(on eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    /// Replaces the deadline before.
    func set(in time: Duration, _ onExpiry: @escaping () -> Void) {
        let deadline = eventLoop.now + .nanoseconds(time.wholeNanoseconds)
        self.onExpiry = onExpiry
        self.deadline = deadline
        // A timer that rings too early looks again; only one that would ring too late has to go.
        if let scheduled, scheduled.at <= deadline { return }
        schedule(deadline)
    }

    func clear() {
        deadline = nil
        onExpiry = nil
    }

    /// Clears it for good and lets go of the loop.
    func cancel() {
        clear()
        scheduled?.task.cancel()
        scheduled = nil
    }

    private func schedule(_ moment: NIODeadline) {
        scheduled?.task.cancel()
        let box = NIOLoopBound(self, eventLoop: eventLoop)
        scheduled = (eventLoop.scheduleTask(deadline: moment) { box.value.ring() }, moment)
    }

    private func ring() {
        scheduled = nil
        guard let deadline else { return }
        if eventLoop.now < deadline { return schedule(deadline) }
        let onExpiry = onExpiry
        clear()
        onExpiry?()
    }
}
