import ApusModel
import Glibc

extension SandboxSpecification {
    /// What the launcher takes at the most; more would end it, and every environment with it.
    private static let mostMounts = 15
    private static let mostArguments = 1024
    private static let mostVariables = 4096

    /// Refuses what no driver can carry out, before anything of the environment is made.
    func check() throws(SandboxError) {
        func refuse(_ what: String, _ error: Int32) -> SandboxError {
            SandboxError(step: "check \(what)", subject: self.id, errno: error)
        }
        let letters = id.utf8.allSatisfy { "abcdefghijklmnopqrstuvwxyz0123456789-".utf8.contains($0) }
        guard letters, 1...64 ~= id.utf8.count else { throw refuse("the id", EINVAL) }
        guard arguments.first?.hasPrefix("/") == true else { throw refuse("the program's path", EINVAL) }
        guard arguments.count <= SandboxSpecification.mostArguments else { throw refuse("the arguments", E2BIG) }
        guard variables.count <= SandboxSpecification.mostVariables else { throw refuse("the variables", E2BIG) }
        guard mounts.count <= SandboxSpecification.mostMounts else { throw refuse("the mounts", E2BIG) }
        guard memory.megabytes > 0, 1...Int(Int32.max) ~= processes, 8...Int(Int32.max) ~= descriptors,
            temporaryBytes >= 0
        else { throw refuse("the limits", EINVAL) }
        // What follows a NUL would be lost to a C string.
        let texts =
            [code] + arguments + variables.flatMap { [$0.name, $0.value] } + mounts.flatMap { [$0.source, $0.target] }
        guard texts.allSatisfy({ !$0.utf8.contains(0) }) else { throw refuse("the texts", EINVAL) }
        guard variables.allSatisfy({ !$0.name.isEmpty && !$0.name.utf8.contains(UInt8(ascii: "=")) }) else {
            throw refuse("the variables' names", EINVAL)
        }
    }
}
