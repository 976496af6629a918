import ApusModel
import ApusServiceKit
import ApusShapes
import ApusStore

extension FunctionsService {
    /// Finds the layers that a function is to have.
    ///
    /// - Returns: the layers in their order, and what has to be true of the store when the function is written: a version that
    ///   was deleted meanwhile would take its package along.
    func findLayers(
        _ arns: [String], _ context: RequestContext
    ) async throws -> (layers: [AttachedLayer], checks: [RowWrite]) {
        try LayerRules.check(arns, region: context.scope.region)
        var found: [AttachedLayer] = []
        var checks: [RowWrite] = []
        for arn in arns {
            guard let reference = LayerReference(arn: arn), let record = try await usableVersion(reference, context)
            else { throw FunctionFaults.noSuchLayerVersion(arn) }
            found.append(AttachedLayer(arn: arn, record.package))
            checks.append(layers.check(reference))
        }
        return (found, checks)
    }
}

extension FunctionRecord {
    /// Gives the function these layers, in place of those that it had.
    mutating func attach(_ layers: [AttachedLayer]) throws(Fault) {
        try LayerRules.checkSize(code: unzippedSize, layers: layers)
        self.layers = layers
        configuration.layers =
            layers.isEmpty ? nil : layers.map { Lambda.Layer(arn: $0.arn, codeSize: $0.size) }
    }
}
