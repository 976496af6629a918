import Glibc

/// An open file or directory. Closed when it goes out of scope, and never inherited by a child.
struct Descriptor: ~Copyable {
    let number: Int32

    /// - Parameter number: what `open(2)` and its like returned; negative throws the text of `errno`.
    init(_ number: Int32, _ context: @autoclosure () -> String) throws(ArchiveError) {
        guard number >= 0 else { throw systemError(context()) }
        self.number = number
    }

    deinit { close(number) }

    func write(_ bytes: UnsafeRawBufferPointer, _ context: @autoclosure () -> String) throws(ArchiveError) {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(number, rest.baseAddress, rest.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw systemError(context()) }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }
}

func systemError(_ context: String) -> ArchiveError {
    ArchiveError(.system, "\(context): \(String(cString: strerror(errno)))")
}
