/// Variables as a shell reads them.
package enum ShellText: String, CaseIterable, Sendable {
    case sh
    case fish

    package func export(_ name: String, _ value: String) -> String {
        switch self {
        case .sh: "export \(name)=\(quoted(value))"
        case .fish: "set -gx \(name) \(quoted(value));"
        }
    }

    /// Plain words stay as they are.
    private func quoted(_ value: String) -> String {
        let isPlain = value.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_./:@%+=[]".contains($0)) }
        if isPlain, !value.isEmpty, !value.contains("[") { return value }
        switch self {
        case .sh:
            return "'" + value.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
        case .fish:
            let escaped = value.map { $0 == "'" || $0 == "\\" ? "\\\($0)" : String($0) }.joined()
            return "'\(escaped)'"
        }
    }
}
