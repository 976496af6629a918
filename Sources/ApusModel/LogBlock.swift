/// Lines of one log stream on their way to the disk, in the form in which they lie there.
///
/// Each line is its time (8 bytes, nanoseconds since 1970), the number of its bytes (4), and its bytes. Numbers are little-endian.
package struct LogBlock: Equatable, Sendable {
    /// Bytes of a block. A longer line has a block to itself.
    package static let limit = 256 << 10

    /// The times of a block's lines are less than this apart: whoever wants lines by their time need not look further back.
    package static let span = Duration.milliseconds(100)

    private static let headSize = 12

    package private(set) var bytes: [UInt8] = []

    /// The times of its lines lie in between, both included.
    package private(set) var earliest = Timestamp(nanoseconds: .max)
    package private(set) var latest = Timestamp(nanoseconds: .min)

    package init() {}

    /// Reads a block back.
    ///
    /// - Returns: nil unless the bytes are whole lines and nothing else. Their number and their times are not checked.
    package init?(_ bytes: ArraySlice<UInt8>) {
        var reader = LogLineReader(bytes)
        while let line = reader.next() {
            earliest = min(earliest, line.time)
            latest = max(latest, line.time)
        }
        guard reader.isAtEnd else { return nil }
        self.bytes = Array(bytes)
    }

    package var isEmpty: Bool { bytes.isEmpty }

    /// The lines, in the order in which they were added.
    package var lines: LogLineReader { LogLineReader(bytes[...]) }

    /// Adds a line of at most 4 GiB.
    ///
    /// - Returns: false when the block has no room for it, and was left as it is. An empty block takes any line.
    package mutating func append(_ line: UnsafeRawBufferPointer, at time: Timestamp) -> Bool {
        guard makeRoom(Self.headSize + line.count, from: time, to: time) else { return false }
        withUnsafeBytes(of: time.nanoseconds.littleEndian) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: UInt32(line.count).littleEndian) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: line)
        return true
    }

    /// Adds the lines of another block, all or none.
    ///
    /// - Returns: as above.
    package mutating func append(_ other: LogBlock) -> Bool {
        if isEmpty {
            self = other
            return true
        }
        guard other.isEmpty || makeRoom(other.bytes.count, from: other.earliest, to: other.latest) else { return false }
        bytes += other.bytes
        return true
    }

    private mutating func makeRoom(_ count: Int, from first: Timestamp, to last: Timestamp) -> Bool {
        let (earliest, latest) = (min(earliest, first), max(latest, last))
        guard isEmpty || bytes.count + count <= Self.limit && latest - earliest < Self.span else { return false }
        (self.earliest, self.latest) = (earliest, latest)
        return true
    }
}

/// Walks through the lines of a block. Ends before bytes that are none.
package struct LogLineReader: Sequence, IteratorProtocol {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    var isAtEnd: Bool { rest.isEmpty }

    package mutating func next() -> (time: Timestamp, bytes: ArraySlice<UInt8>)? {
        let head = rest.withUnsafeBytes { bytes -> (time: Int64, count: UInt32)? in
            guard bytes.count >= 12 else { return nil }
            return (
                Int64(littleEndian: bytes.loadUnaligned(as: Int64.self)),
                UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
            )
        }
        guard let head, rest.count - 12 >= Int(head.count) else { return nil }
        let line = rest.dropFirst(12).prefix(Int(head.count))
        rest = rest[line.endIndex...]
        return (Timestamp(nanoseconds: head.time), line)
    }
}
