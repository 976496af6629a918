import ApusModel
import ApusStore

/// Reads the events of a group in the order of their times, a stretch of rows at a time.
///
/// Rows come in the order of their earliest events, and those of several streams overlap: an event is given out once no row that
/// is still to come can hold an earlier one.
struct GroupReader {
    private let store: any LogStore
    private let log: LogName
    private let times: Range<Timestamp>
    private let after: EventPosition?
    private var query: LogQuery

    /// What has been read and not given out yet, in order.
    private var events: ArraySlice<LogEvent> = []

    /// All events before this moment have been read; nil when all have.
    private var horizon: Timestamp? = Timestamp(nanoseconds: .min)

    /// - Parameters:
    ///   - stream: only of this stream.
    ///   - prefix: only of streams whose names begin so.
    ///   - times: of the events wanted.
    ///   - after: reads on behind this event.
    init(
        _ store: any LogStore, _ log: LogName, stream: String?, prefix: String?, times: Range<Timestamp>,
        after: EventPosition?
    ) {
        self.store = store
        self.log = log
        self.times = times
        self.after = after
        query = LogQuery(
            tag: stream, tagPrefix: prefix,
            from: LogRow.time(holding: max(times.lowerBound, after?.time ?? times.lowerBound)),
            until: times.upperBound, order: .time, limit: 1000, byteLimit: 1 << 20)
    }

    /// - Returns: nil at the end.
    mutating func next() async throws(StoreError) -> LogEvent? {
        while let horizon, events.first.map({ $0.time >= horizon }) ?? true { try await readOn() }
        return events.popFirst()
    }

    private mutating func readOn() async throws(StoreError) {
        let records = try await store.read(log, query)
        horizon = records.last?.time
        guard let last = records.last else { return }
        query.after = LogPosition(time: last.time, sequence: last.sequence)
        let more = records.flatMap { record in
            LogRow(record).events.filter { event in
                times.contains(event.time) && (after.map { event.position > $0 } ?? true)
            }
        }
        events = (events + more).sorted { $0.position < $1.position }[...]
    }
}
