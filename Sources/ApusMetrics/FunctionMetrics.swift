package import ApusModel
import Synchronization

/// The metrics of all functions. Those of a function live as long as it does, over its revisions, so that counters only grow
/// and labels do not pile up.
package final class FunctionMetrics: MetricSource {
    private struct OneFunction {
        var invocations: [String: InvocationMetrics] = [:]
        var environments: [FunctionVersion: EnvironmentMetrics] = [:]
    }

    private let functions = Mutex<[FunctionKey: OneFunction]>([:])

    package init() {}

    /// - Parameter qualifier: as it is called: a version, an alias, or `$LATEST` for a call without one.
    package func invocations(of function: FunctionKey, qualifier: String) -> InvocationMetrics {
        functions.withLock { $0[function, default: OneFunction()].invocations.value(of: qualifier, or: .init()) }
    }

    package func environments(of function: FunctionKey, version: FunctionVersion) -> EnvironmentMetrics {
        functions.withLock { $0[function, default: OneFunction()].environments.value(of: version, or: .init()) }
    }

    /// Forgets the numbers. What still counts into them is not seen any more.
    ///
    /// - Parameter qualifier: a version or an alias; nil forgets the function with all that belongs to it.
    package func remove(_ function: FunctionKey, qualifier: String? = nil) {
        functions.withLock { functions in
            guard let qualifier else {
                functions[function] = nil
                return
            }
            functions[function]?.invocations[qualifier] = nil
            if let version = FunctionVersion(qualifier) { functions[function]?.environments[version] = nil }
        }
    }

    package func collect(into collection: inout MetricCollection) {
        for (function, metrics) in functions.withLock({ $0 }) {
            for (qualifier, invocations) in metrics.invocations {
                invocations.collect(into: &collection, labels: MetricLabels(function, qualifier: qualifier))
            }
            for (version, environments) in metrics.environments {
                environments.collect(
                    into: &collection, labels: MetricLabels(function, qualifier: version.description))
            }
        }
    }
}

extension MetricLabels {
    package init(_ scope: Scope) { self = ["account": scope.account.digits, "region": scope.region.name] }

    package init(_ function: FunctionKey, qualifier: String) {
        self = MetricLabels(function.scope).adding("function", function.name).adding("qualifier", qualifier)
    }
}

extension Dictionary {
    fileprivate mutating func value(of key: Key, or new: @autoclosure () -> Value) -> Value {
        if let known = self[key] { return known }
        let value = new()
        self[key] = value
        return value
    }
}
