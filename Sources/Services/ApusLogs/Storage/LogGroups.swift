import ApusModel
import ApusServiceKit
import ApusStore

/// Groups as rows, events as records of one log a group, tagged with their stream.
struct LogGroups: Sendable {
    let store: any Store
    let records: RecordTable<LogGroupRecord>

    init(_ store: any Store) {
        self.store = store
        records = RecordTable("log-group", in: store)
    }

    func log(_ group: String, _ scope: Scope) -> LogName { LogName(kind: "logs", partition: "\(scope)/\(group)") }

    func group(_ name: String, _ scope: Scope) async throws -> Stored<LogGroupRecord> {
        guard let group = try await records.get(name, scope) else { throw LogsFaults.noSuchGroup }
        return group
    }

    /// Makes a group unless there is one.
    ///
    /// - Returns: false when there was one.
    func create(_ name: String, _ scope: Scope, at time: Timestamp) async throws(StoreError) -> Bool {
        try await store.commits([records.put(LogGroupRecord(created: time), name, scope, when: .absent)])
    }

    /// Name of a group from either of the two ways to give it.
    static func name(_ name: String?, identifier: String?) throws(Fault) -> String {
        switch (name, identifier) {
        case (let name?, nil): return name
        case (nil, let identifier?):
            guard identifier.hasPrefix("arn:") else { return identifier }
            let parts = identifier.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count >= 7, parts[5] == "log-group" else { throw LogsFaults.noSuchGroup }
            return String(parts[6])
        case (_?, _?): throw LogsFaults.bothNames
        case (nil, nil): throw LogsFaults.noName
        }
    }

    static func arn(_ name: String, _ scope: Scope) -> String {
        ARN(service: "logs", scope: scope, resource: "log-group:\(name)").description
    }
}
