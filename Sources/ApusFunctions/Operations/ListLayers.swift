import ApusModel
import ApusServiceKit
import ApusShapes
import ApusWire

extension FunctionsService {
    /// Each layer with the newest of its versions that match.
    func listLayers(
        _ request: Lambda.ListLayersRequest, _ context: RequestContext
    ) async throws -> Lambda.ListLayersResponse {
        try LayerRules.check(compatibleRuntime: request.compatibleRuntime)
        let filter = LayerFilter(runtime: request.compatibleRuntime, architecture: request.compatibleArchitecture)
        let size = Pages.size(request.maxItems)
        var items: [Lambda.LayersListItem] = []
        for layer in try await layers.layers.list(context.scope, after: Pages.key(request.marker)) {
            let key = LayerKey(scope: context.scope, name: layer.key)
            guard let newest = try await layers.versions(of: key).first(where: { filter.matches($0.record) }) else {
                continue
            }
            items.append(
                Lambda.LayersListItem(
                    layerName: key.name, layerArn: key.arn,
                    latestMatchingVersion: newest.record.listed(LayerReference(key: key, version: newest.number))))
            // One more than asked for tells whether there is another page.
            if items.count > size { break }
        }
        return Lambda.ListLayersResponse(
            nextMarker: items.count > size ? items[size - 1].layerName.map(Pages.marker) : nil,
            layers: Array(items.prefix(size)))
    }

    /// The newest version first. A layer that does not exist has none.
    func listLayerVersions(
        _ request: Lambda.ListLayerVersionsRequest, _ context: RequestContext
    ) async throws -> Lambda.ListLayerVersionsResponse {
        try LayerRules.check(compatibleRuntime: request.compatibleRuntime)
        let key = try ownLayer(request.layerName, context, action: "ListLayerVersions")
        let filter = LayerFilter(runtime: request.compatibleRuntime, architecture: request.compatibleArchitecture)
        let size = Pages.size(request.maxItems)
        var last = Int.max
        if let marker = try Pages.key(request.marker) {
            guard let number = Int(marker) else { throw FunctionFaults.badMarker }
            last = number
        }
        let items = try await layers.versions(of: key).filter { $0.number < last && filter.matches($0.record) }
        let page = items.prefix(size)
        return Lambda.ListLayerVersionsResponse(
            nextMarker: items.count > size ? page.last.map { Pages.marker(String($0.number)) } : nil,
            layerVersions: page.map { $0.record.listed(LayerReference(key: key, version: $0.number)) })
    }
}

extension LayerVersionRecord {
    fileprivate func listed(_ reference: LayerReference) -> Lambda.LayerVersionsListItem {
        Lambda.LayerVersionsListItem(
            layerVersionArn: reference.arn, version: reference.version, description: description, createdDate: created,
            compatibleArchitectures: architectures, compatibleRuntimes: runtimes, licenseInfo: license)
    }
}
