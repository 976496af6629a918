import ApusModel

/// The trace header of requests that came without one. Nothing is sampled: there is no tracing yet.
enum TraceID {
    static func make(_ now: Timestamp) -> String {
        var generator = SystemRandomNumberGenerator()
        let (a, b, parent): (UInt64, UInt32, UInt64) = (generator.next(), generator.next(), generator.next())
        let seconds = hex(UInt64(bitPattern: now.seconds), 8)
        return "Root=1-\(seconds)-\(hex(a, 16))\(hex(UInt64(b), 8));Parent=\(hex(parent, 16));Sampled=0"
    }

    private static func hex(_ value: UInt64, _ digits: Int) -> String {
        String(unsafeUninitializedCapacity: digits) { buffer in
            for index in 0..<digits {
                let nibble = UInt8(value >> UInt64(4 * (digits - 1 - index)) & 15)
                buffer[index] = nibble < 10 ? 0x30 + nibble : 0x61 - 10 + nibble
            }
            return digits
        }
    }
}
