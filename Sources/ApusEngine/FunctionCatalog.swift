package import ApusModel
import Synchronization

/// What can be invoked, by function and qualifier. The warm path looks here and nowhere else.
package final class FunctionCatalog: Sendable {
    package enum Entry: Sendable {
        case ready(EnvironmentPool)
        /// The function exists but cannot run now; the state to name, such as `Pending`.
        case notReady(state: String)
    }

    package enum Lookup: Sendable {
        case found(Entry)
        case noSuchFunction
        case noSuchQualifier
    }

    private let functions = Mutex<[FunctionKey: [String: Entry]]>([:])

    package init() {}

    package func look(_ function: FunctionKey, qualifier: String) -> Lookup {
        functions.withLock { functions in
            guard let qualifiers = functions[function] else { return .noSuchFunction }
            return qualifiers[qualifier].map(Lookup.found) ?? .noSuchQualifier
        }
    }

    /// - Returns: what stood there before.
    func set(_ entry: Entry, function: FunctionKey, qualifier: String) -> Entry? {
        functions.withLock { $0[function, default: [:]].updateValue(entry, forKey: qualifier) }
    }

    /// - Parameter qualifier: nil removes the function with everything.
    func remove(_ function: FunctionKey, qualifier: String?) -> [Entry] {
        functions.withLock { functions in
            guard let qualifier else { return functions.removeValue(forKey: function).map { Array($0.values) } ?? [] }
            return functions[function]?.removeValue(forKey: qualifier).map { [$0] } ?? []
        }
    }
}
