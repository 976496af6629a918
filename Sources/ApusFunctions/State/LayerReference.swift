import ApusModel

/// One layer of one account and region.
struct LayerKey: Hashable, Sendable {
    let scope: Scope
    let name: String

    init(scope: Scope, name: String) {
        self.scope = scope
        self.name = name
    }

    /// - Parameters:
    ///   - text: a name or an ARN, as the tables allow it.
    ///   - scope: of the caller.
    init(_ text: String, scope: Scope) {
        guard let arn = ARN(text), let account = AccountID(arn.account) else {
            self.init(scope: scope, name: text)
            return
        }
        self.init(
            scope: Scope(account: account, region: Region(arn.region)),
            name: String(arn.resource.split(separator: ":").last ?? ""))
    }

    var arn: String { ARN(service: "lambda", scope: scope, resource: "layer:\(name)").description }

    func arn(_ version: Int) -> String { "\(arn):\(version)" }
}

/// A version of a layer.
struct LayerReference: Hashable, Sendable {
    let key: LayerKey
    let version: Int

    init(key: LayerKey, version: Int) {
        self.key = key
        self.version = version
    }

    /// - Returns: nil for an ARN that names no layer of an account, as those of AWS's own do, or a number beyond all that exist.
    init?(arn text: String) {
        guard let arn = ARN(text), let account = AccountID(arn.account) else { return nil }
        let parts = arn.resource.split(separator: ":")
        guard parts.count == 3, parts[0] == "layer", let version = Int(parts[2]) else { return nil }
        self.init(
            key: LayerKey(scope: Scope(account: account, region: Region(arn.region)), name: String(parts[1])),
            version: version)
    }

    var arn: String { key.arn(version) }
}
