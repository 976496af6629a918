extension StringProtocol {
    /// The parts between single-byte separators. Splitting a string by characters costs twenty times as much.
    ///
    /// - Parameter most: after so many parts the rest is one.
    func parts(at separator: Unicode.Scalar, most: Int = .max, omittingEmpty: Bool = true) -> [SubSequence] {
        let byte = UInt8(ascii: separator)
        let bytes = utf8
        var parts: [SubSequence] = []
        parts.reserveCapacity(8)
        var start = startIndex
        while parts.count < most, let end = bytes[start...].firstPlace(of: byte) {
            if !omittingEmpty || start != end { parts.append(self[start..<end]) }
            start = bytes.index(after: end)
        }
        if !omittingEmpty || start != endIndex { parts.append(self[start...]) }
        return parts
    }

    /// Equal bytes; `==` would compare what the texts mean.
    func isSame(_ other: some StringProtocol) -> Bool {
        utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
    }
}

extension Collection<UInt8> {
    /// As `firstIndex(of:)`, over the bytes where they lie if they lie together.
    fileprivate func firstPlace(of byte: UInt8) -> Index? {
        let found = withContiguousStorageIfAvailable { bytes in bytes.firstIndex(of: byte) ?? -1 }
        guard let found else { return firstIndex(of: byte) }
        return found < 0 ? nil : index(startIndex, offsetBy: found)
    }
}
