import ApusModel
import ApusStore

/// A record of the store's log: lines of one stream that came together.
///
/// A version (1 byte), the time when they came (8 bytes, ms since 1970, little-endian), then the lines as ``LogBlock`` has them.
/// The record's time is that of its earliest line.
struct LogRow {
    private static let version: UInt8 = 1
    private static let headSize = 9
    private static let span = LogBlock.span.wholeNanoseconds

    let events: [LogEvent]

    /// A record that is not of this form holds no events.
    init(_ record: LogRecord) {
        let (head, body) = (record.payload.prefix(Self.headSize), record.payload.dropFirst(Self.headSize))
        guard head.count == Self.headSize, head.first == Self.version, let block = LogBlock(body) else {
            events = []
            return
        }
        let ingested = head.dropFirst().reversed().reduce(0) { $0 << 8 | Int($1) }
        events = block.lines.enumerated().prefix(EventPlace.events).map { index, line in
            LogEvent(
                place: EventPlace(sequence: record.sequence, index: index), stream: record.tag, time: line.time,
                ingested: ingested, line: line.bytes)
        }
    }

    /// The time that a row must have at the least to hold an event of this time or a later one.
    static func time(holding time: Timestamp) -> Timestamp {
        Timestamp(nanoseconds: max(time.nanoseconds, .min + span) - span)
    }

    static func record(_ block: LogBlock, stream: String, ingested: Timestamp) -> NewRecord {
        let head = withUnsafeBytes(of: ingested.milliseconds.littleEndian) { [version] + $0 }
        return NewRecord(tag: stream, time: block.earliest, latest: block.latest, payload: head + block.bytes)
    }
}
