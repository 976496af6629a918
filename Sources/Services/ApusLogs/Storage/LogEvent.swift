import ApusModel
import ApusStore

/// One event as it lies in the store: when it came (8 bytes, ms since 1970, little-endian), then its text.
struct LogEvent {
    var sequence: Int64
    var stream: String
    var time: Timestamp
    var ingested: Int
    var message: String

    init(_ record: LogRecord) {
        sequence = record.sequence
        stream = record.tag
        time = record.time
        ingested = record.payload.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        message = String(decoding: record.payload.dropFirst(8), as: UTF8.self)
        // An event is a line; its line feed is not part of it.
        if message.utf8.last == 0x0A, message.utf8.count > 1 { message.unicodeScalars.removeLast() }
    }

    static func payload(_ message: [UInt8], ingested: Timestamp) -> [UInt8] {
        withUnsafeBytes(of: ingested.milliseconds.littleEndian) { Array($0) } + message
    }

    var position: LogPosition { LogPosition(time: time, sequence: sequence) }
}
