/// Why bytes are not JSON, and where.
package struct JSONError: Error, Equatable, Sendable {
    package enum Reason: Equatable, Sendable {
        case endOfInput
        /// A byte that cannot stand here; `expected` finishes a sentence.
        case unexpectedByte(UInt8, expected: Expectation)
        /// A word that is not `true`, `false` or `null`, `length` bytes long.
        case unknownToken(length: Int)
        case controlCharacterInString(UInt8)
        case badEscape(UInt8)
        case badUTF8(UInt8, isStart: Bool)
        case badNumber(NumberFlaw)
        case tooDeep(limit: Int)
    }

    package enum Expectation: Equatable, Sendable {
        case value, name, colon, commaOrObjectEnd, commaOrArrayEnd, end, hexDigit
    }

    package enum NumberFlaw: Equatable, Sendable {
        case leadingZero, noDigitAfterSign, noDigitAfterPoint, noDigitInExponent, outOfRange
    }

    /// Bytes before the flaw.
    package let offset: Int

    package let reason: Reason

    package init(offset: Int, reason: Reason) {
        self.offset = offset
        self.reason = reason
    }
}

extension JSONError {
    /// The sentence that AWS's JSON reader (Jackson) has for the flaw, without the place.
    ///
    /// - Parameter input: the bytes that were read, for the word of ``Reason/unknownToken(length:)``.
    package func sentence(in input: some Collection<UInt8>) -> String {
        switch reason {
        case .endOfInput:
            return "Unexpected end-of-input"
        case .unexpectedByte(let byte, let expected):
            return "Unexpected character (\(Self.name(byte))): \(Self.text(expected))"
        case .unknownToken(let length):
            let word = String(decoding: input.dropFirst(offset).prefix(min(length, 256)), as: UTF8.self)
            return "Unrecognized token '\(word)': was expecting "
                + "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
        case .controlCharacterInString(let byte):
            return "Illegal unquoted character (\(Self.name(byte))): "
                + "has to be escaped using backslash to be included in string value"
        case .badEscape(let byte):
            return "Unrecognized character escape \(Self.name(byte))"
        case .badUTF8(let byte, let isStart):
            return "Invalid UTF-8 \(isStart ? "start" : "middle") byte 0x\(String(byte, radix: 16))"
        case .badNumber(.leadingZero):
            return "Invalid numeric value: Leading zeroes not allowed"
        case .badNumber(.noDigitAfterSign):
            return "Invalid numeric value: expected digit (0-9) to follow minus sign, for valid numeric value"
        case .badNumber(.noDigitAfterPoint):
            return "Invalid numeric value: Decimal point not followed by a digit"
        case .badNumber(.noDigitInExponent):
            return "Invalid numeric value: Exponent indicator not followed by a digit"
        case .badNumber(.outOfRange):
            return "Invalid numeric value: out of range"
        case .tooDeep(let limit):
            return "Document nesting depth (\(limit + 1)) exceeds the maximum allowed (\(limit), "
                + "from `StreamReadConstraints.getMaxNestingDepth()`)"
        }
    }

    /// The sentence with line and column, as the text of Lambda's `InvalidRequestContentException` ends.
    ///
    /// - Source: recorded responses, e.g. `Invalid UTF-8 start byte 0x87\n at [Source: REDACTED (…); line: 1, column: 3]`.
    package func lambdaText(in input: some Collection<UInt8>) -> String {
        let before = input.prefix(offset)
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        let column = (line == 1 ? before.count : before.reversed().prefix { $0 != UInt8(ascii: "\n") }.count) + 1
        return sentence(in: input)
            + "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); "
            + "line: \(line), column: \(column)]"
    }

    private static func name(_ byte: UInt8) -> String {
        if byte < 0x20 { return "(CTRL-CHAR, code \(byte))" }
        return byte < 0x80 ? "'\(Character(Unicode.Scalar(byte)))' (code \(byte))" : "(CTRL-CHAR, code \(byte))"
    }

    private static func text(_ expected: Expectation) -> String {
        switch expected {
        case .value: "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
        case .name: "was expecting double-quote to start field name"
        case .colon: "was expecting a colon to separate field name and value"
        case .commaOrObjectEnd: "was expecting comma to separate Object entries"
        case .commaOrArrayEnd: "was expecting comma to separate Array entries"
        case .end: "was expecting the end of input"
        case .hexDigit: "expected a hex-digit for character escape sequence"
        }
    }
}
