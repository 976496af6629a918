/// The head of one HTTP/1.1 request.
package struct HTTPRequestHead: Sendable {
    package enum Method: Equatable, Sendable { case get, post, put, other }

    /// False for HTTP/1.0, which knows no chunks.
    package let isVersion11: Bool

    package let method: Method

    /// The request target as sent.
    package let target: String

    /// Nil when the body is chunked.
    package let contentLength: Int?
    package let isChunked: Bool
    package let keepAlive: Bool

    /// The client waits for `100 Continue` before it sends the body.
    package let expectsContinue: Bool

    package let fields: FieldBlock

    /// The first value of a field, its name without regard to case.
    package func field(_ name: String) -> String? { fields.first(name) }
}

extension Slice where Base == UnsafeRawBufferPointer {
    /// Equal to an ASCII name but for the case of letters.
    func matches(_ name: StaticString) -> Bool {
        guard count == name.utf8CodeUnitCount else { return false }
        return name.withUTF8Buffer { expected in
            for offset in 0..<expected.count where !base[startIndex + offset].isSameLetter(as: expected[offset]) {
                return false
            }
            return true
        }
    }

    /// Whether a list of tokens, as in `Connection`, has one.
    func hasToken(_ token: StaticString) -> Bool {
        matches(token) || split(separator: UInt8(ascii: ",")).contains { $0.trimmed.matches(token) }
    }

    /// Without spaces and tabulators at the ends.
    var trimmed: Self {
        var (low, high) = (startIndex, endIndex)
        while low < high, base[low] == 0x20 || base[low] == 0x09 { low += 1 }
        while high > low, base[high - 1] == 0x20 || base[high - 1] == 0x09 { high -= 1 }
        return self[low..<high]
    }
}
