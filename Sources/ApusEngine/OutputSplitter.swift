package import NIOCore

/// Cuts what processes print into log events, one a line.
package struct LineSplitter {
    /// Bytes of one event; a longer line goes on in the next.
    package static let limit = 256 << 10

    private var partial: [UInt8] = []

    package init() {}

    /// - Returns: whole lines, each with its line feed.
    package mutating func take(_ buffer: ByteBuffer) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        for byte in buffer.readableBytesView {
            partial.append(byte)
            if byte == 0x0A || partial.count >= Self.limit {
                lines.append(partial)
                partial.removeAll(keepingCapacity: true)
            }
        }
        return lines
    }

    /// What was written without a line feed at the end.
    package mutating func rest() -> [UInt8]? {
        defer { partial = [] }
        return partial.isEmpty ? nil : partial
    }
}

/// Takes records off the framed log channel: type (4 bytes, big-endian), length (4), time in µs (8), content.
///
/// A function can write anything here. What is not a frame is passed on as lines.
///
/// - Source: the public runtime clients for Python and Node.js.
package struct FrameSplitter {
    package static let contentLimit = 1 << 20

    /// How every type begins; its low byte carries the format and the level of the record.
    private static let mark: [UInt8] = [0xA5, 0x5A, 0x00]

    private var pending = ByteBuffer()
    private var lines = LineSplitter()
    private var isBroken = false

    package init() {}

    package mutating func take(_ buffer: ByteBuffer) -> [[UInt8]] {
        if isBroken { return lines.take(buffer) }
        pending.writeImmutableBuffer(buffer)
        var records: [[UInt8]] = []
        while pending.readableBytes > 0 {
            let length = pending.getInteger(at: pending.readerIndex + 4, as: UInt32.self).map { Int($0) }
            let isMarked = zip(pending.readableBytesView, Self.mark).allSatisfy { $0 == $1 }
            guard isMarked, length ?? 0 <= Self.contentLimit else {
                isBroken = true
                defer { pending = ByteBuffer() }
                return records + lines.take(pending)
            }
            guard let length, pending.readableBytes >= 16 + length else { break }
            pending.moveReaderIndex(forwardBy: 16)
            records.append(pending.readBytes(length: length) ?? [])
        }
        pending.discardReadBytes()
        return records
    }

    package mutating func rest() -> [UInt8]? { lines.rest() }
}
