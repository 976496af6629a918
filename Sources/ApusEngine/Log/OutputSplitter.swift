import Glibc

/// Cuts what processes print into log events, one a line.
package struct LineSplitter {
    /// Bytes of one event; a longer line goes on in the next.
    package static let limit = 256 << 10

    private var partial: [UInt8] = []

    package init() {}

    /// - Parameter onLine: gets each whole line, with its line feed; the bytes are there during the call only.
    package mutating func take(_ bytes: UnsafeRawBufferPointer, _ onLine: (UnsafeRawBufferPointer) -> Void) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let room = rest.prefix(Self.limit - partial.count)
            let (piece, isWhole) = room.line
            rest = rest.dropFirst(piece.count)
            guard isWhole || partial.count + piece.count == Self.limit else {
                partial.append(contentsOf: piece)
                return
            }
            if partial.isEmpty {
                onLine(UnsafeRawBufferPointer(rebasing: piece))
            } else {
                partial.append(contentsOf: piece)
                partial.withUnsafeBytes(onLine)
                partial.removeAll(keepingCapacity: partial.count <= 4096)
            }
        }
    }

    /// Gives out what was written without a line feed at the end.
    package mutating func rest(_ onLine: (UnsafeRawBufferPointer) -> Void) {
        guard !partial.isEmpty else { return }
        partial.withUnsafeBytes(onLine)
        partial.removeAll(keepingCapacity: partial.count <= 4096)
    }
}

extension Slice<UnsafeRawBufferPointer> {
    /// What goes up to the first line feed, that included; all of it when there is none.
    fileprivate var line: (bytes: Self, isWhole: Bool) {
        guard let start = UnsafeRawBufferPointer(rebasing: self).baseAddress, let end = memchr(start, 0x0A, count)
        else { return (self, false) }
        return (prefix(UnsafeRawPointer(end) - start + 1), true)
    }
}

/// Takes records off the framed log channel: type (4 bytes, big-endian), length (4), time in µs (8), content.
///
/// A function can write anything here. What is not a frame is passed on as lines.
///
/// - Source: the public runtime clients for Python and Node.js.
package struct FrameSplitter {
    package static let contentLimit = 1 << 20

    private static let headSize = 16

    /// How every type begins; its low byte carries the format and the level of the record.
    private static let mark: [UInt8] = [0xA5, 0x5A, 0x00]

    private enum Frame {
        case whole(size: Int)
        case begun
        case none
    }

    private var pending: [UInt8] = []
    private var lines = LineSplitter()
    private var isBroken = false

    package init() {}

    /// - Parameter onRecord: gets the content of each frame; the bytes are there during the call only.
    package mutating func take(_ bytes: UnsafeRawBufferPointer, _ onRecord: (UnsafeRawBufferPointer) -> Void) {
        if isBroken { return lines.take(bytes, onRecord) }
        guard !pending.isEmpty else { return read(bytes, onRecord) }
        pending.append(contentsOf: bytes)
        // A frame may come byte by byte: it is looked at as often, and moved only when it is whole.
        if case .begun = pending.withUnsafeBytes({ frame(at: $0[...]) }) { return }
        let whole = pending
        pending = []
        whole.withUnsafeBytes { read($0, onRecord) }
    }

    /// Gives out what was written without a line feed at the end, where lines are written.
    package mutating func rest(_ onRecord: (UnsafeRawBufferPointer) -> Void) { lines.rest(onRecord) }

    private mutating func read(_ bytes: UnsafeRawBufferPointer, _ onRecord: (UnsafeRawBufferPointer) -> Void) {
        var rest = bytes[...]
        while !rest.isEmpty {
            switch frame(at: rest) {
            case .whole(let size):
                onRecord(UnsafeRawBufferPointer(rebasing: rest.prefix(size).dropFirst(Self.headSize)))
                rest = rest.dropFirst(size)
            case .begun:
                pending = Array(rest)
                return
            case .none:
                isBroken = true
                return lines.take(UnsafeRawBufferPointer(rebasing: rest), onRecord)
            }
        }
    }

    private func frame(at bytes: Slice<UnsafeRawBufferPointer>) -> Frame {
        guard zip(bytes, Self.mark).allSatisfy({ $0 == $1 }) else { return .none }
        guard bytes.count >= 8 else { return .begun }
        let length = Int(
            UInt32(bigEndian: UnsafeRawBufferPointer(rebasing: bytes).loadUnaligned(fromByteOffset: 4, as: UInt32.self))
        )
        guard length <= Self.contentLimit else { return .none }
        return bytes.count >= Self.headSize + length ? .whole(size: Self.headSize + length) : .begun
    }
}
