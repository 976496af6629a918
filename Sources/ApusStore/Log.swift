package import ApusModel

/// The name of one ordered log, such as a log group or a shard.
package struct LogName: Hashable, Sendable {
    package let kind: String
    package let partition: String

    package init(kind: String, partition: String) {
        self.kind = kind
        self.partition = partition
    }
}

/// A record before it is stored.
package struct NewRecord: Equatable, Sendable {
    /// What readers may filter by, such as a log stream's name. Empty where a log has no such thing.
    package var tag: String
    package var time: Timestamp

    /// The last moment that the payload tells of, for the summary of its tag; ``time`` unless said otherwise.
    package var latest: Timestamp
    package var payload: [UInt8]

    package init(tag: String = "", time: Timestamp, latest: Timestamp? = nil, payload: [UInt8]) {
        self.tag = tag
        self.time = time
        self.latest = latest ?? time
        self.payload = payload
    }
}

package struct LogRecord: Equatable, Sendable {
    /// The place in its log: grows by at least one a record and is never used again.
    package let sequence: Int64
    package let tag: String
    package let time: Timestamp
    package let payload: [UInt8]

    package init(sequence: Int64, tag: String, time: Timestamp, payload: [UInt8]) {
        self.sequence = sequence
        self.tag = tag
        self.time = time
        self.payload = payload
    }
}

/// Which records a reader wants. All conditions must hold.
package struct LogQuery: Equatable, Sendable {
    package enum Order: Equatable, Sendable {
        /// By place in the log, oldest first.
        case sequence
        /// By place in the log, newest first.
        case newestFirst
        /// By time, then by place.
        case time
    }

    /// Only this tag; the empty one takes the records without a tag.
    package var tag: String?

    /// Only tags that begin so.
    package var tagPrefix: String?

    /// From this moment on.
    package var from: Timestamp?

    /// Before this moment.
    package var until: Timestamp?

    package var order: Order

    /// Goes on behind this record of an earlier answer to the same query.
    package var after: LogPosition?

    /// Records at the most, 1...10,000.
    package var limit: Int

    /// The payloads' bytes at the most, all together; the first record comes in any case.
    package var byteLimit: Int

    package init(
        tag: String? = nil, tagPrefix: String? = nil, from: Timestamp? = nil, until: Timestamp? = nil,
        order: Order = .sequence, after: LogPosition? = nil, limit: Int, byteLimit: Int = .max
    ) {
        self.tag = tag
        self.tagPrefix = tagPrefix
        self.from = from
        self.until = until
        self.order = order
        self.after = after
        self.limit = limit
        self.byteLimit = byteLimit
    }
}

/// Where a reader stands.
package struct LogPosition: Equatable, Sendable {
    package let time: Timestamp
    package let sequence: Int64

    package init(time: Timestamp, sequence: Int64) {
        self.time = time
        self.sequence = sequence
    }
}

/// What a log knows of one tag.
package struct LogTagSummary: Equatable, Sendable {
    package let tag: String

    /// The earliest time of its records.
    package let first: Timestamp

    /// The latest moment that its records tell of, or told of before some were removed.
    package let last: Timestamp

    /// Sum of the payloads' sizes.
    package let bytes: Int

    package init(tag: String, first: Timestamp, last: Timestamp, bytes: Int) {
        self.tag = tag
        self.first = first
        self.last = last
        self.bytes = bytes
    }
}

/// Append-only ordered records, for log groups, shards and change streams.
package protocol LogStore: Sendable {
    /// Appends in the order given, all or none, to several logs at once.
    ///
    /// - Returns: the sequence of each record, in the order given.
    @discardableResult
    func append(_ records: [(log: LogName, record: NewRecord)]) async throws(StoreError) -> [Int64]

    func read(_ log: LogName, _ query: LogQuery) async throws(StoreError) -> [LogRecord]

    /// The tags of a log that have records, in the order of their bytes. The empty tag is not among them.
    ///
    /// - Parameters:
    ///   - prefix: only tags that begin with it; empty takes all.
    ///   - after: only tags greater than it.
    ///   - limit: tags at the most, 1...10,000.
    func tags(
        of log: LogName, prefix: String, after: String?, limit: Int
    ) async throws(StoreError) -> [LogTagSummary]

    /// Removes records older than a moment, step by step: a reader may see some of them gone and others not yet.
    ///
    /// - Returns: how many were removed.
    @discardableResult
    func trim(_ log: LogName, before: Timestamp) async throws(StoreError) -> Int

    /// Removes the records of one tag (step by step), or the whole log without one (at once). Sequences go on.
    func deleteLog(_ log: LogName, tag: String?) async throws(StoreError)
}
