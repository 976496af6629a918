import ApusStore
import FoundationEssentials
import GRDB

extension Database {
    /// Runs one statement, compiled once per connection.
    func run(_ sql: String, _ arguments: StatementArguments = []) throws {
        try cachedStatement(sql: sql).execute(arguments: arguments)
    }

    func firstRow(_ sql: String, _ arguments: StatementArguments = []) throws -> GRDB.Row? {
        try GRDB.Row.fetchOne(cachedStatement(sql: sql), arguments: arguments)
    }

    /// The first column of the first row; nil when there is no row or it holds NULL.
    func firstNumber(_ sql: String, _ arguments: StatementArguments = []) throws -> Int64? {
        try firstRow(sql, arguments)?[0]
    }

    func all<Value>(
        _ sql: String, _ arguments: StatementArguments = [], _ value: (GRDB.Row) throws -> Value
    ) throws -> [Value] {
        var values: [Value] = []
        try each(sql, arguments) { row in
            values.append(try value(row))
            return true
        }
        return values
    }

    /// Walks through the rows until `body` returns false.
    func each(
        _ sql: String, _ arguments: StatementArguments = [], _ body: (GRDB.Row) throws -> Bool
    ) throws {
        let rows = try GRDB.Row.fetchCursor(cachedStatement(sql: sql), arguments: arguments)
        while let row = try rows.next(), try body(row) {}
    }
}

extension GRDB.Row {
    /// A column of bytes; NULL is no bytes.
    func bytes(_ index: Int) throws -> [UInt8] {
        try withUnsafeData(atIndex: index) { data in data.map { [UInt8]($0) } ?? [] }
    }
}

extension [UInt8] {
    /// The bytes as an argument; no bytes are NULL.
    var column: Data? { isEmpty ? nil : Data(self) }
}

/// The engine takes no more at the moment.
struct EngineBusy: Error { let reason: String }

extension StoreError {
    /// What went wrong in the engine, as the seam words it.
    init(_ error: any Error, while context: String) {
        switch error {
        case let error as StoreError: self = error
        case let error as EngineBusy: self.init(.busy, "\(context): \(error.reason)")
        case let error as DatabaseError:
            let code: Code =
                switch error.resultCode {
                case .SQLITE_BUSY, .SQLITE_INTERRUPT, .SQLITE_LOCKED, .SQLITE_MISUSE: .busy
                default: .failed
                }
            self.init(
                code, "\(context): \(error.message ?? "unknown") (SQLite \(error.extendedResultCode.rawValue))")
        default: self.init(.failed, "\(context): \(error)")
        }
    }

    /// Refuses texts that C strings, and so the engines, would cut short.
    static func refuseNUL(_ texts: String..., while context: @autoclosure () -> String) throws(StoreError) {
        for text in texts where text.utf8.contains(0) {
            throw StoreError(.failed, "\(context()): a name holds a NUL byte")
        }
    }
}
