package import NIOCore

/// Bytes of one connection to requests. Nothing that a peer sends may do more than fail its own connection.
///
/// Understood are HTTP/1.1 and 1.0, `Content-Length` or chunked bodies, trailers. No upgrade.
package struct HTTPRequestDecoder: Sendable {
    package enum Event: Sendable {
        case head(HTTPRequestHead)
        case body(ByteBuffer)
        /// The trailers that followed a chunked body; empty otherwise.
        case end(trailers: [(name: String, value: String)])
    }

    /// Why a connection cannot go on.
    package enum Failure: Error, Equatable, Sendable {
        case malformed
        case headTooLarge
    }

    /// Bytes that a head or the trailers may take.
    private let headLimit: Int
    static let fieldLimit = 200

    private enum State {
        case head
        case fixed(remaining: Int)
        case chunkSize
        case chunk(remaining: Int)
        case chunkEnd
        case trailers([(name: String, value: String)], bytes: Int)
    }

    private var state = State.head

    /// Bytes of an unfinished head or line that are known not to end it: what trickles in is looked at once all the same.
    private var scanned = 0

    package init(headLimit: Int = 128 << 10) { self.headLimit = headLimit }

    /// True between requests: the connection may be closed without loss.
    package var isBetweenRequests: Bool {
        if case .head = state { true } else { false }
    }

    /// Takes the next event out of `buffer`; nil when more bytes are needed.
    package mutating func next(_ buffer: inout ByteBuffer) throws(Failure) -> Event? {
        switch state {
        case .head:
            guard let head = try decodeHead(&buffer) else { return nil }
            state = head.isChunked ? .chunkSize : .fixed(remaining: head.contentLength ?? 0)
            return .head(head)
        case .fixed(let remaining):
            guard remaining > 0 else {
                state = .head
                return .end(trailers: [])
            }
            guard buffer.readableBytes > 0, let part = buffer.readSlice(length: min(remaining, buffer.readableBytes))
            else { return nil }
            state = .fixed(remaining: remaining - part.readableBytes)
            return .body(part)
        case .chunkSize:
            guard let line = try takeLine(&buffer, limit: 256) else { return nil }
            let size = try chunkSize(line)
            state = size == 0 ? .trailers([], bytes: 0) : .chunk(remaining: size)
            return try next(&buffer)
        case .chunk(let remaining):
            guard buffer.readableBytes > 0, let part = buffer.readSlice(length: min(remaining, buffer.readableBytes))
            else { return nil }
            state = part.readableBytes == remaining ? .chunkEnd : .chunk(remaining: remaining - part.readableBytes)
            return .body(part)
        case .chunkEnd:
            guard let line = try takeLine(&buffer, limit: 0) else { return nil }
            guard line.readableBytes == 0 else { throw .malformed }
            state = .chunkSize
            return try next(&buffer)
        case .trailers(var trailers, let bytes):
            guard let line = try takeLine(&buffer, limit: headLimit - bytes) else { return nil }
            guard line.readableBytes > 0 else {
                state = .head
                return .end(trailers: trailers)
            }
            trailers.append(try trailer(line))
            guard trailers.count <= Self.fieldLimit else { throw .headTooLarge }
            state = .trailers(trailers, bytes: bytes + line.readableBytes + 2)
            return try next(&buffer)
        }
    }

    // MARK: Heads

    private mutating func decodeHead(_ buffer: inout ByteBuffer) throws(Failure) -> HTTPRequestHead? {
        // Empty lines before a request line are to be skipped (RFC 9112 §2.2).
        while let first = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self), first == 0x0D || first == 0x0A {
            buffer.moveReaderIndex(forwardBy: 1)
        }
        guard let length = headLength(buffer) else {
            if buffer.readableBytes > headLimit { throw .headTooLarge }
            scanned = max(0, buffer.readableBytes - 3)
            return nil
        }
        scanned = 0
        guard length <= headLimit else { throw .headTooLarge }
        guard let block = buffer.readSlice(length: length) else { return nil }
        return try HeadParser(block).parse()
    }

    /// The bytes up to and including the empty line.
    private func headLength(_ buffer: ByteBuffer) -> Int? {
        buffer.withUnsafeReadableBytes { bytes in
            var index = scanned + 3
            while index < bytes.count {
                // Only a line feed can end the head, so most bytes are looked at once.
                if bytes[index] == 0x0A, bytes[index - 1] == 0x0D, bytes[index - 2] == 0x0A, bytes[index - 3] == 0x0D {
                    return index + 1
                }
                index += 1
            }
            return nil
        }
    }

    // MARK: Chunks

    private mutating func takeLine(_ buffer: inout ByteBuffer, limit: Int) throws(Failure) -> ByteBuffer? {
        guard let end = buffer.readableBytesView.dropFirst(scanned).firstIndex(of: 0x0A) else {
            if buffer.readableBytes > limit + 1 { throw .malformed }
            scanned = buffer.readableBytes
            return nil
        }
        scanned = 0
        let length = end - buffer.readerIndex
        guard length >= 1, length - 1 <= limit, buffer.getInteger(at: end - 1, as: UInt8.self) == 0x0D else {
            throw .malformed
        }
        let line = buffer.readSlice(length: length - 1)
        buffer.moveReaderIndex(forwardBy: 2)
        return line
    }

    private func chunkSize(_ line: ByteBuffer) throws(Failure) -> Int {
        var size = 0
        var digits = 0
        for byte in line.readableBytesView {
            if byte == UInt8(ascii: ";") { break }
            guard let digit = byte.hexadecimalDigit, digits < 8 else { throw .malformed }
            size = size << 4 | digit
            digits += 1
        }
        guard digits > 0 else { throw .malformed }
        return size
    }

    private func trailer(_ line: ByteBuffer) throws(Failure) -> (name: String, value: String) {
        let bytes = line.readableBytesView
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), colon > bytes.startIndex,
            bytes[..<colon].allSatisfy({ $0.isToken }), bytes[colon...].allSatisfy({ $0.isFieldContent })
        else { throw .malformed }
        return (
            String(decoding: bytes[..<colon], as: UTF8.self),
            String(decoding: bytes[(colon + 1)...], as: UTF8.self).trimmingSpaces()
        )
    }
}

/// One head, whole, that ends with an empty line.
private struct HeadParser {
    private let block: ByteBuffer

    init(_ block: ByteBuffer) { self.block = block }

    func parse() throws(HTTPRequestDecoder.Failure) -> HTTPRequestHead {
        let result: HTTPRequestHead? = block.withUnsafeReadableBytes { bytes in parse(bytes) }
        guard let result else { throw .malformed }
        return result
    }

    private func parse(_ bytes: UnsafeRawBufferPointer) -> HTTPRequestHead? {
        guard let lineEnd = endOfLine(bytes, from: 0), let methodEnd = bytes[..<lineEnd].firstIndex(of: 0x20),
            let targetEnd = bytes[(methodEnd + 1)..<lineEnd].firstIndex(of: 0x20), methodEnd > 0,
            bytes[..<methodEnd].allSatisfy({ $0.isToken }), targetEnd > methodEnd + 1,
            bytes[methodEnd + 1] == UInt8(ascii: "/"),
            bytes[(methodEnd + 1)..<targetEnd].allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return nil }
        let isVersion11 = bytes[(targetEnd + 1)..<lineEnd].matches("HTTP/1.1")
        guard isVersion11 || bytes[(targetEnd + 1)..<lineEnd].matches("HTTP/1.0") else { return nil }
        let method: HTTPRequestHead.Method =
            bytes[..<methodEnd].elementsEqual("GET".utf8)
            ? .get
            : bytes[..<methodEnd].elementsEqual("POST".utf8)
                ? .post : bytes[..<methodEnd].elementsEqual("PUT".utf8) ? .put : .other

        var fields: [FieldBlock.Field] = []
        fields.reserveCapacity(8)
        var contentLength: Int?
        var isChunked = false
        var keepAlive = isVersion11
        var expectsContinue = false
        var position = lineEnd + 2
        while position < bytes.count - 2 {
            guard let end = endOfLine(bytes, from: position), fields.count < HTTPRequestDecoder.fieldLimit,
                let colon = bytes[position..<end].firstIndex(of: UInt8(ascii: ":")), colon > position,
                bytes[position..<colon].allSatisfy({ $0.isToken }),
                bytes[colon..<end].allSatisfy({ $0.isFieldContent })
            else { return nil }
            let name = bytes[position..<colon]
            let value = bytes[(colon + 1)..<end].trimmed
            fields.append(FieldBlock.Field(name: position..<colon, value: value.startIndex..<value.endIndex))
            if name.matches("content-length") {
                guard let length = value.decimal, contentLength == nil || contentLength == length else {
                    return nil
                }
                contentLength = length
            } else if name.matches("transfer-encoding") {
                guard value.matches("chunked"), !isChunked else { return nil }
                isChunked = true
            } else if name.matches("connection") {
                keepAlive = value.hasToken("close") ? false : value.hasToken("keep-alive") || keepAlive
            } else if name.matches("expect") {
                expectsContinue = value.matches("100-continue")
            }
            position = end + 2
        }
        // Both lengths at once is how requests are smuggled (RFC 9112 §6.3).
        guard !(isChunked && contentLength != nil) else { return nil }
        return HTTPRequestHead(
            isVersion11: isVersion11, method: method,
            target: String(decoding: bytes[(methodEnd + 1)..<targetEnd], as: UTF8.self),
            contentLength: isChunked ? nil : contentLength ?? 0, isChunked: isChunked, keepAlive: keepAlive,
            expectsContinue: expectsContinue, fields: FieldBlock(bytes: block, places: fields))
    }

    /// The index of the carriage return that ends the line.
    private func endOfLine(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard let end = bytes[start...].firstIndex(of: 0x0D), end + 1 < bytes.count, bytes[end + 1] == 0x0A else {
            return nil
        }
        return end
    }
}

extension UInt8 {
    fileprivate var hexadecimalDigit: Int? {
        switch self {
        case 0x30...0x39: Int(self) - 0x30
        case 0x41...0x46: Int(self) - 0x41 + 10
        case 0x61...0x66: Int(self) - 0x61 + 10
        default: nil
        }
    }

    /// A character of a field name (RFC 9110 §5.6.2).
    fileprivate var isToken: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E, 0x5F, 0x60, 0x7C, 0x7E: true
        default: false
        }
    }

    /// A character of a field's value: no control character but the tabulator.
    fileprivate var isFieldContent: Bool { self >= 0x20 && self != 0x7F || self == 0x09 }
}

extension Slice where Base == UnsafeRawBufferPointer {
    /// Decimal digits alone, at most 15 of them.
    fileprivate var decimal: Int? {
        guard count >= 1, count <= 15 else { return nil }
        var value = 0
        for byte in self {
            guard byte >= 0x30, byte <= 0x39 else { return nil }
            value = value * 10 + Int(byte - 0x30)
        }
        return value
    }
}

extension StringProtocol {
    fileprivate func trimmingSpaces() -> String {
        let isSpace = { (character: Character) in character == " " || character == "\t" }
        guard let first = firstIndex(where: { !isSpace($0) }), let last = lastIndex(where: { !isSpace($0) }) else {
            return ""
        }
        return String(self[first...last])
    }
}
