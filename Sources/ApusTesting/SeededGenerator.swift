/// SplitMix64: the same numbers every time, so that a failure of a fuzz test can be seen again.
package struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension SeededGenerator {
    package mutating func bytes(_ count: ClosedRange<Int>) -> [UInt8] {
        let count = Int.random(in: count, using: &self)
        return (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }

    /// The bytes in one to many pieces, none of them empty.
    package mutating func pieces(_ bytes: [UInt8]) -> [[UInt8]] {
        var rest = bytes[...]
        var pieces: [[UInt8]] = []
        while !rest.isEmpty {
            let count = Int.random(in: 1...max(1, rest.count), using: &self)
            pieces.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        return pieces
    }

    /// The bytes with a few of them changed, removed, repeated or cut off.
    package mutating func mutated(_ bytes: [UInt8], alphabet: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...4, using: &self) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &self)
            switch Int.random(in: 0..<6, using: &self) {
            case 0: bytes[place] = UInt8(truncatingIfNeeded: next())
            case 1: bytes.remove(at: place)
            case 2: bytes.insert(bytes[place], at: place)
            case 3, 4: bytes.insert(alphabet.randomElement(using: &self)!, at: place)
            default: bytes.removeSubrange(place...)
            }
        }
        return bytes
    }
}

extension [UInt8] {
    /// The bytes with a few of them changed, removed, repeated or cut off, and some put in that texts of protocols are made of.
    package func mutated(_ generator: inout SeededGenerator) -> [UInt8] {
        generator.mutated(self, alphabet: Array("{}[]\",:\\u%&=;.+-eE0\0\u{7F}".utf8))
    }
}
