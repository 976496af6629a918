/// Walks over JSON text (RFC 8259, UTF-8). It allocates nothing; strings and numbers come out as ranges.
///
/// Unsafe: `base` must stay valid for `end` bytes as long as the cursor lives. Every read is preceded by a comparison with `end`.
struct JSONCursor {
    /// A string's bytes between its quotes.
    struct Text {
        let start: Int
        let end: Int
        let hasEscapes: Bool
    }

    struct Number {
        let start: Int
        let end: Int
        let isInteger: Bool
    }

    let base: UnsafePointer<UInt8>
    let end: Int
    private(set) var position = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        // An empty buffer may have no address; nothing is read through a pointer when `end` is 0.
        self.base =
            bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            ?? UnsafePointer(bitPattern: MemoryLayout<UInt8>.alignment)!
        self.end = bytes.count
    }

    private func failure(_ reason: JSONError.Reason, at offset: Int) -> JSONError {
        JSONError(offset: offset, reason: reason)
    }

    private func unexpected(_ expected: JSONError.Expectation) -> JSONError {
        guard position < end else { return failure(.endOfInput, at: end) }
        return failure(.unexpectedByte(base[position], expected: expected), at: position)
    }

    @inline(__always)
    mutating func skipSpace() {
        while position < end {
            switch base[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    /// The first byte of the next token, which stays.
    @inline(__always)
    mutating func peek(_ expected: JSONError.Expectation = .value) throws(JSONError) -> UInt8 {
        skipSpace()
        guard position < end else { throw unexpected(expected) }
        return base[position]
    }

    @inline(__always)
    mutating func advance() { position += 1 }

    mutating func expectEnd() throws(JSONError) {
        skipSpace()
        guard position == end else { throw unexpected(.end) }
    }

    // MARK: Containers

    /// Steps into `{` or `[`, which `peek` has seen.
    ///
    /// - Returns: false when it is empty; it is then left already.
    mutating func enter(_ close: UInt8) throws(JSONError) -> Bool {
        position += 1
        skipSpace()
        guard position < end else { throw unexpected(.value) }
        guard base[position] != close else {
            position += 1
            return false
        }
        return true
    }

    /// Steps over the comma before the next entry, or over the end.
    mutating func next(_ close: UInt8) throws(JSONError) -> Bool {
        skipSpace()
        guard position < end else { throw unexpected(.value) }
        if base[position] == UInt8(ascii: ",") {
            position += 1
            return true
        }
        guard base[position] == close else {
            throw unexpected(close == UInt8(ascii: "}") ? .commaOrObjectEnd : .commaOrArrayEnd)
        }
        position += 1
        return false
    }

    /// Reads a member's name and the colon after it.
    mutating func name() throws(JSONError) -> Text {
        guard try peek(.name) == UInt8(ascii: "\"") else { throw unexpected(.name) }
        let name = try string()
        guard try peek(.colon) == UInt8(ascii: ":") else { throw unexpected(.colon) }
        position += 1
        return name
    }

    // MARK: Scalars

    /// Reads a string whose opening quote `peek` has seen.
    mutating func string() throws(JSONError) -> Text {
        position += 1
        let start = position
        var hasEscapes = false
        while true {
            skipPlain()
            guard position < end else { throw failure(.endOfInput, at: end) }
            let byte = base[position]
            if byte == UInt8(ascii: "\"") {
                position += 1
                return Text(start: start, end: position - 1, hasEscapes: hasEscapes)
            } else if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                try skipEscape()
            } else if byte < 0x20 {
                throw failure(.controlCharacterInString(byte), at: position)
            } else if byte >= 0x80 {
                try skipMultibyte()
            } else {
                position += 1
            }
        }
    }

    /// Steps over printable ASCII except `"` and `\`, eight bytes at a time.
    @inline(__always)
    private mutating func skipPlain() {
        let raw = UnsafeRawPointer(base)
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        while position + 8 <= end {
            let word = raw.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            let quote = word ^ (ones &* 0x22)
            let slash = word ^ (ones &* 0x5C)
            // A byte's high bit is set where the byte is a quote, a backslash, below 0x20 or above 0x7F. A borrow may mark a
            // byte after a true mark too; the caller looks at the first one only.
            let marks =
                ((quote &- ones) & ~quote | (slash &- ones) & ~slash | (word &- (ones &* 0x20)) & ~word | word) & highs
            guard marks == 0 else {
                position += marks.littleEndian.trailingZeroBitCount / 8
                return
            }
            position += 8
        }
        while position < end {
            let byte = base[position]
            guard byte >= 0x20, byte < 0x80, byte != 0x22, byte != 0x5C else { return }
            position += 1
        }
    }

    private mutating func skipEscape() throws(JSONError) {
        guard position + 1 < end else { throw failure(.endOfInput, at: end) }
        switch base[position + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 2
        case UInt8(ascii: "u"):
            for offset in position + 2..<position + 6 {
                guard offset < end else { throw failure(.endOfInput, at: end) }
                guard Hex.value(base[offset]) != nil else {
                    throw failure(.unexpectedByte(base[offset], expected: .hexDigit), at: offset)
                }
            }
            position += 6
        case let other:
            throw failure(.badEscape(other), at: position + 1)
        }
    }

    /// Steps over one character of two to four bytes (RFC 3629: no surrogates, nothing overlong).
    private mutating func skipMultibyte() throws(JSONError) {
        let first = base[position]
        let length: Int
        let second: ClosedRange<UInt8>
        switch first {
        case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: (length, second) = (3, 0x80...0xBF)
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: throw failure(.badUTF8(first, isStart: true), at: position)
        }
        for step in 1..<length {
            guard position + step < end else { throw failure(.endOfInput, at: end) }
            let byte = base[position + step]
            guard step == 1 ? second.contains(byte) : byte & 0xC0 == 0x80 else {
                throw failure(.badUTF8(byte, isStart: false), at: position + step)
            }
        }
        position += length
    }

    /// Reads a number whose first byte, `-` or a digit, `peek` has seen.
    mutating func number() throws(JSONError) -> Number {
        let start = position
        if base[position] == UInt8(ascii: "-") { position += 1 }
        guard position < end else { throw failure(.endOfInput, at: end) }
        guard isDigit(position) else { throw failure(.badNumber(.noDigitAfterSign), at: position) }
        if base[position] == UInt8(ascii: "0") {
            position += 1
            if position < end, isDigit(position) { throw failure(.badNumber(.leadingZero), at: position) }
        } else {
            skipDigits()
        }
        var isInteger = true
        if position < end, base[position] == UInt8(ascii: ".") {
            isInteger = false
            position += 1
            try expectDigits(.noDigitAfterPoint)
        }
        if position < end, base[position] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            position += 1
            if position < end, base[position] == UInt8(ascii: "+") || base[position] == UInt8(ascii: "-") {
                position += 1
            }
            try expectDigits(.noDigitInExponent)
        }
        return Number(start: start, end: position, isInteger: isInteger)
    }

    private mutating func expectDigits(_ flaw: JSONError.NumberFlaw) throws(JSONError) {
        guard position < end else { throw failure(.endOfInput, at: end) }
        guard isDigit(position) else { throw failure(.badNumber(flaw), at: position) }
        skipDigits()
    }

    @inline(__always)
    private func isDigit(_ offset: Int) -> Bool { base[offset] >= 0x30 && base[offset] <= 0x39 }

    private mutating func skipDigits() { while position < end, isDigit(position) { position += 1 } }

    /// Reads `true`, `false` or `null`, of which `peek` has seen the first letter.
    mutating func literal(_ word: StaticString) throws(JSONError) {
        let start = position
        let count = word.utf8CodeUnitCount
        var matched = 0
        while matched < count, start + matched < end, base[start + matched] == word.utf8Start[matched] { matched += 1 }
        var stop = start + matched
        guard matched == count, stop == end || !isWordByte(base[stop]) else {
            while stop < end, isWordByte(base[stop]) { stop += 1 }
            guard stop > start else { throw unexpected(.value) }
            throw failure(.unknownToken(length: stop - start), at: start)
        }
        position = stop
    }

    private func isWordByte(_ byte: UInt8) -> Bool {
        isDigitOrLetter(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "$")
    }

    private func isDigitOrLetter(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: false
        }
    }

    // MARK: Whole values

    /// Steps over one value.
    ///
    /// - Parameter depth: how many containers may be open inside; `limit` is the figure in the error.
    mutating func skipValue(depth: Int, limit: Int) throws(JSONError) {
        switch try peek() {
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "{"):
            guard depth > 0 else { throw failure(.tooDeep(limit: limit), at: position) }
            guard try enter(UInt8(ascii: "}")) else { return }
            repeat {
                _ = try name()
                try skipValue(depth: depth - 1, limit: limit)
            } while try next(UInt8(ascii: "}"))
        case UInt8(ascii: "["):
            guard depth > 0 else { throw failure(.tooDeep(limit: limit), at: position) }
            guard try enter(UInt8(ascii: "]")) else { return }
            repeat { try skipValue(depth: depth - 1, limit: limit) } while try next(UInt8(ascii: "]"))
        case UInt8(ascii: "-"), 0x30...0x39: _ = try number()
        default: try scalarWord()
        }
    }

    /// Reads a literal and tells which; anything else is an error.
    @discardableResult
    mutating func scalarWord() throws(JSONError) -> Bool? {
        switch base[position] {
        case UInt8(ascii: "t"):
            try literal("true")
            return true
        case UInt8(ascii: "f"):
            try literal("false")
            return false
        default:
            try literal("null")
            return nil
        }
    }

    func depthFailure(limit: Int) -> JSONError { failure(.tooDeep(limit: limit), at: position) }

    func rangeFailure(_ number: Number) -> JSONError { failure(.badNumber(.outOfRange), at: number.start) }

    // MARK: Contents

    func bytes(_ start: Int, _ stop: Int) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: base + start, count: stop - start)
    }

    /// The characters of a string; escaped surrogates without a partner become U+FFFD.
    func value(_ text: Text) -> String {
        let raw = bytes(text.start, text.end)
        guard text.hasEscapes else { return String(decoding: raw, as: UTF8.self) }
        return String(unsafeUninitializedCapacity: raw.count) { JSONCursor.unescape(raw, into: $0) }
    }

    /// Writes the characters of a string with escapes, which are never longer than their escapes.
    private static func unescape(
        _ raw: UnsafeBufferPointer<UInt8>, into output: UnsafeMutableBufferPointer<UInt8>
    )
        -> Int
    {
        var read = 0
        var written = 0
        while read < raw.count {
            let byte = raw[read]
            guard byte == UInt8(ascii: "\\") else {
                output[written] = byte
                written += 1
                read += 1
                continue
            }
            let escape = raw[read + 1]
            read += 2
            if escape == UInt8(ascii: "u") {
                let scalar = scalar(raw, &read)
                written += UTF8.encode(scalar)!.reduce(into: 0) { count, unit in
                    output[written + count] = unit
                    count += 1
                }
                continue
            }
            switch escape {
            case UInt8(ascii: "b"): output[written] = 0x08
            case UInt8(ascii: "f"): output[written] = 0x0C
            case UInt8(ascii: "n"): output[written] = 0x0A
            case UInt8(ascii: "r"): output[written] = 0x0D
            case UInt8(ascii: "t"): output[written] = 0x09
            default: output[written] = escape
            }
            written += 1
        }
        return written
    }

    /// Reads the four digits at `read`, and a second escape if the two are a surrogate pair.
    private static func scalar(_ raw: UnsafeBufferPointer<UInt8>, _ read: inout Int) -> Unicode.Scalar {
        func unit(_ offset: Int) -> UInt32 {
            (offset..<offset + 4).reduce(0) { $0 << 4 | UInt32(Hex.value(raw[$1]) ?? 0) }
        }
        let high = unit(read)
        read += 4
        guard high & 0xF800 == 0xD800 else { return Unicode.Scalar(high) ?? "\u{FFFD}" }
        guard high < 0xDC00, read + 6 <= raw.count, raw[read] == UInt8(ascii: "\\"), raw[read + 1] == UInt8(ascii: "u")
        else { return "\u{FFFD}" }
        let low = unit(read + 2)
        guard low & 0xFC00 == 0xDC00 else { return "\u{FFFD}" }
        read += 6
        return Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00)) ?? "\u{FFFD}"
    }

    /// The value of a number without fraction or exponent; nil beyond 64 bits.
    func integer(_ number: Number) -> Int64? {
        guard number.isInteger else { return nil }
        let isNegative = base[number.start] == UInt8(ascii: "-")
        var value: Int64 = 0
        for offset in (isNegative ? number.start + 1 : number.start)..<number.end {
            let (shifted, overflow) = value.multipliedReportingOverflow(by: 10)
            let digit = Int64(base[offset] - 0x30)
            let (sum, again) =
                isNegative ? shifted.subtractingReportingOverflow(digit) : shifted.addingReportingOverflow(digit)
            guard !overflow, !again else { return nil }
            value = sum
        }
        return value
    }

    /// The nearest double; nil when the number is too large for one.
    func double(_ number: Number) -> Double? {
        guard let value = Double(String(decoding: bytes(number.start, number.end), as: UTF8.self)), value.isFinite
        else {
            return nil
        }
        return value
    }
}
