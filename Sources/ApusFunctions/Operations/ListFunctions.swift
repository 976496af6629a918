import ApusModel
import ApusServiceKit
import ApusShapes
import ApusWire

extension FunctionsService {
    func list(
        _ request: Lambda.ListFunctionsRequest, _ context: RequestContext
    ) async throws -> Lambda.ListFunctionsResponse {
        let size = Pages.size(request.maxItems)
        let withVersions = request.functionVersion == "ALL"
        let position = try ListPosition(marker: request.marker)
        var items: [(position: ListPosition, configuration: Lambda.FunctionConfiguration)] = []
        // One more than asked for tells whether there is another page.
        if withVersions, let name = position.function {
            items += try await versions(of: name, context.scope, after: position.version, limit: size + 1)
        }
        for stored in try await functions.functions.list(context.scope, after: position.function, limit: size + 1)
        where items.count <= size {
            items.append((ListPosition(function: stored.key, version: 0), stored.value.configuration))
            if withVersions { items += try await versions(of: stored.key, context.scope, after: 0, limit: size + 1) }
        }
        let page = items.prefix(size)
        return Lambda.ListFunctionsResponse(
            nextMarker: items.count > size ? page.last?.position.marker : nil,
            functions: page.map { $0.configuration.listed(qualified: withVersions) })
    }

    private func versions(
        of name: String, _ scope: Scope, after: Int, limit: Int
    ) async throws -> [(position: ListPosition, configuration: Lambda.FunctionConfiguration)] {
        try await functions.versions(of: FunctionKey(scope: scope, name: name), after: after, limit: limit).map {
            let number = Int($0.value.configuration.version ?? "") ?? 0
            return (ListPosition(function: name, version: number), $0.value.configuration)
        }
    }

    func listVersions(
        _ request: Lambda.ListVersionsByFunctionRequest, _ context: RequestContext
    ) async throws -> Lambda.ListVersionsByFunctionResponse {
        let reference = try FunctionReference(request.functionName, qualifier: nil, scope: context.scope)
        let function = try await functions.function(reference).value
        let size = Pages.size(request.maxItems)
        let position = try ListPosition(marker: request.marker)
        var items: [(number: Int, configuration: Lambda.FunctionConfiguration)] = []
        if position.function == nil { items.append((0, function.configuration)) }
        for version in try await functions.versions(of: reference.key, after: position.version, limit: size + 1) {
            items.append((Int(version.value.configuration.version ?? "") ?? 0, version.value.configuration))
        }
        let page = items.prefix(size)
        let last = page.last.map { ListPosition(function: reference.key.name, version: $0.number) }
        return Lambda.ListVersionsByFunctionResponse(
            nextMarker: items.count > size ? last?.marker : nil,
            versions: page.map { $0.configuration.listed(qualified: true) })
    }
}

/// How far a client has read: up to and including a version of a function, 0 for `$LATEST`.
private struct ListPosition {
    var function: String?
    var version = 0

    init(function: String, version: Int) {
        self.function = function
        self.version = version
    }

    init(marker: String?) throws(Fault) {
        guard let key = try Pages.key(marker) else { return }
        let parts = key.split(separator: "/")
        guard parts.count == 2, let version = Int(parts[1]) else { throw FunctionFaults.badMarker }
        (self.function, self.version) = (String(parts[0]), version)
    }

    var marker: String { Pages.marker("\(function ?? "")/\(version)") }
}

extension Lambda.FunctionConfiguration {
    /// Lists leave out what changes by itself.
    ///
    /// - Source: Lambda API reference, ListFunctions.
    func listed(qualified: Bool) -> Self {
        var copy = self
        if qualified, let version, version == "$LATEST", let functionArn {
            copy.functionArn = "\(functionArn):\(version)"
        }
        copy.state = nil
        copy.stateReason = nil
        copy.stateReasonCode = nil
        copy.lastUpdateStatus = nil
        copy.lastUpdateStatusReason = nil
        copy.lastUpdateStatusReasonCode = nil
        copy.runtimeVersionConfig = nil
        return copy
    }
}
