import ApusSandbox
import Glibc

/// The program of a language, and where a sandbox has it.
struct Interpreter: Equatable {
    /// Where a program is that sandboxes do not show: its prefix lies there, as on AWS.
    ///
    /// - Source: Lambda developer guide, "Building a custom runtime".
    private static let place = "/var/lang"

    /// The host's own programs, which every sandbox shows.
    private static let shown = ["/usr/", "/bin/"]

    /// On the host.
    let path: String

    /// The folder above the one of the program, such as `/opt/nodejs22`, with its libraries; nil where sandboxes show it.
    let prefix: String?

    /// - Parameter path: `PREFIX/bin/NAME`.
    init(_ path: String) {
        self.path = path
        let isShown = Self.shown.contains { path.hasPrefix($0) }
        prefix = isShown ? nil : Installation.parent(Installation.parent(path))
    }

    var isThere: Bool { access(path, X_OK) == 0 }

    var pathInside: String {
        guard let prefix else { return path }
        return Self.place + path.dropFirst(prefix.utf8.count)
    }

    var mounts: [SandboxSpecification.Mount] { prefix.map { [.init(source: $0, target: Self.place)] } ?? [] }
}
