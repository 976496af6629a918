import ApusModel
import ApusRuntimeAPI
import ApusSandbox
import NIOCore

/// How long a sandbox with extensions may take to end.
///
/// - Source: Lambda developer guide, "Understanding the Lambda execution environment lifecycle", "Shutdown phase".
package struct ShutdownTime: Sendable {
    /// When all of them are parts of the runtime's process.
    package var `internal` = Duration.milliseconds(500)

    /// When some have processes of their own.
    package var external = Duration.seconds(2)

    package init() {}
}

/// Ends what runs in a sandbox with extensions: carries out what ``ShutdownSequence`` decides. Lives on one event loop.
final class Shutdown {
    /// The runtime's process: the sandbox's program, or one that this has started.
    struct Runtime {
        var isAlive: () -> Bool
        var terminate: () -> Void
        var kill: () -> Void
    }

    private let reason: ShutdownReason
    private let time: Duration
    private let clock: any TimeSource
    private let server: RuntimeAPIServer
    private let runtime: Runtime
    private let onEnd: () -> Void
    private let timer: DeadlineTimer
    private var sequence = ShutdownSequence()
    private var deadline = Timestamp(milliseconds: 0)

    /// - Parameter onEnd: called once; the processes that are left are to be killed.
    init(
        _ reason: ShutdownReason, within time: Duration, clock: any TimeSource, server: RuntimeAPIServer,
        runtime: Runtime, onEnd: @escaping () -> Void
    ) {
        self.reason = reason
        self.time = time
        self.server = server
        self.runtime = runtime
        self.onEnd = onEnd
        self.clock = clock
        timer = DeadlineTimer(on: server.eventLoop)
    }

    func begin() {
        deadline = clock.wall + time
        let share = time * ShutdownSequence.runtimeShare
        timer.set(in: share) { [unowned self] in
            timer.set(in: time - share) { [unowned self] in perform(sequence.end()) }
            perform(sequence.runtimeIsLate(extensions: server.hasLivingExtensions))
        }
        perform(sequence.begin(runtime: runtime.isAlive(), extensions: server.hasLivingExtensions))
    }

    func runtimeEnded() { perform(sequence.runtimeEnded(extensions: server.hasLivingExtensions)) }

    func extensionEnded() {
        if !server.hasLivingExtensions { perform(sequence.extensionsEnded()) }
    }

    func sandboxEnded() { perform(sequence.end()) }

    private func perform(_ actions: [ShutdownSequence.Action]) {
        for action in actions {
            switch action {
            case .terminateRuntime: runtime.terminate()
            case .killRuntime: runtime.kill()
            case .tellExtensions: server.shutDownExtensions(reason, deadline: deadline)
            case .end:
                timer.cancel()
                onEnd()
            }
        }
    }
}
