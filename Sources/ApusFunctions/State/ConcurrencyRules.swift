import ApusModel
import ApusServiceKit
import ApusWire

/// What may be reserved and provisioned. Pure.
///
/// - Source: Lambda developer guide, "Configuring reserved concurrency" and "Configuring provisioned concurrency"; recorded
///   refusals.
extension ConcurrencyRecord {
    /// Executions that functions without a share keep, at the least.
    static let unreservedMinimum = 100

    subscript(function: String) -> ConcurrencyShare { shares[function] ?? ConcurrencyShare() }

    /// Executions of the account that no function has for itself.
    func unreserved(of limit: Int) -> Int { shares.entries.reduce(limit) { $0 - $1.value.executions } }

    /// - Parameter limit: concurrent executions of the account.
    mutating func reserve(_ executions: Int, for function: String, limit: Int) throws(Fault) {
        var share = self[function]
        share.reserved = executions
        try set(share, for: function, limit: limit, orElse: FunctionFaults.reservedBelowMinimum(Self.unreservedMinimum))
        guard executions >= share.provisionedExecutions else {
            throw FunctionFaults.reservedBelowProvisioned(executions, share.provisionedExecutions)
        }
    }

    mutating func release(_ function: String) {
        var share = self[function]
        share.reserved = nil
        set(share, for: function)
    }

    /// - Parameters:
    ///   - qualifier: a version or an alias; what was provisioned for it before is replaced.
    ///   - limit: concurrent executions of the account.
    mutating func provision(
        _ provisioned: ProvisionedConcurrency, for function: String, qualifier: String, limit: Int
    ) throws(Fault) {
        var share = self[function]
        let others = share.without(qualifier)
        share.provisioned[qualifier] = provisioned
        if let reserved = share.reserved {
            guard share.provisionedExecutions <= reserved else { throw FunctionFaults.provisionedAboveReserved }
        } else {
            var without = self
            without.set(others, for: function)
            let unreserved = without.unreserved(of: limit)
            guard provisioned.executions <= unreserved else {
                throw FunctionFaults.provisionedAboveUnreserved(unreserved)
            }
        }
        try set(
            share, for: function, limit: limit, orElse: FunctionFaults.provisionedBelowMinimum(Self.unreservedMinimum))
    }

    mutating func deprovision(_ function: String, qualifier: String) {
        set(self[function].without(qualifier), for: function)
    }

    mutating func remove(_ function: String) { shares[function] = nil }

    /// - Throws: `fault` when too little stays unreserved. A small account may give back what it has, and no more.
    private mutating func set(
        _ share: ConcurrencyShare, for function: String, limit: Int, orElse fault: Fault
    ) throws(Fault) {
        let before = unreserved(of: limit)
        set(share, for: function)
        guard unreserved(of: limit) >= min(before, Self.unreservedMinimum) else { throw fault }
    }

    private mutating func set(_ share: ConcurrencyShare, for function: String) {
        shares[function] = share == ConcurrencyShare() ? nil : share
    }
}

extension ConcurrencyShare {
    /// Executions that are the function's alone.
    var executions: Int { reserved ?? provisionedExecutions }

    var provisionedExecutions: Int { provisioned.entries.reduce(0) { $0 + $1.value.executions } }

    fileprivate func without(_ qualifier: String) -> Self {
        var copy = self
        copy.provisioned[qualifier] = nil
        return copy
    }
}
