/// A random UUID (version 4) in its 36-character lower-case form.
package struct RequestID: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    package init() {
        var generator = PooledRandom()
        self.text = RequestID.format(generator.next(), generator.next())
    }

    /// Takes an identifier that came from elsewhere (a stored event, a client's header) as it is.
    package init(existing text: String) { self.text = text }

    package var description: String { text }

    static func format(_ high: UInt64, _ low: UInt64) -> String {
        let versioned = (high & 0xFFFF_FFFF_FFFF_0FFF) | 0x4000
        let variant = (low & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000
        return String(unsafeUninitializedCapacity: 36) { buffer in
            var position = 0
            func put(_ word: UInt64) {
                for shift in stride(from: 60, through: 0, by: -4) {
                    if position == 8 || position == 13 || position == 18 || position == 23 {
                        buffer[position] = UInt8(ascii: "-")
                        position += 1
                    }
                    let nibble = UInt8((word >> UInt64(shift)) & 0xF)
                    buffer[position] = nibble < 10 ? 0x30 + nibble : 0x61 - 10 + nibble
                    position += 1
                }
            }
            put(versioned)
            put(variant)
            return 36
        }
    }
}
