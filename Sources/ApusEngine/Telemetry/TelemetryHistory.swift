package import ApusModel

/// What has happened in an environment while extensions may still subscribe: a subscriber is told of it from the start.
package struct TelemetryHistory {
    /// Bytes of printed lines that are kept.
    private static let limit = 256 << 10

    private enum Entry {
        case event(TelemetryEvent, Timestamp)
        case line([UInt8], isObject: Bool, Timestamp)
    }

    private var entries: [Entry] = []
    private var size = 0
    private var dropped = (records: 0, bytes: 0)

    package init() {}

    /// Subscriptions are no history: their number is up to the extensions.
    package mutating func append(_ event: TelemetryEvent, at time: Timestamp) {
        if case .subscription = event { return }
        entries.append(.event(event, time))
    }

    package mutating func append(_ line: UnsafeRawBufferPointer, isObject: Bool, at time: Timestamp) {
        guard size + line.count <= Self.limit else {
            dropped.records += 1
            dropped.bytes += line.count
            return
        }
        size += line.count
        entries.append(.line(Array(line), isObject: isObject, time))
    }

    func tell(_ subscriber: TelemetrySubscriber, _ lines: PlatformLines, now: Timestamp) {
        for entry in entries {
            switch entry {
            case .event(let event, let time): subscriber.take(event, at: time, lines)
            case .line(let bytes, let isObject, let time):
                bytes.withUnsafeBytes { subscriber.take($0, isObject: isObject, at: time) }
            }
        }
        if dropped.records > 0 {
            subscriber.take(.logsDropped(records: dropped.records, bytes: dropped.bytes), at: now, lines)
        }
    }
}
