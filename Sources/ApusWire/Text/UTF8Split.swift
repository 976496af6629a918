extension StringProtocol {
    /// The parts between single-byte separators. Splitting a string by characters costs twenty times as much.
    func parts(
        at separator: Unicode.Scalar, most: Int = .max, omittingEmpty: Bool = true
    ) -> [SubSequence] {
        let byte = UInt8(ascii: separator)
        var parts: [SubSequence] = []
        var start = startIndex
        var position = start
        let bytes = utf8
        while position != endIndex, parts.count < most {
            if bytes[position] == byte {
                if !omittingEmpty || start != position { parts.append(self[start..<position]) }
                bytes.formIndex(after: &position)
                start = position
            } else {
                bytes.formIndex(after: &position)
            }
        }
        if !omittingEmpty || start != endIndex { parts.append(self[start...]) }
        return parts
    }

    /// Equal bytes; `==` would compare what the texts mean.
    func isSame(_ other: some StringProtocol) -> Bool { utf8.elementsEqual(other.utf8) }
}
