import ApusModel
import ApusServiceKit
import ApusWire

/// How the concurrent executions of one account and region are shared out among its functions. One row holds it all, so that
/// two requests at once cannot give the same executions away twice.
struct ConcurrencyRecord: Record, Equatable {
    /// By function. One that has no share uses what is unreserved.
    var shares: WireMap<ConcurrencyShare> = [:]

    init() {}

    init?(stored: ShapeValue) {
        guard let shares: WireMap<ConcurrencyShare> = ShapeMembers(stored).get("shares") else { return nil }
        self.shares = shares
    }

    var stored: ShapeValue {
        var members = ShapeMembers()
        members.set("shares", shares)
        return members.shapeValue
    }
}

/// What one function has of them.
struct ConcurrencyShare: WireShape, Equatable {
    var reserved: Int?

    /// By version or alias.
    var provisioned: WireMap<ProvisionedConcurrency> = [:]

    init() {}

    init(_ value: ShapeValue) {
        let members = ShapeMembers(value)
        reserved = members.get("reserved")
        provisioned = members.get("provisioned") ?? [:]
    }

    var shapeValue: ShapeValue {
        var members = ShapeMembers()
        members.set("reserved", reserved)
        members.set("provisioned", provisioned)
        return members.shapeValue
    }
}

struct ProvisionedConcurrency: WireShape, Equatable {
    var executions: Int

    /// As `LastModified` gives it.
    var lastModified: String

    init(executions: Int, lastModified: String) {
        self.executions = executions
        self.lastModified = lastModified
    }

    init(_ value: ShapeValue) {
        let members = ShapeMembers(value)
        self.init(executions: members.get("executions") ?? 0, lastModified: members.get("lastModified") ?? "")
    }

    var shapeValue: ShapeValue {
        var members = ShapeMembers()
        members.set("executions", executions)
        members.set("lastModified", lastModified)
        return members.shapeValue
    }
}
