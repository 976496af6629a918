import ApusModel
import ApusServiceKit
import ApusStore

/// Functions and their versions as rows: `function` by name, `function-version` by name and number.
struct FunctionStore: Sendable {
    let store: any Store
    let functions: RecordTable<FunctionRecord>
    let versions: RecordTable<VersionRecord>

    init(_ store: any Store) {
        self.store = store
        functions = RecordTable("function", in: store)
        versions = RecordTable("function-version", in: store)
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

    /// Reads, changes and writes a function; begins anew when another request changed it in between.
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

    /// Zero-padded, so that the order of the keys is the order of the numbers.
    static func versionKey(_ name: String, _ number: Int) -> String {
        let digits = String(number)
        return "\(name)/\(String(repeating: "0", count: 12 - digits.utf8.count))\(digits)"
    }
}
