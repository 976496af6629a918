/// Replaces the paths inside an environment, such as `/var/task`, by the host's directories that stand behind them.
struct PathRewriting: Sendable {
    /// The longest target first, so that `/opt/lib` is not taken for `/opt`.
    private let pairs: [SandboxSpecification.Mount]

    init(_ specification: SandboxSpecification, temporary: String, launcher: String) {
        let own = [
            SandboxSpecification.Mount(source: specification.code, target: "/var/task"),
            SandboxSpecification.Mount(source: temporary, target: "/tmp"),
            SandboxSpecification.Mount(source: launcher, target: "/var/rapid/init"),
        ]
        pairs = (specification.mounts + own).sorted { $0.target.utf8.count > $1.target.utf8.count }
    }

    /// Replaces a target wherever a path begins with it: at the start of the text or of a list's item, and before a
    /// slash or the item's end.
    func rewrite(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "/")) else { return text }
        return text.split(separator: ":", omittingEmptySubsequences: false).map(item).joined(separator: ":")
    }

    private func item(_ item: Substring) -> String {
        // An option may carry a path: --require=/var/runtime/index.js.
        let start = item.firstIndex(of: "=").map(item.index(after:)) ?? item.startIndex
        let path = item[start...]
        for pair in pairs where path.hasPrefix(pair.target) {
            let rest = path.dropFirst(pair.target.count)
            if rest.isEmpty || rest.first == "/" { return item[..<start] + pair.source + rest }
        }
        return String(item)
    }
}
