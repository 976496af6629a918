package import ApusModel
import NIOCore

extension RuntimeAPIServer {
    // MARK: From the environment

    /// The sandbox is going to run these beside the runtime, and starts that when they have registered. To be called before it runs.
    package func expect(_ external: [String]) {
        self.external = external
        if !external.isEmpty { extensions = makeExtensions() }
    }

    /// What is known of each extension now.
    package var members: [ExtensionsState.Member] { extensions?.state.members ?? [] }

    /// Processes that run beside the one that starts them.
    package var hasLivingExtensions: Bool { extensions?.hasLivingExtensions ?? false }
    package var hasLivingRuntime: Bool { extensions?.hasLivingRuntime ?? false }

    /// Of the runtime, where external extensions run beside it.
    package func terminateRuntime() { extensions?.order(.terminate) }
    package func killRuntime() { extensions?.order(.kill) }

    /// Has the extensions end; those that do not want to know of it end at once.
    package func shutDownExtensions(_ reason: ShutdownReason, deadline: Timestamp) {
        extensions?.shutDown(reason, deadline: deadline)
    }

    // MARK: From the connections

    /// - Returns: the answer; nil when it is to come later.
    func answer(_ call: ExtensionCall, _ body: ByteBuffer, on connection: RuntimeAPIConnection) -> ByteBuffer? {
        do throws(RuntimeAPIState.Refusal) {
            if extensions == nil { extensions = makeExtensions() }
            guard let extensions else { throw .noExtensions }
            let reply = try extensions.answer(call, body, isOpen: isInitializing, on: connection)
            announce()
            return reply
        } catch {
            return ExtensionReply.refusal(error)
        }
    }

    func adoptPrograms(on connection: RuntimeAPIConnection) -> ProgramChannel? { extensions?.adopt(connection) }

    private func makeExtensions() -> ExtensionsAPI? {
        guard let function, let extensionsDelegate else { return nil }
        return ExtensionsAPI(external: external, function: function, delegate: extensionsDelegate)
    }
}
