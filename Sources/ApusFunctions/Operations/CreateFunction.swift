import ApusModel
import ApusServiceKit
import ApusShapes
import ApusStore
import ApusWire

extension FunctionsService {
    func create(
        _ request: Lambda.CreateFunctionRequest, _ context: RequestContext
    ) async throws -> Lambda.FunctionConfiguration {
        let key = try FunctionReference(request.functionName, qualifier: nil, scope: context.scope).key
        var configuration = try FunctionSettings.configuration(request, key: key)
        guard (request.tags?.count ?? 0) <= TagRules.limit else { throw FunctionFaults.tagLimit }
        try await requireRuntime(configuration.runtime)
        if try await functions.functions.get(key.name, key.scope) != nil {
            throw FunctionFaults.alreadyExists(key.name)
        }
        let (layers, checks) = try await findLayers(request.layers ?? [], context)
        let image = try await findImage(
            request.code?.imageUri, for: configuration, orElse: FunctionFaults.imageRequired)
        let package =
            if let image { image.package } else {
                try await deploymentPackage(
                    zip: request.code?.zipFile, s3Bucket: request.code?.s3Bucket, imageURI: request.code?.imageUri,
                    beside: layers)
            }
        configuration.codeSha256 = package.sha256
        configuration.codeSize = package.size
        configuration.lastModified = time.wall.civil.lambdaText
        configuration.begin()

        var record = FunctionRecord(configuration: configuration, code: package.code, tags: request.tags ?? [:])
        record.unzippedSize = package.unzippedSize
        record.image = image
        try record.attach(layers)
        var version: VersionRecord?
        var writes: [RowWrite] = []
        if request.publish == true {
            let (published, write) = publish(&record, of: key, description: nil, isActive: false)
            version = published
            writes.append(write)
        }
        let put = functions.functions.put(record, key.name, key.scope, when: .absent)
        guard try await functions.store.commits([put] + writes + checks) else {
            // Unless one of the layers was deleted meanwhile.
            _ = try await findLayers(request.layers ?? [], context)
            throw FunctionFaults.alreadyExists(key.name)
        }
        sink.suspend(key, qualifier: "$LATEST", state: "Pending")
        if let version { reconciler.publish(version, of: key) }
        reconciler.changed(key)
        guard let version else { return record.configuration }
        var reply = record.configuration
        // The ARN stays that of the function (recorded).
        reply.version = version.configuration.version
        return reply
    }
}
