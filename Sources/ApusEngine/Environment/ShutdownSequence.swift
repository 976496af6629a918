/// The order in which a sandbox with extensions ends: first the runtime, in a share of the time, then the extensions. Pure: each event
/// returns what is to be done.
///
/// - Source: Lambda developer guide, "Understanding the Lambda execution environment lifecycle", "Shutdown phase"; the public runtime
///   interface emulator for the share.
package struct ShutdownSequence: Equatable, Sendable {
    package enum Action: Equatable, Sendable {
        /// SIGTERM.
        case terminateRuntime
        /// SIGKILL.
        case killRuntime
        case tellExtensions
        /// Kill what is left.
        case end
    }

    /// The runtime's part of the time.
    package static let runtimeShare = 0.3

    private enum Step { case begun, runtime, extensions, over }
    private var step = Step.begun

    package init() {}

    /// - Parameters:
    ///   - runtime: whether its process lives and can be signalled.
    ///   - extensions: whether there are processes beside it.
    package mutating func begin(runtime: Bool, extensions: Bool) -> [Action] {
        guard step == .begun else { return [] }
        step = .runtime
        return runtime ? [.terminateRuntime] : runtimeEnded(extensions: extensions)
    }

    package mutating func runtimeEnded(extensions: Bool) -> [Action] {
        guard step == .runtime else { return [] }
        step = extensions ? .extensions : .over
        return [extensions ? .tellExtensions : .end]
    }

    /// The runtime's time is over.
    package mutating func runtimeIsLate(extensions: Bool) -> [Action] {
        step == .runtime ? [.killRuntime] + runtimeEnded(extensions: extensions) : []
    }

    /// The last of them.
    package mutating func extensionsEnded() -> [Action] { step == .extensions ? end() : [] }

    /// All of the time is over, or everything inside has ended.
    package mutating func end() -> [Action] {
        guard step != .over else { return [] }
        step = .over
        return [.end]
    }
}
