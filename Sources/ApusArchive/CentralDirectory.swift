/// The table of contents at the end of a zip, checked against the header before each entry's bytes.
///
/// A zip says everything twice, and readers differ in which they believe. An archive whose two accounts differ, or whose entries
/// share bytes (as the densest zip bombs do), is refused, so that what is checked is also what is unpacked.
///
/// - Source: PKWARE APPNOTE.TXT 6.3.10, sections 4.3 to 4.5.
struct CentralDirectory {
    struct Entry {
        /// Where the name lies in the archive.
        var name: Range<Int>
        /// Where the entry's own header begins.
        var header: Int
        /// Where the entry's bytes end.
        var end: Int
    }

    /// In the order of their bytes.
    private(set) var entries: [Entry] = []

    /// Bytes before the archive, such as those of a self-extracting program.
    let prefix: Int

    init(_ bytes: [UInt8], entryLimit: Int) throws(ArchiveError) {
        let reader = LittleEndian(bytes: bytes)
        let end = try EndRecord(reader)
        prefix = end.start - end.statedOffset
        var position = end.start
        while position < end.end {
            guard entries.count < entryLimit else {
                throw ArchiveError(.tooManyEntries, "the archive has more than \(entryLimit) entries")
            }
            entries.append(try entry(reader, at: &position, limit: end.end))
        }
        guard position == end.end, entries.count & end.countMask == end.count else {
            throw ArchiveError(.malformed, "the archive's directory does not have the size it states")
        }
        entries.sort { $0.header < $1.header }
        for (index, entry) in entries.enumerated() {
            let next = index + 1 < entries.count ? entries[index + 1].header : end.start
            guard entry.end <= next else { throw ArchiveError(.malformed, "entries of the archive overlap") }
        }
    }

    /// Reads the record at `position`, moves behind it, and checks the header that it points to.
    private func entry(
        _ reader: LittleEndian, at position: inout Int, limit: Int
    ) throws(ArchiveError) -> Entry {
        guard position + 46 <= limit, reader.number32(position) == 0x0201_4B50 else {
            throw ArchiveError(.malformed, "the archive's directory is damaged")
        }
        let name = position + 46..<position + 46 + reader.number16(position + 28)
        let extra = name.upperBound..<name.upperBound + reader.number16(position + 30)
        let next = extra.upperBound + reader.number16(position + 32)
        guard next <= limit else { throw ArchiveError(.malformed, "the archive's directory is cut short") }
        let record = (
            flags: reader.number16(position + 8), method: reader.number16(position + 10), name: name
        )
        var wide = WideNumbers(reader, extra)
        _ = wide.resolve(reader.number32(position + 24))
        let size = wide.resolve(reader.number32(position + 20))
        let offset = wide.resolve(reader.number32(position + 42))
        position = next

        guard let size, let offset, offset <= reader.count - prefix, size <= reader.count else {
            throw ArchiveError(.malformed, "\(reader.text(name)) lies outside the archive")
        }
        let header = prefix + offset
        guard header + 30 <= reader.count, reader.number32(header) == 0x0403_4B50 else {
            throw ArchiveError(.malformed, "\(reader.text(name)) has no header")
        }
        let ownName = header + 30..<header + 30 + reader.number16(header + 26)
        let start = ownName.upperBound + reader.number16(header + 28)
        guard start + size <= reader.count, reader.bytes[name] == reader.bytes[ownName],
            reader.number16(header + 8) == record.method
        else {
            throw ArchiveError(.malformed, "\(reader.text(name)) is described differently in its two places")
        }
        // Bits 0, 6 and 13: encrypted, strongly encrypted, headers masked.
        guard (record.flags | reader.number16(header + 6)) & 0x2041 == 0 else {
            throw ArchiveError(.unsupported, "\(reader.text(name)) is encrypted")
        }
        guard record.method == 0 || record.method == 8 else {
            throw ArchiveError(
                .unsupported, "\(reader.text(name)) is compressed by method \(record.method); only deflate is read")
        }
        return Entry(name: name, header: header, end: start + size)
    }
}

/// Where the directory lies, by the record at the end of the archive.
private struct EndRecord {
    let start: Int
    let end: Int
    /// Where the archive says that the directory starts.
    let statedOffset: Int
    let count: Int
    /// The older record counts modulo 65,536.
    let countMask: Int

    init(_ reader: LittleEndian) throws(ArchiveError) {
        let place = try EndRecord.place(reader)
        let narrow = (
            count: reader.number16(place + 10), size: reader.number32(place + 12), offset: reader.number32(place + 16)
        )
        let size: Int?
        let offset: Int?
        let isWide = narrow.count == 0xFFFF || narrow.size == 0xFFFF_FFFF || narrow.offset == 0xFFFF_FFFF
        if isWide, place >= 20, reader.number32(place - 20) == 0x0706_4B50 {
            guard let wide = reader.number64(place - 12), wide + 56 <= place - 20, reader.number32(wide) == 0x0606_4B50,
                let total = reader.number64(wide + 32)
            else { throw ArchiveError(.malformed, "the archive's end record is damaged") }
            end = wide
            count = total
            countMask = Int.max
            size = reader.number64(wide + 40)
            offset = reader.number64(wide + 48)
        } else {
            end = place
            count = narrow.count
            countMask = 0xFFFF
            size = narrow.size
            offset = narrow.offset
        }
        guard let size, let offset, size <= end, offset <= end - size else {
            throw ArchiveError(.malformed, "the archive's directory lies outside the archive")
        }
        start = end - size
        statedOffset = offset
    }

    /// The record is the last thing in a zip but for a comment of up to 65,535 bytes.
    private static func place(_ reader: LittleEndian) throws(ArchiveError) -> Int {
        var place = reader.count - 22
        while place >= max(0, reader.count - 22 - 0xFFFF) {
            if reader.bytes[place] == 0x50, reader.number32(place) == 0x0605_4B50 { return place }
            place -= 1
        }
        throw ArchiveError(.malformed, "this is not a zip archive, or it is cut short")
    }
}

/// The 64-bit numbers of an entry, which stand in for those of 32 bits that are all ones, in a fixed order.
private struct WideNumbers {
    private let reader: LittleEndian
    private var range: Range<Int>

    init(_ reader: LittleEndian, _ extra: Range<Int>) {
        self.reader = reader
        range = extra.upperBound..<extra.upperBound
        var position = extra.lowerBound
        while position + 4 <= extra.upperBound {
            let content = position + 4..<position + 4 + reader.number16(position + 2)
            guard content.upperBound <= extra.upperBound else { return }
            if reader.number16(position) == 1 {
                range = content
                return
            }
            position = content.upperBound
        }
    }

    /// - Returns: nil when the number should be here and is not.
    mutating func resolve(_ narrow: Int) -> Int? {
        guard narrow == 0xFFFF_FFFF else { return narrow }
        guard range.count >= 8 else { return nil }
        defer { range = range.lowerBound + 8..<range.upperBound }
        return reader.number64(range.lowerBound)
    }
}

private struct LittleEndian {
    let bytes: [UInt8]

    var count: Int { bytes.count }

    func number16(_ at: Int) -> Int { Int(bytes[at]) | Int(bytes[at + 1]) << 8 }

    func number32(_ at: Int) -> Int { number16(at) | number16(at + 2) << 16 }

    /// - Returns: nil for a number that no archive in memory can need.
    func number64(_ at: Int) -> Int? {
        let high = number32(at + 4)
        return high < 0x1000_0000 ? number32(at) | high << 32 : nil
    }

    func text(_ range: Range<Int>) -> String { EntryTree.text(bytes[range]) }
}
