import Glibc

/// A descriptor with one owner, closed when the owner goes.
struct Descriptor: ~Copyable, Sendable {
    private let raw: Int32

    init(adopting raw: Int32) { self.raw = raw }

    deinit { Glibc.close(raw) }

    /// Lends the number; it is good until `body` returns.
    borrowing func with<Result>(_ body: (Int32) -> Result) -> Result { body(raw) }

    /// Gives the number away; the receiver closes it.
    consuming func release() -> Int32 {
        let raw = self.raw
        discard self
        return raw
    }

    /// The whole of a small kernel file, read from its start.
    borrowing func text() -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = pread(raw, &buffer, buffer.count, 0)
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }

    /// Writes to a kernel file, in one call.
    ///
    /// - Returns: whether the kernel took it.
    @discardableResult
    borrowing func put(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { pwrite(raw, $0.baseAddress, $0.count, 0) } >= 0
    }

    /// The number that a small kernel file begins with; 0 when there is none.
    borrowing func number() -> Int { Int(text().prefix { $0 != "\n" }) ?? 0 }
}

extension Optional where Wrapped == Descriptor {
    /// Nil where the launcher has found no such file: a negative number.
    init(found raw: Int32) { self = raw < 0 ? nil : Descriptor(adopting: raw) }
}
