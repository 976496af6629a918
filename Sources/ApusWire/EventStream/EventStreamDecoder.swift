package import NIOCore

/// One message of `application/vnd.amazon.eventstream`, as it is read.
package struct EventStreamMessage: Sendable {
    /// Headers whose values are text, in order.
    package var headers: [(name: String, value: String)]
    package var payload: ByteBuffer

    package subscript(_ name: String) -> String? { headers.first { $0.name == name }?.value }

    /// Bytes of a message on the wire: two lengths, their checksum and that of the whole besides its parts.
    package static func length(_ headers: EventStreamHeaders, _ payload: ByteBuffer) -> Int {
        16 + headers.bytes.count + payload.readableBytes
    }
}

/// Bytes to messages. Checks every length and both checksums.
///
/// - Source: Smithy specification, "Amazon Event Stream".
package struct EventStreamDecoder: Sendable {
    /// Why a stream cannot go on.
    package enum Failure: Error, Equatable, Sendable {
        case malformed
        case tooLarge
    }

    /// Bytes that a message may have, its payload among them.
    static let messageLimit = 24 << 20
    static let headersLimit = 128 << 10

    package init() {}

    /// Takes the next message out of `buffer`; nil when more bytes are needed.
    package func next(_ buffer: inout ByteBuffer) throws(Failure) -> EventStreamMessage? {
        guard let (length, headersLength) = try prelude(buffer) else { return nil }
        guard var message = buffer.getSlice(at: buffer.readerIndex, length: length) else { return nil }
        guard let checksum = message.getInteger(at: length - 4, as: UInt32.self),
            checksum == message.checksum(of: length - 4)
        else { throw .malformed }
        message.moveReaderIndex(forwardBy: 12)
        guard let headers = message.readSlice(length: headersLength),
            let payload = message.readSlice(length: length - 16 - headersLength)
        else { throw .malformed }
        buffer.moveReaderIndex(forwardBy: length)
        return EventStreamMessage(headers: try fields(headers), payload: payload)
    }

    private func prelude(_ buffer: ByteBuffer) throws(Failure) -> (length: Int, headersLength: Int)? {
        let start = buffer.readerIndex
        guard let length = buffer.getInteger(at: start, as: UInt32.self),
            let headersLength = buffer.getInteger(at: start + 4, as: UInt32.self),
            let checksum = buffer.getInteger(at: start + 8, as: UInt32.self)
        else { return nil }
        guard checksum == buffer.checksum(of: 8) else { throw .malformed }
        guard length <= Self.messageLimit, headersLength <= Self.headersLimit else { throw .tooLarge }
        guard length >= 16, headersLength <= length - 16 else { throw .malformed }
        return (Int(length), Int(headersLength))
    }

    private func fields(_ bytes: ByteBuffer) throws(Failure) -> [(name: String, value: String)] {
        var bytes = bytes
        var fields: [(name: String, value: String)] = []
        while bytes.readableBytes > 0 {
            guard let count = bytes.readInteger(as: UInt8.self), count > 0,
                let name = bytes.readString(length: Int(count)), let type = bytes.readInteger(as: UInt8.self),
                let length = valueLength(type, &bytes), let value = bytes.readSlice(length: length)
            else { throw .malformed }
            if type == EventStreamHeaders.string { fields.append((name, String(buffer: value))) }
        }
        return fields
    }

    /// Bytes of a value: by its type, or by a length before it.
    private func valueLength(_ type: UInt8, _ bytes: inout ByteBuffer) -> Int? {
        switch type {
        // True and false.
        case 0, 1: 0
        case 2: 1
        case 3: 2
        case 4: 4
        // A long and a timestamp.
        case 5, 8: 8
        // Bytes and text.
        case 6, EventStreamHeaders.string: bytes.readInteger(as: UInt16.self).map(Int.init)
        // A UUID.
        case 9: 16
        default: nil
        }
    }
}

extension ByteBuffer {
    fileprivate func checksum(of length: Int) -> UInt32 {
        var checksum = CRC32()
        withUnsafeReadableBytes { checksum.add(UnsafeRawBufferPointer(rebasing: $0[..<length])) }
        return checksum.value
    }
}
