package import NIOCore

extension ByteBuffer {
    /// Writes a field's value; control characters, which could begin a field of their own, become spaces.
    package mutating func writeFieldValue(_ text: String) {
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) {
            writeString(text)
        } else {
            writeBytes(text.utf8.map { $0 < 0x20 || $0 == 0x7F ? 0x20 : $0 })
        }
    }

    /// Writes a field.
    ///
    /// - Parameter name: with its colon and space.
    package mutating func writeField(_ name: StaticString, _ value: String) {
        writeStaticString(name)
        writeFieldValue(value)
        writeStaticString("\r\n")
    }
}
