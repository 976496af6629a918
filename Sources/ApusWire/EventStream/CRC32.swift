/// The checksum of event streams, which is that of Ethernet and zip; bytes may come in pieces.
struct CRC32: Sendable {
    private var register = ~UInt32(0)

    var value: UInt32 { ~register }

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        register = Self.tables.withUnsafeBufferPointer { tables in Self.step(register, bytes, tables) }
    }

    /// Eight bytes at a time: table `n` knows what a byte becomes once `n` others have followed it.
    private static func step(
        _ register: UInt32, _ bytes: UnsafeRawBufferPointer, _ tables: UnsafeBufferPointer<UInt32>
    ) -> UInt32 {
        var register = register
        var index = 0
        while index + 8 <= bytes.count {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let mixed = word ^ UInt64(register)
            register = 0
            for place in 0..<8 {
                let byte = Int(truncatingIfNeeded: mixed >> UInt64(8 * place) & 0xFF)
                register ^= tables[(7 - place) << 8 | byte]
            }
            index += 8
        }
        while index < bytes.count {
            register = tables[Int(UInt8(truncatingIfNeeded: register) ^ bytes[index])] ^ register >> 8
            index += 1
        }
        return register
    }

    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            tables[byte] = (0..<8).reduce(UInt32(byte)) { value, _ in
                value & 1 == 0 ? value >> 1 : value >> 1 ^ 0xEDB8_8320
            }
        }
        for place in 256..<tables.count {
            let before = tables[place - 256]
            tables[place] = before >> 8 ^ tables[Int(before & 0xFF)]
        }
        return tables
    }()
}
