extension StringProtocol {
    /// What stands between a beginning and an end, byte by byte; nil when the text does not have them.
    package func text(between prefix: StaticString, and suffix: StaticString = "") -> SubSequence? {
        let bytes = utf8
        let (lead, trail) = (prefix.utf8CodeUnitCount, suffix.utf8CodeUnitCount)
        let isSo = bytes.withContiguousStorageIfAvailable { bytes in
            bytes.count >= lead + trail && bytes.prefix(lead).elementsEqual(UnsafeBufferPointer(prefix))
                && bytes.suffix(trail).elementsEqual(UnsafeBufferPointer(suffix))
        }
        guard
            isSo
                ?? (bytes.starts(with: UnsafeBufferPointer(prefix))
                    && bytes.dropFirst(lead).suffix(trail).elementsEqual(UnsafeBufferPointer(suffix)))
        else { return nil }
        return self[bytes.index(startIndex, offsetBy: lead)..<bytes.index(endIndex, offsetBy: -trail)]
    }
}

extension UnsafeBufferPointer<UInt8> {
    fileprivate init(_ text: StaticString) { self.init(start: text.utf8Start, count: text.utf8CodeUnitCount) }
}
