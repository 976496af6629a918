import ApusModel
import ApusStore
import GRDB

/// A ``LogQuery`` as SQL. Each order has one index that gives it without sorting, and names it: the planner, which has
/// no statistics, would sometimes sort a whole log.
struct LogSelection {
    private(set) var sql: String
    private(set) var arguments: StatementArguments = []
    private var conditions: [String] = []

    /// - Parameters:
    ///   - tag: the row of the exact tag asked for, when there is one.
    init(_ query: LogQuery, in place: LogPlace, tag: Int64?, _ database: Database) throws {
        sql = ""
        switch (query.order, tag) {
        case (.time, let tag):
            require("r.log = ?", place.log)
            if let tag { require("r.tag = ?", tag) }
            addTimes(query)
            if let after = query.after {
                require("r.time >= ?", after.time.nanoseconds)
                require("(r.time > ? OR r.id > ?)", after.time.nanoseconds, place.id(after.sequence))
            }
        case (_, let tag?):
            require("r.tag = ?", tag)
            addRange(LogSelection.range(query, in: place))
            addTimes(query)
        case (_, nil):
            addRange(try LogSelection.narrowed(LogSelection.range(query, in: place), query, in: place, database))
            addTimes(query)
        }
        if query.tag == "" { conditions.append("r.tag IS NULL") }
        if let prefix = query.tagPrefix, !prefix.isEmpty {
            require(
                """
                r.tag IN (SELECT id FROM log_tag WHERE log = ? AND name >= ? AND substr(name, 1, ?) = ?)
                """, place.log, prefix, prefix.unicodeScalars.count, prefix)
        }
        let order =
            switch query.order {
            case .sequence: "r.id"
            case .newestFirst: "r.id DESC"
            case .time: "r.time, r.id"
            }
        sql = """
            SELECT r.id, t.name, r.time, r.payload, length(r.payload)
            FROM record r \(LogSelection.index(query.order, tag)) LEFT JOIN log_tag t ON t.id = r.tag
            WHERE \(conditions.joined(separator: " AND ")) ORDER BY \(order) LIMIT ?
            """
        arguments += [query.limit]
    }

    private static func index(_ order: LogQuery.Order, _ tag: Int64?) -> String {
        switch (order, tag) {
        case (.time, .some): "INDEXED BY record_by_tag_time"
        case (.time, nil): "INDEXED BY record_by_time"
        case (_, .some): "INDEXED BY record_by_tag"
        case (_, nil): "NOT INDEXED"
        }
    }

    private mutating func require(_ condition: String, _ values: (any DatabaseValueConvertible)...) {
        conditions.append(condition)
        arguments += StatementArguments(values)
    }

    private mutating func addRange(_ range: ClosedRange<Int64>) {
        require("r.id >= ?", range.lowerBound)
        require("r.id <= ?", range.upperBound)
    }

    private mutating func addTimes(_ query: LogQuery) {
        if let from = query.from { require("r.time >= ?", from.nanoseconds) }
        if let until = query.until { require("r.time < ?", until.nanoseconds) }
    }

    /// The rows that the query's order and `after` leave.
    private static func range(_ query: LogQuery, in place: LogPlace) -> ClosedRange<Int64> {
        var (low, high) = (place.range.lowerBound, place.range.upperBound)
        if let after = query.after {
            if query.order == .newestFirst {
                high = place.id(max(0, after.sequence - 1))
            } else {
                low = place.id(after.sequence + 1)
            }
        }
        // Sequences begin at 1, so that the row of sequence 0 stands for nothing.
        return low <= high ? low...high : place.id(0)...place.id(0)
    }

    /// A range without the ends that the query's times rule out, so that a page late in a long log is found at once.
    private static func narrowed(
        _ range: ClosedRange<Int64>, _ query: LogQuery, in place: LogPlace, _ database: Database
    ) throws -> ClosedRange<Int64> {
        guard query.from != nil || query.until != nil else { return range }
        let row = try database.firstRow(
            """
            SELECT min(id), max(id) FROM record INDEXED BY record_by_time WHERE log = ? AND time >= ? AND time < ?
            """, [place.log, query.from?.nanoseconds ?? .min, query.until?.nanoseconds ?? .max])
        guard let low = row?[0] as Int64?, let high = row?[1] as Int64?, low <= range.upperBound,
            high >= range.lowerBound
        else { return place.id(0)...place.id(0) }
        return max(low, range.lowerBound)...min(high, range.upperBound)
    }
}
