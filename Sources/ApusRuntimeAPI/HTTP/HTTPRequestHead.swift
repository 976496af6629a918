import NIOCore

/// The head of one HTTP/1.1 request. Fields stay bytes until somebody asks for one.
package struct HTTPRequestHead: Sendable {
    package enum Method: Equatable, Sendable { case get, post, put, other }

    package let method: Method

    /// The request target as sent.
    package let target: String

    /// Nil when the body is chunked.
    package let contentLength: Int?
    package let isChunked: Bool
    package let keepAlive: Bool

    /// The client waits for `100 Continue` before it sends the body.
    package let expectsContinue: Bool

    private let block: ByteBuffer
    private let fields: [Field]

    struct Field: Sendable {
        var name: Range<Int>
        var value: Range<Int>
    }

    init(
        method: Method, target: String, contentLength: Int?, isChunked: Bool, keepAlive: Bool, expectsContinue: Bool,
        block: ByteBuffer, fields: [Field]
    ) {
        self.method = method
        self.target = target
        self.contentLength = contentLength
        self.isChunked = isChunked
        self.keepAlive = keepAlive
        self.expectsContinue = expectsContinue
        self.block = block
        self.fields = fields
    }

    /// The first value of a field, its name without regard to case.
    package func field(_ name: StaticString) -> String? {
        block.withUnsafeReadableBytes { bytes in
            for field in fields where bytes[field.name].matches(name) {
                return String(decoding: bytes[field.value], as: UTF8.self)
            }
            return nil
        }
    }
}

extension Slice where Base == UnsafeRawBufferPointer {
    /// Equal to an ASCII name but for the case of letters.
    func matches(_ name: StaticString) -> Bool {
        guard count == name.utf8CodeUnitCount else { return false }
        return name.withUTF8Buffer { expected in
            for (offset, byte) in enumerated() where byte != expected[offset] {
                guard byte ^ expected[offset] == 0x20, (byte | 0x20) >= 0x61, (byte | 0x20) <= 0x7A else {
                    return false
                }
            }
            return true
        }
    }
}
