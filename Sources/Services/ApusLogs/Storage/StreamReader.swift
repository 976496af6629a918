import ApusModel
import ApusStore

/// Reads the events of one stream, in the order in which they came or backwards, a stretch of rows at a time.
struct StreamReader {
    private let store: any LogStore
    private let log: LogName
    private let times: Range<Timestamp>
    private let after: EventPlace?
    private var query: LogQuery
    private var events: ArraySlice<LogEvent> = []

    /// - Parameters:
    ///   - times: of the events wanted.
    ///   - after: reads on behind this event, in the direction of reading.
    ///   - limit: how many events are wanted, about.
    init(
        _ store: any LogStore, _ log: LogName, stream: String, times: Range<Timestamp>, isForward: Bool,
        after: EventPlace?, limit: Int
    ) {
        self.store = store
        self.log = log
        self.times = times
        self.after = after
        query = LogQuery(
            tag: stream, from: LogRow.time(holding: times.lowerBound), until: times.upperBound,
            order: isForward ? .sequence : .newestFirst, limit: min(max(limit, 1), 1000), byteLimit: 1 << 20)
        // The row of the last event may hold more of them.
        query.after = after.map { place in query.position(behind: place.sequence + (isForward ? -1 : 1)) }
    }

    /// - Returns: nil at the end.
    mutating func next() async throws(StoreError) -> LogEvent? {
        while events.isEmpty {
            let records = try await store.read(log, query)
            guard let last = records.last else { return nil }
            query.after = query.position(behind: last.sequence)
            events = records.flatMap(wanted)[...]
        }
        return events.popFirst()
    }

    private func wanted(_ record: LogRecord) -> [LogEvent] {
        let isForward = query.order == .sequence
        let events = LogRow(record).events.filter { event in
            times.contains(event.time) && (after.map { isForward ? event.place > $0 : event.place < $0 } ?? true)
        }
        return isForward ? events : events.reversed()
    }
}

extension LogQuery {
    fileprivate func position(behind sequence: Int64) -> LogPosition {
        // In the orders by place the time of a position does not matter.
        LogPosition(time: Timestamp(seconds: 0), sequence: sequence)
    }
}
