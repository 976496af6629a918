import ApusModel
import ApusServiceKit
import ApusShapes
import ApusStore
import ApusWire

extension FunctionsService {
    func updateCode(
        _ request: Lambda.UpdateFunctionCodeRequest, _ context: RequestContext
    ) async throws -> Lambda.FunctionConfiguration {
        let reference = try FunctionReference(request.functionName, qualifier: nil, scope: context.scope)
        try reference.requireUnqualified()
        let isDryRun = request.dryRun == true
        // Looks before it stores: a refused update leaves nothing behind.
        let current = try await functions.function(reference).value
        try checkUpdate(current, request.revisionId)
        if request.sourceKMSKeyArn != nil { throw FunctionFaults.notAvailable("SourceKMSKeyArn") }
        if request.publishTo != nil { throw FunctionFaults.notAvailable("PublishTo") }
        let architectures = try FunctionSettings.architectures(request.architectures)
        let image = try await findImage(
            request.imageUri, for: current.configuration, orElse: FunctionFaults.imageRequiredForUpdate)
        let package =
            if let image { image.package } else {
                try await deploymentPackage(
                    zip: request.zipFile, s3Bucket: request.s3Bucket, imageURI: request.imageUri, isDryRun: isDryRun,
                    beside: current.layers)
            }
        let now = time.wall
        func apply(to record: inout FunctionRecord) throws(Fault) {
            // It may have got other layers meanwhile.
            try LayerRules.checkSize(code: package.unzippedSize, layers: record.layers)
            record.keepServing()
            record.image = image
            record.code = package.code
            record.unzippedSize = package.unzippedSize
            record.configuration.codeSha256 = package.sha256
            record.configuration.codeSize = package.size
            if let architectures { record.configuration.architectures = architectures }
            record.configuration.beginUpdate(at: now)
        }
        if isDryRun {
            var record = current
            try apply(to: &record)
            return record.configuration
        }
        return try await update(reference, request.revisionId, publish: request.publish == true) { record in
            try apply(to: &record)
            return []
        }
    }

    func updateConfiguration(
        _ request: Lambda.UpdateFunctionConfigurationRequest, _ context: RequestContext
    ) async throws -> Lambda.FunctionConfiguration {
        let reference = try FunctionReference(request.functionName, qualifier: nil, scope: context.scope)
        try reference.requireUnqualified()
        let current = try await functions.function(reference).value
        try checkUpdate(current, request.revisionId)
        try await requireRuntime(request.runtime)
        let now = time.wall
        return try await update(reference, request.revisionId, publish: false) { record in
            record.keepServing()
            try FunctionSettings.apply(request, to: &record.configuration)
            record.configuration.beginUpdate(at: now)
            guard let arns = request.layers else { return [] }
            let (layers, checks) = try await findLayers(arns, context)
            try record.attach(layers)
            return checks
        }
    }

    /// Writes a change and lets it come into force; what ran before goes on until then.
    ///
    /// - Parameter change: returns what has to be true of the store when it is written.
    private func update(
        _ reference: FunctionReference, _ revisionID: String?, publish isPublishing: Bool,
        _ change: (inout FunctionRecord) async throws -> [RowWrite]
    ) async throws -> Lambda.FunctionConfiguration {
        let (record, version): (FunctionRecord, VersionRecord?) = try await functions.update(reference) { record in
            try checkUpdate(record, revisionID)
            let checks = try await change(&record)
            guard isPublishing else { return ((record, nil), checks) }
            let (version, write) = publish(&record, of: reference.key, description: nil, isActive: false)
            return ((record, version), checks + [write])
        }
        if let version { reconciler.publish(version, of: reference.key) }
        reconciler.changed(reference.key)
        return version?.configuration ?? record.configuration
    }

    private func checkUpdate(_ record: FunctionRecord, _ revisionID: String?) throws(Fault) {
        if record.configuration.isSettling {
            throw FunctionFaults.updateInProgress(record.configuration.functionArn ?? "")
        }
        if record.configuration.state == "Failed" { throw FunctionFaults.notInState("Failed") }
        if let revisionID, revisionID != record.configuration.revisionId { throw FunctionFaults.revisionMismatch }
    }
}

extension FunctionRecord {
    /// Until the change that follows is in force, an image goes on as it is.
    fileprivate mutating func keepServing() {
        if image != nil, previous == nil { previous = VersionRecord(self) }
    }
}
