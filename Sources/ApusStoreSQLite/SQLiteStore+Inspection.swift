package import ApusStore
import GRDB

/// Looks inside the engine, for its tests and for diagnosis.
extension SQLiteStore {
    /// How many writes wait for the writer.
    package var waitingWrites: Int { writer.waiting }

    /// Runs statements as a write of their own.
    package func execute(_ sql: String) async throws(StoreError) {
        try await writer.write(sql) { try $0.database.execute(sql: sql) }
    }

    /// A setting of the writer's connection, as text.
    package func setting(_ name: String) async throws(StoreError) -> String? {
        try await writer.write("read setting \(name)") {
            try $0.database.firstRow("PRAGMA \(name)")?.databaseValues.first.map { "\($0.storage.value ?? "")" }
        }
    }

    /// The number that a statement selects.
    package func number(_ sql: String) async throws(StoreError) -> Int {
        try await read(sql) { Int(try $0.firstNumber(sql) ?? 0) }
    }

    /// How SQLite means to run a statement, a line for each step.
    package func plan(_ sql: String) async throws(StoreError) -> [String] {
        try await read(sql) { try $0.all("EXPLAIN QUERY PLAN \(sql)") { $0["detail"] } }
    }
}
