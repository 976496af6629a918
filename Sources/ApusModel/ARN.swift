/// An Amazon resource name, `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`; the resource may hold colons of its own.
package struct ARN: Hashable, Sendable, CustomStringConvertible {
    package let partition: String
    package let service: String
    package let region: String
    package let account: String
    package let resource: String

    package init(partition: String = "aws", service: String, region: String, account: String, resource: String) {
        self.partition = partition
        self.service = service
        self.region = region
        self.account = account
        self.resource = resource
    }

    package init(service: String, scope: Scope, resource: String) {
        self.init(service: service, region: scope.region.name, account: scope.account.digits, resource: resource)
    }

    /// - Returns: nil when the text has fewer than six parts or does not begin with `arn`.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "arn" else { return nil }
        self.init(
            partition: String(parts[1]), service: String(parts[2]), region: String(parts[3]),
            account: String(parts[4]), resource: String(parts[5]))
    }

    package var description: String { "arn:\(partition):\(service):\(region):\(account):\(resource)" }
}
