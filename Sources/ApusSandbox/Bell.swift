internal import CApusLinux
import Glibc

/// Wakes a thread that waits for descriptors: an eventfd, readable while it rings.
struct Bell: ~Copyable, Sendable {
    private let event: Descriptor

    init(for subject: String) throws(SandboxError) {
        let event = capus_open_event()
        if event < 0 { throw SandboxError(step: "open an eventfd", subject: subject, errno: -event) }
        self.event = Descriptor(adopting: event)
    }

    borrowing func with<Result>(_ body: (Int32) -> Result) -> Result { event.with(body) }

    borrowing func ring() {
        var count: UInt64 = 1
        event.with { _ = write($0, &count, 8) }
    }

    borrowing func silence() {
        var count: UInt64 = 0
        event.with { _ = read($0, &count, 8) }
    }

    /// Returns when it has rung.
    borrowing func wait() {
        var event = event.with { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        while poll(&event, 1, -1) < 1 {}
        silence()
    }
}
