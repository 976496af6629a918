import ApusModel
import ApusWire

/// Which layers a function may have. Pure.
///
/// - Source: Lambda developer guide, "Managing Lambda dependencies with layers"; Lambda quotas; recorded refusals.
enum LayerRules {
    /// Layers of one function.
    static let limit = 5

    /// Runtimes that a layer may name: also those that functions may not have any more (recorded).
    static let runtimes =
        RuntimeIdentifiers.accepted + RuntimeIdentifiers.deprecated.union(RuntimeIdentifiers.retired).sorted()

    /// Checks what can be told of a function's layers by their ARNs.
    ///
    /// - Parameter region: the function's.
    static func check(_ arns: [String], region: Region) throws(Fault) {
        guard arns.count <= limit else { throw FunctionFaults.tooManyLayers }
        var seen: [LayerKey: String] = [:]
        for arn in arns {
            guard let layer = LayerReference(arn: arn)?.key else { continue }
            guard layer.scope.region == region else { throw FunctionFaults.layerOfOtherRegion(expected: region.name) }
            if let other = seen.updateValue(arn, forKey: layer) { throw FunctionFaults.sameLayer(other, arn) }
        }
    }

    /// - Parameter code: bytes of the function's own files.
    static func checkSize(code: Int, layers: [AttachedLayer]) throws(Fault) {
        let size = layers.reduce(code) { $0 + $1.unzippedSize }
        guard size <= CodeRules.unzippedLimit else { throw FunctionFaults.tooLargeWithLayers(size) }
    }

    static func check(compatibleRuntimes: [String]?) throws(Fault) {
        guard let compatibleRuntimes, !compatibleRuntimes.allSatisfy(runtimes.contains) else { return }
        throw FunctionFaults.notRuntimes(
            "[\(compatibleRuntimes.joined(separator: ", "))]", at: "compatibleRuntimes", accepted: runtimes)
    }

    static func check(compatibleRuntime: String?) throws(Fault) {
        guard let compatibleRuntime, !runtimes.contains(compatibleRuntime) else { return }
        throw FunctionFaults.notRuntimes(compatibleRuntime, at: "compatibleRuntime", accepted: runtimes)
    }
}

/// What a list of layers is narrowed down to. A layer that does not say what it is compatible with matches no filter.
struct LayerFilter {
    var runtime: String?
    var architecture: String?

    func matches(_ version: LayerVersionRecord) -> Bool {
        (runtime.map { version.runtimes?.contains($0) == true } ?? true)
            && (architecture.map { version.architectures?.contains($0) == true } ?? true)
    }
}
