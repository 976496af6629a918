package import ApusShapes

/// Tells new log events from those already seen, while the same stretch of time is asked for again and again: events may
/// become visible out of order.
package struct LogTail: Sendable {
    /// Milliseconds since 1970 to ask from.
    package private(set) var start: Int
    private var newest: Int
    private var seen: [String: Int] = [:]

    /// Events that come later than this after a newer one are missed.
    private static let slack = 10_000

    package init(start: Int) {
        self.start = start
        self.newest = start
    }

    /// - Returns: true the first time that the event comes.
    package mutating func isNew(_ event: Logs.FilteredLogEvent) -> Bool {
        let time = event.timestamp ?? 0
        newest = max(newest, time)
        let id = event.eventId ?? "\(event.logStreamName ?? "")/\(time)/\(event.message ?? "")"
        return seen.updateValue(time, forKey: id) == nil
    }

    /// To be called between rounds: forgets what cannot come again.
    package mutating func advance() {
        start = max(start, newest - Self.slack)
        seen = seen.filter { $0.value >= start }
    }
}
