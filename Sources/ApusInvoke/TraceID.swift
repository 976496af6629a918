import ApusModel

/// The trace header of requests that came without one. Nothing is sampled: there is no tracing yet.
enum TraceID {
    static func make(_ now: Timestamp) -> String {
        var generator = PooledRandom()
        let (root, parent, rest) = (generator.next(), generator.next(), UInt32(truncatingIfNeeded: generator.next()))
        var digits = Digits()
        digits.append("Root=1-")
        digits.append(UInt32(truncatingIfNeeded: now.seconds))
        digits.append("-")
        digits.append(root)
        digits.append(rest)
        digits.append(";Parent=")
        digits.append(parent)
        digits.append(";Sampled=0")
        return String(decoding: digits.bytes, as: UTF8.self)
    }

    private struct Digits {
        private(set) var bytes: [UInt8] = []

        init() { bytes.reserveCapacity(80) }

        mutating func append(_ text: StaticString) { text.withUTF8Buffer { bytes.append(contentsOf: $0) } }

        /// In hexadecimal, with leading zeros.
        mutating func append<Word: FixedWidthInteger>(_ word: Word) {
            for shift in stride(from: Word.bitWidth - 4, through: 0, by: -4) {
                let nibble = UInt8(truncatingIfNeeded: word >> Word(shift)) & 15
                bytes.append(nibble < 10 ? 0x30 + nibble : 0x61 - 10 + nibble)
            }
        }
    }
}
