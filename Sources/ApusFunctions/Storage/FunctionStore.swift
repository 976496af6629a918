import ApusModel
import ApusServiceKit
import ApusShapes
import ApusStore

/// Functions and what belongs to them as rows: `function` by name, `function-version` by name and number, `function-alias` by
/// name and alias, and one `concurrency` for all of an account and region.
struct FunctionStore: Sendable {
    let store: any Store
    let functions: RecordTable<FunctionRecord>
    let versions: RecordTable<VersionRecord>
    let aliases: RecordTable<AliasRecord>
    private let concurrency: RecordTable<ConcurrencyRecord>

    init(_ store: any Store) {
        self.store = store
        functions = RecordTable("function", in: store)
        versions = RecordTable("function-version", in: store)
        aliases = RecordTable("function-alias", in: store)
        concurrency = RecordTable("concurrency", in: store)
    }

    /// Reads a function that has to exist.
    ///
    /// - Parameter reference: whose spelling the fault repeats.
    func function(_ reference: FunctionReference) async throws -> Stored<FunctionRecord> {
        guard let record = try await functions.get(reference.key.name, reference.key.scope) else {
            throw Fault.functionNotFound(reference.arn)
        }
        return record
    }

    func version(_ number: Int, of function: FunctionKey) async throws -> Stored<VersionRecord>? {
        try await versions.get(Self.versionKey(function.name, number), function.scope)
    }

    /// Published versions in the order of their numbers.
    ///
    /// - Parameter after: only versions above it.
    func versions(of function: FunctionKey, after: Int = 0, limit: Int = 10_000) async throws -> [Stored<VersionRecord>]
    {
        try await versions.list(
            function.scope, prefix: "\(function.name)/", after: Self.versionKey(function.name, after), limit: limit)
    }

    func alias(_ name: String, of function: FunctionKey) async throws -> Lambda.AliasConfiguration? {
        try await aliases.get(Self.aliasKey(function.name, name), function.scope)?.value.configuration
    }

    /// Aliases in the order of their names.
    ///
    /// - Parameter after: only aliases behind it.
    func aliases(of function: FunctionKey, after: String? = nil) async throws -> [Lambda.AliasConfiguration] {
        let after = after.map { Self.aliasKey(function.name, $0) }
        return try await aliases.list(function.scope, prefix: "\(function.name)/", after: after)
            .map(\.value.configuration)
    }

    /// How the executions of an account and region are shared out.
    func concurrency(_ scope: Scope) async throws -> ConcurrencyRecord {
        try await concurrency.get(Self.concurrencyKey, scope)?.value ?? ConcurrencyRecord()
    }

    /// The write that shares the executions out anew, if that changes anything. It fails when another request did so meanwhile.
    func sharing(_ scope: Scope, _ change: (inout ConcurrencyRecord) throws -> Void) async throws -> [RowWrite] {
        let current = try await concurrency.get(Self.concurrencyKey, scope)
        let before = current?.value ?? ConcurrencyRecord()
        var record = before
        try change(&record)
        let condition = current.map { RowWrite.Condition.revision($0.revision) } ?? .absent
        return record == before ? [] : [concurrency.put(record, Self.concurrencyKey, scope, when: condition)]
    }

    /// Reads, changes and writes a function; begins anew when another request changed it in between. What belongs to it
    /// (versions, aliases, its share of the executions) is written alongside, so that requests about one function take turns.
    func update<Output: Sendable>(
        _ reference: FunctionReference,
        _ change: (inout FunctionRecord) async throws -> (Output, alongside: [RowWrite])
    ) async throws -> Output {
        for _ in 0..<16 {
            let current = try await function(reference)
            var record = current.value
            let (output, writes) = try await change(&record)
            let put = functions.put(
                record, reference.key.name, reference.key.scope, when: .revision(current.revision))
            if try await store.commits([put] + writes) { return output }
        }
        throw FunctionFaults.updateInProgress(reference.key.arn.description)
    }

    static func aliasKey(_ name: String, _ alias: String) -> String { "\(name)/\(alias)" }

    private static let concurrencyKey = "shares"

    /// Zero-padded, so that the order of the keys is the order of the numbers.
    static func versionKey(_ name: String, _ number: Int) -> String {
        let digits = String(number)
        // A longer number comes from a client, and no version ever has it.
        return "\(name)/\(String(repeating: "0", count: max(0, 12 - digits.utf8.count)))\(digits)"
    }
}
