package import ApusRuntimeAPI
package import NIOCore

/// The records that wait for one subscriber, in batches. Pure.
///
/// Of what was not delivered yet it holds four batches' bytes at the most. What comes then is dropped, and counted.
package struct TelemetryBuffer {
    private static let batches = 4

    private struct Batch {
        var bytes = ByteBuffer()
        var records = 0
    }

    private let buffering: TelemetrySubscription.Buffering
    private let isArray: Bool
    private var filling = Batch()
    private var full: [Batch] = []
    private var travelling: Batch?
    private var held = 0

    /// What was dropped since ``takeDropped()``.
    private var dropped = (records: 0, bytes: 0)

    /// - Parameter isArray: a batch is a JSON array; otherwise its records are lines.
    package init(_ buffering: TelemetrySubscription.Buffering, isArray: Bool) {
        self.buffering = buffering
        self.isArray = isArray
    }

    /// Nothing waits and nothing is on its way.
    package var isEmpty: Bool { !isFilling && full.isEmpty && travelling == nil }

    /// A batch has been begun, which is to be sealed when its time is over.
    package var isFilling: Bool { filling.records > 0 }

    /// - Parameter record: a JSON object.
    package mutating func append(_ record: [UInt8]) {
        guard hasRoom(for: record.count) else {
            dropped.records += 1
            dropped.bytes += record.count
            return
        }
        if filling.bytes.readableBytes + record.count > buffering.maxBytes { seal() }
        if isArray { filling.bytes.writeInteger(UInt8(ascii: filling.records == 0 ? "[" : ",")) }
        filling.bytes.writeBytes(record)
        if !isArray { filling.bytes.writeInteger(UInt8(ascii: "\n")) }
        filling.records += 1
        held += record.count
        if filling.records == buffering.maxItems || filling.bytes.readableBytes >= buffering.maxBytes { seal() }
    }

    private func hasRoom(for bytes: Int) -> Bool { held + bytes <= Self.batches * buffering.maxBytes }

    /// Ends the batch that is being filled.
    package mutating func seal() {
        guard filling.records > 0 else { return }
        if isArray { filling.bytes.writeInteger(UInt8(ascii: "]")) }
        full.append(filling)
        filling = Batch()
    }

    /// The oldest batch, which then is on its way; nil when another one is, or none is full.
    package mutating func next() -> ByteBuffer? {
        guard travelling == nil, !full.isEmpty else { return nil }
        travelling = full.removeFirst()
        return travelling?.bytes
    }

    /// The batch on its way is to be sent once more.
    package mutating func lost() {
        if let travelling { full.insert(travelling, at: 0) }
        travelling = nil
    }

    /// The batch on its way has arrived.
    package mutating func delivered() {
        travelling = nil
        held = full.reduce(filling.bytes.readableBytes) { $0 + $1.bytes.readableBytes }
    }

    /// What was dropped since the last time; nil for nothing, and as long as there is no room to tell of it.
    package mutating func takeDropped() -> (records: Int, bytes: Int)? {
        guard dropped.records > 0, hasRoom(for: 512) else { return nil }
        defer { dropped = (0, 0) }
        return dropped
    }
}
