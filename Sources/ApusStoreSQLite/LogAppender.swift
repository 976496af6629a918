import ApusModel
import ApusStore
import GRDB

/// One append: looks up each log and tag once, and updates their summaries once at the end.
struct LogAppender {
    private struct OpenLog {
        let place: LogPlace
        var next: Int64
        var tags: [ExactText: TagChange] = [:]
    }

    /// What the new records add to the summary of a tag.
    private struct TagChange {
        let id: Int64
        var first: Int64
        var last: Int64
        var records = 0
        var bytes = 0
    }

    private let database: Database
    private var logs: [[ExactText]: OpenLog] = [:]

    init(_ database: Database) { self.database = database }

    /// - Returns: the record's sequence.
    mutating func append(_ record: NewRecord, to name: LogName) throws -> Int64 {
        let key = [ExactText(text: name.kind), ExactText(text: name.partition)]
        var log: OpenLog
        if let open = logs.removeValue(forKey: key) { log = open } else { log = try open(name) }
        let sequence = log.next
        log.next += 1
        let tag = try note(record, in: &log)
        logs[key] = log
        try database.run(
            "INSERT INTO record (id, log, tag, time, payload) VALUES (?, ?, ?, ?, ?)",
            [log.place.id(sequence), log.place.log, tag, record.time.nanoseconds, record.payload.column])
        return sequence
    }

    func finish() throws {
        for log in logs.values {
            try database.run("UPDATE log SET next = ? WHERE id = ?", [log.next, log.place.log])
            for tag in log.tags.values {
                try database.run(
                    """
                    UPDATE log_tag SET first = min(first, ?), last = max(last, ?), records = records + ?,
                        bytes = bytes + ?
                    WHERE id = ?
                    """, [tag.first, tag.last, tag.records, tag.bytes, tag.id])
            }
        }
    }

    private func open(_ name: LogName) throws -> OpenLog {
        if let (place, next) = try database.findLog(name) { return OpenLog(place: place, next: next) }
        try database.run("INSERT INTO log (kind, partition, next) VALUES (?, ?, 1)", [name.kind, name.partition])
        return OpenLog(place: try LogPlace(log: database.lastInsertedRowID), next: 1)
    }

    /// Counts the record for its tag's summary.
    ///
    /// - Returns: the tag's row, nil for the empty tag.
    private func note(_ record: NewRecord, in log: inout OpenLog) throws -> Int64? {
        if record.tag.isEmpty { return nil }
        let key = ExactText(text: record.tag)
        let (time, latest) = (record.time.nanoseconds, record.latest.nanoseconds)
        var change = try log.tags[key] ?? TagChange(id: tagID(record, in: log.place), first: time, last: latest)
        change.first = min(change.first, time)
        change.last = max(change.last, latest)
        change.records += 1
        change.bytes += record.payload.count
        log.tags[key] = change
        return change.id
    }

    private func tagID(_ record: NewRecord, in place: LogPlace) throws -> Int64 {
        let id = try database.firstNumber(
            "SELECT id FROM log_tag WHERE log = ? AND name = ?", [place.log, record.tag])
        if let id { return id }
        try database.run(
            "INSERT INTO log_tag (log, name, first, last, records, bytes) VALUES (?, ?, ?, ?, 0, 0)",
            [place.log, record.tag, record.time.nanoseconds, record.latest.nanoseconds])
        return database.lastInsertedRowID
    }
}

/// A text that equals another when their bytes do, as in the database; Swift's own equality is that of characters.
private struct ExactText: Hashable {
    let text: String

    static func == (a: ExactText, b: ExactText) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }

    func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
    }
}
