/// How a command ended, as its caller sees it. The numbers are promised in `apus --help`.
package enum ExitStatus: Int32, Sendable {
    case success = 0
    /// The function answered with an error, or something needed is missing.
    case negative = 1
    /// The server refused a request.
    case refused = 2
    /// Nothing answered, or not in time.
    case unreachable = 3
    /// A file, folder or setting on this side cannot be used.
    case local = 4
}

/// Ends a command: one line that says what failed and what to do next.
package struct CommandFailure: Error, Equatable, Sendable, CustomStringConvertible {
    package let status: ExitStatus
    package let message: String

    /// The code of an AWS error, such as `ResourceNotFoundException`.
    package let code: String?

    package init(_ status: ExitStatus, _ message: String, code: String? = nil) {
        self.status = status
        self.message = message
        self.code = code
    }

    package var description: String { message }
}
