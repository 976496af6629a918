import ApusModel

/// The place of an event in its group: the row that it lies in, and which of the row's lines it is.
///
/// As one number, which grows from event to event: the row above 16 bits of index. A line takes 12 bytes of a row at the least,
/// so that a row of 256 KiB holds fewer lines than there are indices.
struct EventPlace: Comparable {
    private static let indexBits = 16

    /// The most that a row may hold.
    static let events = 1 << indexBits

    /// Row numbers that a store has room for.
    private static let rows: Int64 = 1 << 40

    /// Before all events.
    static let start = EventPlace(sequence: 0, index: 0)

    let sequence: Int64
    let index: Int

    init(sequence: Int64, index: Int) {
        self.sequence = sequence
        self.index = index
    }

    /// - Returns: nil for a number that no event can have.
    init?(number: Int64) {
        guard number >= 0, number >> Self.indexBits < Self.rows else { return nil }
        self.init(sequence: number >> Self.indexBits, index: Int(number) & (Self.events - 1))
    }

    var number: Int64 { sequence << Self.indexBits | Int64(index) }

    static func < (a: EventPlace, b: EventPlace) -> Bool { a.number < b.number }
}

/// Where a reader by time stands.
struct EventPosition: Comparable {
    var time: Timestamp
    var place: EventPlace

    static func < (a: EventPosition, b: EventPosition) -> Bool { (a.time, a.place) < (b.time, b.place) }
}
