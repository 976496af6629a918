import ApusEngine
import ApusIAM
import ApusModel
import ApusServiceKit

// The engine and the services do not know each other; here their seams meet.

/// Function output goes to the Logs service.
struct EngineLogWriter: LogWriter {
    let ingest: any LogIngest

    func write(_ line: LogLine, to destination: LogDestination) -> Bool {
        ingest.append(
            line.bytes, time: line.time, scope: destination.scope, group: destination.group, stream: destination.stream)
    }
}

/// What the control plane has made ready goes to the engine's catalog.
struct EngineRevisionSink: RevisionSink {
    let engine: Engine

    func publish(_ revision: Revision, qualifier: String) { engine.publish(revision, qualifier: qualifier) }

    func suspend(_ function: FunctionKey, qualifier: String, state: String) {
        engine.suspend(function, qualifier: qualifier, state: state)
    }

    func remove(_ function: FunctionKey, qualifier: String?) { engine.remove(function, qualifier: qualifier) }
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
