import ApusModel
import ApusRuntimeAPI
import ApusSandbox
import NIOCore

extension Environment: ExtensionsDelegate {
    /// Inside the runtime's process or beside it.
    var hasExtensions: Bool { !server.members.isEmpty }

    func extensionRegistered() { state.extensionRegistered() }

    func extensionEnded(_ failure: ExtensionFailure) {
        log.drain()
        if let shutdown { shutdown.extensionEnded() } else { extensionGaveUp(failure) }
    }

    func extensionGaveUp(_ failure: ExtensionFailure) {
        extensionFailure = failure
        perform(state.extensionFailed())
    }

    func runtimeEnded(_ end: ProgramEnd) {
        log.drain()
        if let shutdown { return shutdown.runtimeEnded() }
        lastExit = SandboxExit(cause: end.cause, outOfMemory: false, peakMemory: sandbox?.peakMemory() ?? 0)
        perform(state.runtimeEnded())
    }

    /// Those of layers begin with the process in the sandbox, whether they register or not.
    func expectExtensions() {
        if !server.members.isEmpty { state.extensionRegistered() }
    }

    /// The line of each extension, at the end of init.
    func logExtensions() {
        for member in server.members {
            log.emit(
                .extension(
                    name: member.name, state: member.phase.rawValue, events: member.events.map(\.rawValue),
                    errorType: member.errorType))
        }
    }

    private var runtimeProcess: Shutdown.Runtime {
        let (server, sandbox) = (server, sandbox)
        return server.members.contains(where: \.isExternal)
            ? Shutdown.Runtime(
                isAlive: { server.hasLivingRuntime }, terminate: { server.terminateRuntime() },
                kill: { server.killRuntime() })
            : Shutdown.Runtime(
                isAlive: { [unowned self] in isProgramAlive }, terminate: { sandbox?.terminate() },
                kill: { sandbox?.kill() })
    }

    /// Has the runtime and the extensions end; then goes on.
    func shutDown(_ reason: ShutdownReason) {
        // With the program of the sandbox everything in it has ended.
        guard isProgramAlive else { return perform(state.shutDownEnded()) }
        timer.clear()
        thaw()
        server.abandonRuntime()
        let time =
            server.members.contains(where: \.isExternal) ? services.shutdown.external : services.shutdown.internal
        let ended = eventLoop.makePromise(of: Void.self)
        // The server does not leave before.
        owner.track(ended.futureResult)
        let shutdown = Shutdown(
            reason, within: time, clock: services.time, server: server, runtime: runtimeProcess
        ) { [self] in
            self.shutdown = nil
            log.drain()
            perform(state.shutDownEnded())
            // Last: nothing may be left that is not tracked when the server looks.
            ended.succeed()
        }
        self.shutdown = shutdown
        log.drain()
        flushTelemetry { [self] in
            if self.shutdown === shutdown { shutdown.begin() }
        }
    }
}

extension ProgramEnd {
    fileprivate var cause: SandboxExit.Cause {
        switch self {
        case .exited(let code): .code(code)
        case .killed(let signal): .signal(signal)
        case .failed(let error): .notExecutable(error)
        }
    }
}
