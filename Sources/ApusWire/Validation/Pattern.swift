import Synchronization

/// A regular expression of a table: Java's syntax as far as the tables use it, compiled at its first use.
///
/// It matches whole texts, scalar by scalar, in time linear in the text whatever the expression is: the states of an automaton
/// advance together, nothing is tried twice. A look-ahead costs its own walk at each place where it is asked.
package final class Pattern: Sendable {
    package let source: String
    private let compiled = Mutex<Compiled>(.not)

    private enum Compiled: Sendable {
        case not
        case program(PatternProgram)
        /// The syntax is not supported: nothing is refused.
        case unsupported
    }

    package init(_ source: String) { self.source = source }

    /// - Returns: true also when the expression is not supported; see ``isSupported``.
    package func matches(_ text: String) -> Bool {
        guard let program else { return true }
        return program.matchesWhole(Array(text.unicodeScalars))
    }

    package var isSupported: Bool { program != nil }

    private var program: PatternProgram? {
        compiled.withLock { state in
            if case .not = state {
                state = PatternParser.parse(source).map { .program(PatternProgram($0)) } ?? .unsupported
            }
            guard case .program(let program) = state else { return nil }
            return program
        }
    }
}

/// A parsed regular expression.
indirect enum PatternNode: Sendable {
    case empty
    case set(ScalarSet)
    case sequence([PatternNode])
    case choice([PatternNode])
    case repetition(PatternNode, least: Int, most: Int?)
    case start
    case end
    case ahead(PatternNode, isNegative: Bool)
    /// Only of one character.
    case behind(ScalarSet, isNegative: Bool)
}

/// A set of Unicode scalars: ranges and general categories, or all but these.
struct ScalarSet: Sendable {
    enum Category: Sendable { case letter, separator, number }

    private var ascii: (UInt64, UInt64) = (0, 0)
    private var ranges: [ClosedRange<UInt32>] = []
    private var categories: [Category] = []
    private var sets: [ScalarSet] = []
    var isNegated = false

    init() {}

    init(_ scalar: Unicode.Scalar) { insert(scalar.value...scalar.value) }

    mutating func insert(_ range: ClosedRange<UInt32>) {
        for value in range.lowerBound...min(range.upperBound, max(range.lowerBound, 127)) where value < 128 {
            if value < 64 { ascii.0 |= 1 << UInt64(value) } else { ascii.1 |= 1 << UInt64(value - 64) }
        }
        if range.upperBound >= 128 { ranges.append(max(128, range.lowerBound)...range.upperBound) }
    }

    mutating func insert(_ category: Category) { categories.append(category) }
    mutating func insert(_ set: ScalarSet) { sets.append(set) }

    @inline(__always)
    func contains(_ scalar: Unicode.Scalar) -> Bool { holds(scalar) != isNegated }

    private func holds(_ scalar: Unicode.Scalar) -> Bool {
        let value = scalar.value
        if value < 128 {
            if (value < 64 ? ascii.0 >> UInt64(value) : ascii.1 >> UInt64(value - 64)) & 1 == 1 { return true }
        } else if ranges.contains(where: { $0.contains(value) }) {
            return true
        }
        return categories.contains { Self.matches(scalar, $0) } || sets.contains { $0.contains(scalar) }
    }

    private static func matches(_ scalar: Unicode.Scalar, _ category: Category) -> Bool {
        switch (category, scalar.properties.generalCategory) {
        case (.letter, .uppercaseLetter), (.letter, .lowercaseLetter), (.letter, .titlecaseLetter),
            (.letter, .modifierLetter), (.letter, .otherLetter), (.separator, .spaceSeparator),
            (.separator, .lineSeparator), (.separator, .paragraphSeparator), (.number, .decimalNumber),
            (.number, .letterNumber), (.number, .otherNumber):
            true
        default: false
        }
    }
}
