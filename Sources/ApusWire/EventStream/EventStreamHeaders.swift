package import NIOCore

/// The headers of a message, encoded once for all messages of their kind.
package struct EventStreamHeaders: Sendable {
    let bytes: [UInt8]

    /// - Parameter fields: names of 1 to 255 bytes, values of up to 32,767.
    package init(_ fields: KeyValuePairs<String, String>) {
        var bytes: [UInt8] = []
        for (name, value) in fields {
            precondition(
                (1...255).contains(name.utf8.count) && value.utf8.count <= 32_767, "a header is too long: \(name)")
            bytes.append(UInt8(name.utf8.count))
            bytes.append(contentsOf: name.utf8)
            bytes.append(Self.string)
            bytes.append(UInt8(value.utf8.count >> 8))
            bytes.append(UInt8(value.utf8.count & 0xFF))
            bytes.append(contentsOf: value.utf8)
        }
        self.bytes = bytes
    }

    /// The type of a header whose value is text.
    static let string: UInt8 = 7
}

extension ByteBuffer {
    /// Writes a message of `application/vnd.amazon.eventstream`.
    package mutating func writeEventStreamMessage(_ headers: EventStreamHeaders, _ payload: ByteBuffer) {
        let checksum = writeEventStreamHead(headers, before: payload)
        writeImmutableBuffer(payload)
        writeInteger(checksum)
    }

    /// Writes what a message begins with, for a payload that is to be sent from where it lies.
    ///
    /// - Returns: the checksum of head and payload, which is to follow the payload in four bytes, big-endian.
    /// - Source: Smithy specification, "Amazon Event Stream".
    package mutating func writeEventStreamHead(_ headers: EventStreamHeaders, before payload: ByteBuffer) -> UInt32 {
        let start = writerIndex
        writeInteger(UInt32(EventStreamMessage.length(headers, payload)))
        writeInteger(UInt32(headers.bytes.count))
        writeInteger(checksum(from: start).value)
        writeBytes(headers.bytes)
        var checksum = checksum(from: start)
        payload.withUnsafeReadableBytes { checksum.add($0) }
        return checksum.value
    }

    private func checksum(from start: Int) -> CRC32 {
        var checksum = CRC32()
        withUnsafeReadableBytes { bytes in
            checksum.add(UnsafeRawBufferPointer(rebasing: bytes[(start - readerIndex)...]))
        }
        return checksum
    }
}
