/// Reads the syntax of Java's regular expressions that AWS's models use.
struct PatternParser {
    private struct Unsupported: Error {}

    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var depth = 0

    private init(_ source: String) { self.scalars = Array(source.unicodeScalars) }

    /// - Returns: nil for syntax that is not supported.
    static func parse(_ source: String) -> PatternNode? {
        var parser = PatternParser(source)
        guard let node = try? parser.choice(), parser.position == parser.scalars.count else { return nil }
        return node
    }

    private var current: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard current == scalar else { return false }
        position += 1
        return true
    }

    private mutating func take(_ text: String) -> Bool {
        let wanted = Array(text.unicodeScalars)
        guard scalars[position...].starts(with: wanted) else { return false }
        position += wanted.count
        return true
    }

    private mutating func any() throws -> Unicode.Scalar {
        guard let scalar = current else { throw Unsupported() }
        position += 1
        return scalar
    }

    private mutating func choice() throws -> PatternNode {
        depth += 1
        defer { depth -= 1 }
        guard depth < 64 else { throw Unsupported() }
        var branches = [try sequence()]
        while take("|" as Unicode.Scalar) { branches.append(try sequence()) }
        return branches.count == 1 ? branches[0] : .choice(branches)
    }

    private mutating func sequence() throws -> PatternNode {
        var parts: [PatternNode] = []
        while let scalar = current, scalar != "|", scalar != ")" { parts.append(try repetition()) }
        return parts.count == 1 ? parts[0] : parts.isEmpty ? .empty : .sequence(parts)
    }

    private mutating func repetition() throws -> PatternNode {
        var node = try atom()
        while true {
            if take("*" as Unicode.Scalar) {
                node = .repetition(node, least: 0, most: nil)
            } else if take("+" as Unicode.Scalar) {
                node = .repetition(node, least: 1, most: nil)
            } else if take("?" as Unicode.Scalar) {
                node = .repetition(node, least: 0, most: 1)
            } else if take("{" as Unicode.Scalar) {
                let least = try number()
                var most: Int? = least
                if take("," as Unicode.Scalar) { most = current == "}" ? nil : try number() }
                guard take("}" as Unicode.Scalar), most ?? least >= least else { throw Unsupported() }
                node = .repetition(node, least: least, most: most)
            } else {
                return node
            }
        }
    }

    private mutating func number() throws -> Int {
        var value: Int?
        while let digit = current?.properties.numericType == .decimal ? current : nil, digit.isASCII {
            value = (value ?? 0) * 10 + Int(digit.value - 0x30)
            position += 1
            guard let value, value <= 10_000 else { throw Unsupported() }
        }
        guard let value else { throw Unsupported() }
        return value
    }

    private mutating func atom() throws -> PatternNode {
        let scalar = try any()
        switch scalar {
        case "(": return try group()
        case "[": return .set(try set())
        case "^": return .start
        case "$": return .end
        case ".":
            var set = ScalarSet()
            for terminator in ["\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"] as [Unicode.Scalar] {
                set.insert(terminator.value...terminator.value)
            }
            set.isNegated = true
            return .set(set)
        case "\\": return .set(try escape())
        case "*", "+", "?", "{": throw Unsupported()
        default: return .set(ScalarSet(scalar))
        }
    }

    private mutating func group() throws -> PatternNode {
        var look: (isAhead: Bool, isNegative: Bool)?
        if take("?" as Unicode.Scalar) {
            if take("!" as Unicode.Scalar) {
                look = (true, true)
            } else if take("=" as Unicode.Scalar) {
                look = (true, false)
            } else if take("<!") {
                look = (false, true)
            } else if take("<=") {
                look = (false, false)
            } else if !take(":" as Unicode.Scalar) {
                throw Unsupported()
            }
        }
        let node = try choice()
        guard take(")" as Unicode.Scalar) else { throw Unsupported() }
        switch look {
        case nil: return node
        case (true, let isNegative)?: return .ahead(node, isNegative: isNegative)
        case (false, let isNegative)?:
            guard case .set(let set) = node else { throw Unsupported() }
            return .behind(set, isNegative: isNegative)
        }
    }

    private mutating func set() throws -> ScalarSet {
        var set = ScalarSet()
        set.isNegated = take("^" as Unicode.Scalar)
        var isFirst = true
        while true {
            let scalar = try any()
            if scalar == "]", !isFirst { return set }
            isFirst = false
            if scalar == "[" || (scalar == "&" && current == "&") { throw Unsupported() }
            var low = scalar
            if scalar == "\\" {
                guard let single = try escapedScalar() else {
                    set.insert(try escape())
                    continue
                }
                low = single
            }
            // A hyphen makes a range unless it is the last character of the class or a class such as \w follows.
            guard current == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else {
                set.insert(low.value...low.value)
                continue
            }
            position += 1
            var high = try any()
            if high == "\\" {
                guard let single = try escapedScalar() else { throw Unsupported() }
                high = single
            }
            guard high.value >= low.value else { throw Unsupported() }
            set.insert(low.value...high.value)
        }
    }

    /// An escape that means one scalar; nil, with nothing read, for one that means a class.
    private mutating func escapedScalar() throws -> Unicode.Scalar? {
        guard let scalar = current else { throw Unsupported() }
        switch scalar {
        case "d", "w", "s", "S", "p": return nil
        case "n", "r", "t", "f":
            position += 1
            return scalar == "n" ? "\n" : scalar == "r" ? "\r" : scalar == "t" ? "\t" : "\u{C}"
        case "x":
            position += 1
            return try hexadecimal(least: 2, most: 2)
        case "u":
            position += 1
            // Models write scalars beyond U+FFFF with five or six digits, which Java would read otherwise.
            return try hexadecimal(least: 4, most: 6)
        default:
            if scalar.properties.isAlphabetic { throw Unsupported() }
            position += 1
            return scalar
        }
    }

    private mutating func hexadecimal(least: Int, most: Int) throws -> Unicode.Scalar {
        var value: UInt32 = 0
        var count = 0
        while count < most, let digit = current, digit.isASCII, let nibble = Hex.value(UInt8(digit.value)) {
            value = value << 4 | UInt32(nibble)
            position += 1
            count += 1
        }
        guard count >= least, let scalar = Unicode.Scalar(value) else { throw Unsupported() }
        return scalar
    }

    private mutating func escape() throws -> ScalarSet {
        if let scalar = try escapedScalar() { return ScalarSet(scalar) }
        var set = ScalarSet()
        switch try any() {
        case "d": set.insert(0x30...0x39)
        case "w":
            set.insert(0x30...0x39)
            set.insert(0x41...0x5A)
            set.insert(0x61...0x7A)
            set.insert(0x5F...0x5F)
        case let space where space == "s" || space == "S":
            set.insert(0x09...0x0D)
            set.insert(0x20...0x20)
            set.isNegated = space == "S"
        default:
            guard take("{" as Unicode.Scalar) else { throw Unsupported() }
            switch try any() {
            case "L": set.insert(.letter)
            case "Z": set.insert(.separator)
            case "N": set.insert(.number)
            default: throw Unsupported()
            }
            guard take("}" as Unicode.Scalar) else { throw Unsupported() }
        }
        return set
    }
}
