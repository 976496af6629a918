import ApusModel
import ApusServiceKit
import ApusShapes
import ApusStore
import ApusWire

extension FunctionsService {
    func publishVersion(
        _ request: Lambda.PublishVersionRequest, _ context: RequestContext
    ) async throws -> Lambda.FunctionConfiguration {
        let reference = try FunctionReference(request.functionName, qualifier: nil, scope: context.scope)
        try reference.requireUnqualified()
        if request.publishTo != nil { throw FunctionFaults.notAvailable("PublishTo") }
        let (version, isNew): (VersionRecord, Bool) = try await functions.update(reference) { record in
            let current = record.configuration
            if current.isSettling { throw FunctionFaults.updateInProgress(current.functionArn ?? "") }
            if current.state == "Failed" { throw FunctionFaults.notInState("Failed") }
            if let id = request.revisionId, id != current.revisionId { throw FunctionFaults.revisionMismatch }
            if let sha = request.codeSha256, !sha.isEmpty, sha != current.codeSha256 {
                throw FunctionFaults.codeMismatch(given: sha, current: current.codeSha256 ?? "")
            }
            if let last = try await functions.version(record.lastVersion, of: reference.key)?.value,
                last.isSame(as: record)
            {
                return ((last, false), [])
            }
            let (version, write) = publish(&record, of: reference.key, description: request.description, isActive: true)
            return ((version, true), [write])
        }
        if isNew { reconciler.publish(version, of: reference.key) }
        return version.configuration
    }

    /// Takes the next number for what `$LATEST` is now.
    ///
    /// - Parameter isActive: whether what it is has come into force. The version can be called at once then, unless it
    ///   needs a snapshot or is an image.
    func publish(
        _ record: inout FunctionRecord, of key: FunctionKey, description: String?, isActive: Bool
    ) -> (VersionRecord, RowWrite) {
        record.lastVersion += 1
        record.configuration.revisionId = RequestID().text
        var configuration = record.configuration
        configuration.begin()
        if isActive, !configuration.hasSnapStart, record.image == nil { configuration.settle() }
        configuration.version = String(record.lastVersion)
        configuration.functionArn = key.arn(String(record.lastVersion))
        if let description { configuration.description = description }
        var version = VersionRecord(record)
        version.configuration = configuration
        let rowKey = FunctionStore.versionKey(key.name, record.lastVersion)
        return (version, functions.versions.put(version, rowKey, key.scope, when: .absent))
    }

    func delete(
        _ request: Lambda.DeleteFunctionRequest, _ context: RequestContext
    ) async throws -> Lambda.DeleteFunctionResponse {
        let reference = try FunctionReference(
            request.functionName, qualifier: request.qualifier, scope: context.scope)
        let key = reference.key
        switch reference.qualifier.map(FunctionVersion.init) {
        case .some(.latest): throw FunctionFaults.latestCannotBeDeleted
        case .some(.published(let number)): try await delete(version: number, of: key)
        case .some(nil): throw FunctionFaults.aliasDeletion
        case nil:
            try await deleteAll(reference)
            sink.remove(key, qualifier: nil)
            urls.removeAll(of: key)
        }
        return Lambda.DeleteFunctionResponse(statusCode: 204)
    }

    /// A version that is not there has been deleted already.
    ///
    /// - Source: measured at AWS in floci-io/floci, pull request 2824.
    private func delete(version number: Int, of key: FunctionKey) async throws {
        let qualifier = String(number)
        try await functions.update(FunctionReference(key: key, qualifier: nil)) { _ in
            let aliases = try await functions.aliases(of: key).filter { $0.versions.contains(qualifier) }
            guard aliases.isEmpty else { throw FunctionFaults.versionInUse(by: aliases.compactMap(\.name)) }
            let delete = functions.versions.delete(FunctionStore.versionKey(key.name, number), key.scope)
            let sharing = try await functions.sharing(key.scope) { $0.deprovision(key.name, qualifier: qualifier) }
            return ((), [delete] + sharing + access.removal(of: qualifier, of: key))
        }
        sink.remove(key, qualifier: qualifier)
    }

    private func deleteAll(_ reference: FunctionReference) async throws {
        let key = reference.key
        for _ in 0..<16 {
            let current = try await functions.function(reference)
            let versions = try await functions.versions(of: key)
            let aliases = try await functions.aliases.list(key.scope, prefix: "\(key.name)/")
            // What is made in between would stay behind, and would be in the way of a function of that name.
            var writes = [functions.functions.delete(key.name, key.scope, when: .revision(current.revision))]
            writes += versions.map { functions.versions.delete($0.key, key.scope) }
            writes += aliases.map { functions.aliases.delete($0.key, key.scope) }
            writes += try await functions.sharing(key.scope) { $0.remove(key.name) }
            writes += try await access.removal(of: key)
            if try await functions.store.commits(writes) { return }
        }
        throw FunctionFaults.updateInProgress(key.arn.description)
    }
}

extension VersionRecord {
    /// Whether publishing again would make the same version.
    ///
    /// - Source: Lambda API reference, PublishVersion.
    fileprivate func isSame(as record: FunctionRecord) -> Bool {
        func comparable(_ configuration: Lambda.FunctionConfiguration) -> Lambda.FunctionConfiguration {
            var copy = configuration.listed(qualified: false)
            copy.version = nil
            copy.functionArn = nil
            copy.revisionId = nil
            copy.lastModified = nil
            copy.description = nil
            copy.snapStart?.optimizationStatus = nil
            return copy
        }
        return code == record.code && comparable(configuration) == comparable(record.configuration)
    }
}
