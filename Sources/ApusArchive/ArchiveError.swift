/// Why an archive was refused, or could not be read or written.
package struct ArchiveError: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Code: Equatable, Sendable {
        /// Not a zip, cut short, damaged, or at odds with itself.
        case malformed
        /// An entry is encrypted, or compressed by another method than deflate.
        case unsupported
        /// The entries inflate to more bytes than allowed.
        case tooLarge
        /// There are more files and directories than allowed.
        case tooManyEntries
        /// A name or a link that could lead out of the tree.
        case unsafe
        /// The operating system refused; the archive may be sound.
        case system
    }

    package let code: Code

    /// What, on what, why.
    package let context: String

    package init(_ code: Code, _ context: String) {
        self.code = code
        self.context = context
    }

    package var description: String { context }
}
