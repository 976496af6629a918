import ApusModel

/// One line of a stream.
struct LogEvent {
    var place: EventPlace
    var stream: String
    var time: Timestamp

    /// When it came, in milliseconds since 1970.
    var ingested: Int
    var message: String

    init(place: EventPlace, stream: String, time: Timestamp, ingested: Int, line: ArraySlice<UInt8>) {
        self.place = place
        self.stream = stream
        self.time = time
        self.ingested = ingested
        // An event is a line; its line feed is not part of it.
        let hasLineFeed = line.last == 0x0A && line.count > 1
        message = String(decoding: hasLineFeed ? line.dropLast() : line, as: UTF8.self)
    }

    var position: EventPosition { EventPosition(time: time, place: place) }
}
