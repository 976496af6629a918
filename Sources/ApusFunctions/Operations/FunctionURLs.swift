import ApusModel
import ApusServiceKit
import ApusShapes
import ApusStore
import ApusWire

extension FunctionsService {
    func createURL(
        _ request: Lambda.CreateFunctionUrlConfigRequest, _ context: RequestContext
    ) async throws -> Lambda.CreateFunctionUrlConfigResponse {
        let target = try FunctionReference(
            request.functionName, qualifier: request.qualifier, scope: context.scope)
        let record = FunctionURLRecord(
            id: FunctionURL.makeID(), authType: request.authType, invokeMode: request.invokeMode,
            cors: request.cors?.unlessEmpty, created: time.wall.civil.iso8601)
        try await changeURL(of: target) { current in
            guard current == nil else { throw FunctionFaults.urlExists(target.arn) }
            return record
        }
        return .init(description(record, of: target, context).shapeValue)
    }

    func getURL(
        _ request: Lambda.GetFunctionUrlConfigRequest, _ context: RequestContext
    ) async throws -> Lambda.GetFunctionUrlConfigResponse {
        let target = try FunctionReference(
            request.functionName, qualifier: request.qualifier, scope: context.scope)
        guard let record = try await access.url(of: target) else { throw FunctionFaults.noSuchResource }
        return .init(description(record, of: target, context).inFull.shapeValue)
    }

    func updateURL(
        _ request: Lambda.UpdateFunctionUrlConfigRequest, _ context: RequestContext
    ) async throws -> Lambda.UpdateFunctionUrlConfigResponse {
        let target = try FunctionReference(
            request.functionName, qualifier: request.qualifier, scope: context.scope)
        let record = try await changeURL(of: target) { current in
            guard var record = current else { throw FunctionFaults.noSuchResource }
            if let authType = request.authType { record.authType = authType }
            if let invokeMode = request.invokeMode { record.invokeMode = invokeMode }
            if let cors = request.cors { record.cors = cors.unlessEmpty }
            record.lastModified = time.wall.civil.iso8601
            return record
        }
        return .init(description(record, of: target, context).shapeValue)
    }

    func deleteURL(
        _ request: Lambda.DeleteFunctionUrlConfigRequest, _ context: RequestContext
    ) async throws -> EmptyShape {
        let target = try FunctionReference(
            request.functionName, qualifier: request.qualifier, scope: context.scope)
        guard try await access.url(of: target) != nil else { throw FunctionFaults.noSuchResource }
        try await functions.store.commit([access.urls.delete(FunctionAccess.rowKey(target), target.key.scope)])
        try await handOutURL(of: target)
        return EmptyShape()
    }

    func listURLs(
        _ request: Lambda.ListFunctionUrlConfigsRequest, _ context: RequestContext
    ) async throws -> Lambda.ListFunctionUrlConfigsResponse {
        let key = try functionKey(request.functionName, context)
        guard try await functions.functions.get(key.name, key.scope) != nil else {
            throw FunctionFaults.noFunctionForURL
        }
        let size = Pages.size(request.maxItems)
        // One more than asked for tells whether there is another page.
        let found = try await access.urls.list(
            key.scope, prefix: "\(key.name)/", after: try Pages.key(request.marker), limit: size + 1)
        let page = found.prefix(size)
        return Lambda.ListFunctionUrlConfigsResponse(
            functionUrlConfigs: page.map {
                description($0.value, of: FunctionAccess.target($0.key, key.scope), context).inFull
            }, nextMarker: found.count > size ? page.last.map { Pages.marker($0.key) } : nil)
    }

    // MARK: Changes

    @discardableResult
    private func changeURL(
        of target: FunctionReference, _ change: (FunctionURLRecord?) throws -> FunctionURLRecord
    ) async throws -> FunctionURLRecord {
        guard try await functions.functions.get(target.key.name, target.key.scope) != nil else {
            throw FunctionFaults.noFunctionForURL
        }
        let record = try await functions.update(target) { _ in
            if let alias = target.qualifier, try await functions.alias(alias, of: target.key) == nil {
                throw FunctionFaults.noFunctionForURL
            }
            let record = try change(try await access.url(of: target))
            return (record, alongside: [access.put(record, of: target)])
        }
        try await handOutURL(of: target)
        return record
    }

    // MARK: What is called

    /// Hands out every URL that is stored. To be called once, before requests are served.
    package func recoverURLs() async throws {
        for scope in try await access.urls.scopes() {
            for stored in try await access.urls.list(scope) {
                try await handOutURL(of: FunctionAccess.target(stored.key, scope))
            }
        }
    }

    /// Brings the calls of a URL in line with what is stored of it and of its policy.
    func handOutURL(of target: FunctionReference) async throws {
        var stored = try await storedURL(of: target)
        while true {
            hand(stored, of: target)
            // A change in between may have been handed out already, and this would have undone it.
            let now = try await storedURL(of: target)
            if now == stored { return }
            stored = now
        }
    }

    private func storedURL(of target: FunctionReference) async throws -> StoredURL {
        StoredURL(record: try await access.url(of: target), policy: try await access.policy(of: target))
    }

    private func hand(_ stored: StoredURL, of target: FunctionReference) {
        guard let record = stored.record else { return urls.remove(target) }
        urls.set(
            FunctionURL(
                id: record.id, function: target.key, qualifier: target.qualifier,
                isSigned: record.authType == "AWS_IAM",
                isStreamed: record.invokeMode == "RESPONSE_STREAM", crossOrigin: record.cors.map(CrossOriginRules.init)
            ) { principal in
                stored.policy?.allows(PolicyAccess(byURL: principal, authType: record.authType)) ?? false
            })
    }

    // MARK: Descriptions

    private func description(
        _ record: FunctionURLRecord, of target: FunctionReference, _ context: RequestContext
    ) -> Lambda.FunctionUrlConfig {
        Lambda.FunctionUrlConfig(
            functionUrl: urlAddress.url(of: record.id, region: target.key.scope.region, endpoint: context.endpoint),
            functionArn: target.arn, creationTime: record.created, lastModifiedTime: record.lastModified,
            cors: record.cors, authType: record.authType, invokeMode: record.invokeMode)
    }
}

/// What decides on the calls of a URL.
private struct StoredURL: Equatable {
    var record: FunctionURLRecord?
    var policy: ResourcePolicy?
}

extension Lambda.FunctionUrlConfig {
    /// Reads name the mode that nobody chose; the answers to changes do not (recorded).
    fileprivate var inFull: Self {
        var copy = self
        copy.invokeMode = invokeMode ?? "BUFFERED"
        return copy
    }
}

extension Lambda.Cors {
    /// One that says nothing ends what was said before.
    fileprivate var unlessEmpty: Self? { self == Self() ? nil : self }
}

extension CrossOriginRules {
    fileprivate init(_ cors: Lambda.Cors) {
        self.init(
            origins: cors.allowOrigins ?? [], methods: cors.allowMethods ?? [], headers: cors.allowHeaders ?? [],
            exposed: cors.exposeHeaders ?? [], allowsCredentials: cors.allowCredentials ?? false, maxAge: cors.maxAge)
    }
}
