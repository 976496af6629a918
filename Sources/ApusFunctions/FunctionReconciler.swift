import ApusModel
import ApusServiceKit
import ApusShapes
import ApusStore
import Logging
import ServiceLifecycle

/// Brings what runs in line with what is stored: makes created and updated functions active, and hands their revisions out.
///
/// It works from the rows alone, so a start after a crash goes on where the last run stopped.
package final class FunctionReconciler: Service {
    private let functions: FunctionStore
    private let sink: any RevisionSink
    private let logger: Logger
    private let changed: AsyncStream<FunctionKey>
    private let notify: AsyncStream<FunctionKey>.Continuation

    init(functions: FunctionStore, sink: any RevisionSink, logger: Logger) {
        self.functions = functions
        self.sink = sink
        self.logger = logger
        (changed, notify) = AsyncStream.makeStream()
    }

    /// Hands out everything that is stored. To be called once, before requests are served.
    package func recover() async throws {
        for scope in try await functions.functions.scopes() {
            for stored in try await functions.functions.list(scope) {
                let key = FunctionKey(scope: scope, name: stored.key)
                try await activate(key)
                for version in try await functions.versions(of: key) { publish(version.value, of: key) }
            }
        }
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            for await key in changed {
                do {
                    try await activate(key)
                } catch {
                    logger.error(
                        "function could not be activated", metadata: ["function": "\(key)", "error": "\(error)"])
                }
            }
        }
    }

    /// A function was created or changed.
    func changed(_ key: FunctionKey) { notify.yield(key) }

    func publish(_ version: VersionRecord, of key: FunctionKey) {
        sink.publish(
            Revision(version.configuration, code: version.code, function: key),
            qualifier: version.configuration.version ?? "")
    }

    private func activate(_ key: FunctionKey) async throws {
        let reference = FunctionReference(key: key, qualifier: nil)
        do {
            var record = try await functions.function(reference).value
            if record.configuration.isSettling {
                record = try await functions.update(reference) { record in
                    record.configuration.settle()
                    return (record, [])
                }
            }
            sink.publish(Revision(record.configuration, code: record.code, function: key), qualifier: "$LATEST")
            // It may have been deleted since it was read; the catalog must not keep what the store has not.
            _ = try await functions.function(reference)
        } catch let fault as Fault where fault.code == "ResourceNotFoundException" {
            sink.remove(key, qualifier: nil)
        }
    }
}

extension Lambda.FunctionConfiguration {
    /// Whether a change has been accepted and is not in force yet.
    var isSettling: Bool { state == "Pending" || lastUpdateStatus == "InProgress" }

    /// The change is in force.
    mutating func settle() {
        guard isSettling else { return }
        state = "Active"
        stateReason = nil
        stateReasonCode = nil
        lastUpdateStatus = "Successful"
        lastUpdateStatusReason = nil
        lastUpdateStatusReasonCode = nil
        revisionId = RequestID().text
    }

    /// A change was accepted.
    mutating func beginUpdate(at time: Timestamp) {
        lastModified = time.civil.lambdaText
        revisionId = RequestID().text
        lastUpdateStatus = "InProgress"
        lastUpdateStatusReason = "The function is being created."
        lastUpdateStatusReasonCode = "Creating"
    }
}
