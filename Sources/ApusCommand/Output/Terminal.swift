import Glibc

/// Standard output and standard error of a command.
package enum Terminal {
    /// Tables with headings and colours are for eyes; programs get plain text.
    package static let isInteractive = isatty(1) != 0

    package static func write(_ text: String) { write(Array(text.utf8)) }

    package static func line(_ text: String) { write(text + "\n") }

    package static func write(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(1, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            // Whoever read it has had enough.
            guard count > 0 else { exit(errno == EPIPE ? 0 : ExitStatus.local.rawValue) }
            rest = rest.dropFirst(count)
        }
    }

    /// Whether the program that reads standard output has ended. A command that waits has to ask: only writing would tell it.
    package static var isDeserted: Bool {
        var output = pollfd(fd: 1, events: 0, revents: 0)
        return poll(&output, 1, 0) > 0 && output.revents & Int16(POLLERR) != 0
    }

    /// To standard error.
    package static func note(_ text: String) {
        let bytes = Array("\(text)\n".utf8)
        _ = Glibc.write(2, bytes, bytes.count)
    }

    /// A line of progress, for eyes only.
    package static func progress(_ text: String) { if isatty(2) != 0 { note(dimmed(text, isatty(2) != 0)) } }

    package static func dimmed(_ text: String, _ isInteractive: Bool = isInteractive) -> String {
        isInteractive && getenv("NO_COLOR") == nil ? "\u{1B}[2m\(text)\u{1B}[0m" : text
    }
}
