import ApusModel
import ApusServiceKit
import ApusShapes
import ApusWire

/// Where an alias may point. Pure.
///
/// - Source: Lambda developer guide, "Implement Lambda canary deployments using a weighted alias"; recorded refusals.
extension Lambda.AliasConfiguration {
    /// The version that has what the weights leave.
    var mainVersion: String { functionVersion ?? "$LATEST" }

    /// The other version and its weight, 0...1.
    var weighted: (version: String, weight: Double)? {
        routingConfig?.additionalVersionWeights?.entries.first.map { (version: $0.key, weight: $0.value) }
    }

    /// Both versions with their weights, which add up to 1.
    var routes: [(version: String, weight: Double)] {
        guard let weighted else { return [(mainVersion, 1)] }
        return [(mainVersion, 1 - weighted.weight), weighted]
    }

    var versions: [String] { routes.map(\.version) }

    /// Takes over what a request says of the routing; an empty map ends it.
    mutating func route(by requested: Lambda.AliasRoutingConfiguration?) {
        let weights = requested?.additionalVersionWeights ?? [:]
        routingConfig = weights.isEmpty ? nil : .init(additionalVersionWeights: weights)
    }

    /// Checks what can be told without looking at the versions.
    func checkRouting() throws(Fault) {
        guard let weights = routingConfig?.additionalVersionWeights else { return }
        guard weights.count == 1 else { throw FunctionFaults.tooManyWeights }
        guard mainVersion != "$LATEST" else { throw FunctionFaults.weightedLatest }
        guard weights[mainVersion] == nil else { throw FunctionFaults.alreadyRouted(mainVersion) }
    }
}
