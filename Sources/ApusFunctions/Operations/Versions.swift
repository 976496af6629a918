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
            if let id = request.revisionId, id != current.revisionId { throw FunctionFaults.revisionMismatch }
            if let sha = request.codeSha256, !sha.isEmpty, sha != current.codeSha256 {
                throw FunctionFaults.codeMismatch(given: sha, current: current.codeSha256 ?? "")
            }
            if let last = try await functions.version(record.lastVersion, of: reference.key)?.value,
                last.isSame(as: record)
            {
                return ((last, false), [])
            }
            let (version, write) = publish(&record, of: reference.key, description: request.description)
            return ((version, true), [write])
        }
        if isNew { reconciler.publish(version, of: reference.key) }
        return version.configuration
    }

    /// Takes the next number for what `$LATEST` is now.
    func publish(
        _ record: inout FunctionRecord, of key: FunctionKey, description: String?
    ) -> (VersionRecord, RowWrite) {
        record.lastVersion += 1
        var configuration = record.configuration
        configuration.state = "Pending"
        configuration.settle()
        configuration.version = String(record.lastVersion)
        configuration.functionArn = key.arn(String(record.lastVersion))
        configuration.revisionId = RequestID().text
        if let description { configuration.description = description }
        let version = VersionRecord(configuration: configuration, code: record.code)
        let rowKey = FunctionStore.versionKey(key.name, record.lastVersion)
        return (version, functions.versions.put(version, rowKey, key.scope, when: .absent))
    }

    func delete(
        _ request: Lambda.DeleteFunctionRequest, _ context: RequestContext
    ) async throws -> Lambda.DeleteFunctionResponse {
        let reference = try FunctionReference(
            request.functionName, qualifier: request.qualifier, scope: context.scope)
        let key = reference.key
        if let qualifier = reference.qualifier {
            if qualifier == "$LATEST" { throw FunctionFaults.latestCannotBeDeleted }
            guard case .published(let number)? = FunctionVersion(qualifier),
                try await functions.version(number, of: key) != nil
            else { throw Fault.functionNotFound(reference.arn) }
            try await functions.store.commit(
                [functions.versions.delete(FunctionStore.versionKey(key.name, number), key.scope)])
            sink.remove(key, qualifier: qualifier)
        } else {
            try await deleteAll(reference)
            sink.remove(key, qualifier: nil)
        }
        return Lambda.DeleteFunctionResponse(statusCode: 204)
    }

    private func deleteAll(_ reference: FunctionReference) async throws {
        let key = reference.key
        for _ in 0..<16 {
            let current = try await functions.function(reference)
            let versions = try await functions.versions(of: key)
            // A version published in between would stay behind, and its number could not be used by a function of that name.
            let delete = functions.functions.delete(key.name, key.scope, when: .revision(current.revision))
            let writes = [delete] + versions.map { functions.versions.delete($0.key, key.scope) }
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
            return copy
        }
        return code == record.code && comparable(configuration) == comparable(record.configuration)
    }
}
