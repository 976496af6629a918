internal import CApusLinux
import Glibc
import Synchronization

/// Waits for the end of processes, on a thread of its own.
final class ExitWatcher: Sendable {
    private struct State: Sendable {
        /// By pidfd: what to call once.
        var handlers: [Int32: @Sendable () -> Void] = [:]
        var ended = false
    }

    /// Wakes the thread when the set has changed.
    private let wake: Descriptor
    private let state = Mutex(State())

    init() throws(SandboxError) {
        let event = capus_open_event()
        if event < 0 { throw SandboxError(step: "open an eventfd", subject: "the process driver", errno: -event) }
        wake = Descriptor(adopting: event)
        NamedThread.start("apus-exits") { [self] in run() }
    }

    /// Calls the handler when the process has ended; it is to be reaped then.
    func watch(_ process: pid_t, _ handler: @escaping @Sendable () -> Void) throws(SandboxError) {
        let descriptor = capus_open_process(process)
        if descriptor < 0 { throw SandboxError(step: "open a pidfd", subject: "\(process)", errno: -descriptor) }
        state.withLock { $0.handlers[descriptor] = handler }
        ring()
    }

    func end() {
        state.withLock { $0.ended = true }
        ring()
    }

    private func ring() {
        var count: UInt64 = 1
        wake.with { _ = write($0, &count, 8) }
    }

    private func run() {
        while let descriptors = state.withLock({ $0.ended ? nil : Array($0.handlers.keys) }) {
            var waiting = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            wake.with { wake in
                waiting.append(pollfd(fd: wake, events: Int16(POLLIN), revents: 0))
                _ = poll(&waiting, nfds_t(waiting.count), -1)
                var count: UInt64 = 0
                if waiting.removeLast().revents != 0 { _ = read(wake, &count, 8) }
            }
            for ready in waiting where ready.revents != 0 {
                let handler = state.withLock { $0.handlers.removeValue(forKey: ready.fd) }
                Glibc.close(ready.fd)
                handler?()
            }
        }
    }
}
