import ApusEngine
import ApusIAM
import ApusModel
import ApusServiceKit

// The engine and the services do not know each other; here their seams meet.

/// Function output goes to the Logs service.
struct EngineLogWriter: LogWriter {
    let ingest: any LogIngest

    func write(_ block: LogBlock, to destination: LogDestination) -> Bool { ingest.append(block, to: destination) }
}

/// What the control plane has made ready goes to the engine's catalog.
struct EngineRevisionSink: RevisionSink {
    let engine: Engine

    func publish(_ revision: Revision, qualifier: String) { engine.publish(revision, qualifier: qualifier) }

    func suspend(_ function: FunctionKey, qualifier: String, state: String) {
        engine.suspend(function, qualifier: qualifier, state: state)
    }

    func route(_ alias: String, of function: FunctionKey, to versions: [(version: String, weight: Double)]) {
        engine.route(alias, of: function, to: versions)
    }

    func remove(_ function: FunctionKey, qualifier: String?) { engine.remove(function, qualifier: qualifier) }

    func reserve(_ executions: Int?, for function: FunctionKey) { engine.reserve(executions, for: function) }

    func provision(_ executions: Int?, for function: FunctionKey, qualifier: String) {
        engine.provision(executions, for: function, qualifier: qualifier)
    }

    func provisioned(_ function: FunctionKey, qualifier: String) -> ProvisionedExecutions? {
        engine.provisioned(function, qualifier: qualifier)
    }

    func snapshot(_ revision: Revision) async -> SnapshotOutcome { await engine.snapshot(revision) }
}

/// Environments get sessions of their function's role.
struct SessionCredentials: ExecutionCredentialIssuer {
    let store: CredentialStore

    func issue(role: String, function: FunctionKey, environment: String) -> ExecutionCredentials {
        let credential = store.issueSession(role: role, session: function.name, account: function.scope.account)
        return ExecutionCredentials(
            accessKeyID: credential.accessKeyID, secretAccessKey: credential.secretAccessKey,
            sessionToken: credential.sessionToken ?? "")
    }

    func revoke(_ credentials: ExecutionCredentials) { store.revoke(credentials.accessKeyID) }
}
