import NIOCore

/// The fields of a head as the bytes that came, with the places of names and values. A field becomes text when somebody asks for it.
package struct FieldBlock: Sendable {
    struct Field: Sendable {
        var name: Range<Int>
        var value: Range<Int>
    }

    private let bytes: ByteBuffer
    private let places: [Field]

    /// - Parameter places: from the first readable byte on.
    init(bytes: ByteBuffer, places: [Field]) {
        self.bytes = bytes
        self.places = places
    }

    /// The first value of a field, its name without regard to case.
    package func first(_ name: String) -> String? {
        var name = name
        return name.withUTF8 { name in
            bytes.withUnsafeReadableBytes { bytes in
                for place in places where isSame(bytes, place.name, name) {
                    return String(decoding: bytes[place.value], as: UTF8.self)
                }
                return nil
            }
        }
    }

    /// Calls `body` with the bytes of each value of a field, in order.
    ///
    /// - Parameter name: compared without regard to case.
    package func forEachValue(of name: UnsafeBufferPointer<UInt8>, _ body: (UnsafeRawBufferPointer) -> Void) {
        bytes.withUnsafeReadableBytes { bytes in
            for place in places where isSame(bytes, place.name, name) {
                body(UnsafeRawBufferPointer(rebasing: bytes[place.value]))
            }
        }
    }

    /// Every field as text, in order.
    package var texts: [(name: String, value: String)] {
        bytes.withUnsafeReadableBytes { bytes in
            places.map { place in
                (
                    String(decoding: bytes[place.name], as: UTF8.self),
                    String(decoding: bytes[place.value], as: UTF8.self)
                )
            }
        }
    }

    private func isSame(
        _ bytes: UnsafeRawBufferPointer, _ place: Range<Int>, _ name: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        guard place.count == name.count else { return false }
        for offset in 0..<name.count where !bytes[place.lowerBound + offset].isSameLetter(as: name[offset]) {
            return false
        }
        return true
    }
}

extension UInt8 {
    /// Equal but for the case of an ASCII letter.
    @inline(__always)
    func isSameLetter(as other: UInt8) -> Bool {
        self == other || ((self ^ other) == 0x20 && (self | 0x20) >= 0x61 && (self | 0x20) <= 0x7A)
    }
}
