import ApusStore

/// The key of a record's row: the number of its log above 40 bits of sequence.
///
/// A log thus lies together on disk, in order, without an index. There is room for 8 million logs of 10^12 records.
struct LogPlace {
    private static let sequenceBits = 40

    let log: Int64

    /// - Throws: `.failed` when there are more logs than numbers for them.
    init(log: Int64) throws(StoreError) {
        guard (1..<(1 << (63 - LogPlace.sequenceBits))).contains(log) else {
            throw StoreError(.failed, "open log \(log): there are too many logs")
        }
        self.log = log
    }

    /// The rows that a log may have.
    var range: ClosedRange<Int64> { id(0)...id((1 << LogPlace.sequenceBits) - 1) }

    func id(_ sequence: Int64) -> Int64 { log << LogPlace.sequenceBits | sequence }

    static func sequence(_ id: Int64) -> Int64 { id & ((1 << sequenceBits) - 1) }
}
