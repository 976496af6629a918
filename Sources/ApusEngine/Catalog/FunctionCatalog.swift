package import ApusModel
import Synchronization

/// What can be invoked, by function and qualifier. The warm path looks here and nowhere else.
package final class FunctionCatalog: Sendable {
    package enum Entry: Sendable {
        case ready(Callee)
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

    func set(_ entry: Entry, function: FunctionKey, qualifier: String) {
        functions.withLock { $0[function, default: [:]][qualifier] = entry }
    }

    /// - Parameter qualifier: nil removes the function with everything.
    func remove(_ function: FunctionKey, qualifier: String?) {
        functions.withLock { functions in
            if let qualifier { functions[function]?[qualifier] = nil } else { functions[function] = nil }
        }
    }
}
