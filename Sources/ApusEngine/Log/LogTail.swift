/// The last 4 KB of what an invocation wrote.
///
/// - Source: Lambda API reference, Invoke, `LogResult`.
package struct LogTail {
    package static let limit = 4096
    private var bytes: [UInt8] = []

    package init() {}

    package mutating func append(_ more: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: more.suffix(Self.limit))
        // Cut now and then rather than on every line.
        if bytes.count > 8 * Self.limit { bytes.removeFirst(bytes.count - Self.limit) }
    }

    package func last() -> [UInt8] { Array(bytes.suffix(Self.limit)) }
}
