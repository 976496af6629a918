import ApusModel

/// A filter pattern of terms: all plain ones must occur, none of those with `-`, and one of those with `?` if there are any.
///
/// - Source: CloudWatch Logs user guide, "Filter pattern syntax".
struct FilterPattern: Equatable {
    var required: [String] = []
    var excluded: [String] = []
    var alternatives: [String] = []

    /// - Throws: the fault for a pattern that is not made of terms, or whose quotes do not match.
    init(_ pattern: String) throws(Fault) {
        let text = pattern.drop { $0 == " " }
        if let first = text.first, first == "{" || first == "[" || first == "%" {
            throw LogsFaults.patternUnavailable(pattern)
        }
        var rest = text
        while let first = rest.first {
            guard first != " " else {
                rest = rest.dropFirst()
                continue
            }
            if first == "-" || first == "?" { rest = rest.dropFirst() }
            let term = try Self.term(&rest)
            guard !term.isEmpty else { throw LogsFaults.invalid("Invalid filter pattern") }
            switch first {
            case "-": excluded.append(term)
            case "?": alternatives.append(term)
            default: required.append(term)
            }
        }
    }

    func matches(_ message: String) -> Bool {
        required.allSatisfy { message.contains($0) } && !excluded.contains { message.contains($0) }
            && (alternatives.isEmpty || alternatives.contains { message.contains($0) })
    }

    private static func term(_ rest: inout Substring) throws(Fault) -> String {
        guard rest.first == "\"" else {
            let term = rest.prefix { $0 != " " }
            rest = rest.dropFirst(term.count)
            return String(term)
        }
        var term = ""
        rest = rest.dropFirst()
        while let character = rest.popFirst() {
            if character == "\"" { return term }
            if character == "\\", let escaped = rest.popFirst() {
                term.append(escaped)
            } else {
                term.append(character)
            }
        }
        throw LogsFaults.invalid("Invalid filter pattern")
    }
}
