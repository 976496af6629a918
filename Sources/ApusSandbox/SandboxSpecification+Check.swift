import ApusModel
import Glibc

/// What the launcher takes at the most; more would end it, and every environment with it.
private enum Most {
    /// Beside the code or the image.
    static let mounts = 15
    static let arguments = 1024
    static let variables = 4096
}

/// Refuses what no driver can carry out, before anything of the environment is made.
private struct LaunchCheck {
    let id: String

    private func refuse(_ what: String, _ error: Int32 = EINVAL) -> SandboxError {
        SandboxError(step: "check \(what)", subject: id, errno: error)
    }

    func identity() throws(SandboxError) {
        let letters = id.utf8.allSatisfy { "abcdefghijklmnopqrstuvwxyz0123456789-".utf8.contains($0) }
        guard letters, 1...64 ~= id.utf8.count else { throw refuse("the id") }
    }

    func arguments(_ arguments: [String], mayBeRelative: Bool = false) throws(SandboxError) {
        guard let program = arguments.first, mayBeRelative || program.hasPrefix("/") else {
            throw refuse("the program's path")
        }
        guard arguments.count <= Most.arguments else { throw refuse("the arguments", E2BIG) }
        try texts(arguments)
    }

    func variables(_ variables: [(name: String, value: String)]) throws(SandboxError) {
        guard variables.count <= Most.variables else { throw refuse("the variables", E2BIG) }
        try texts(variables.flatMap { [$0.name, $0.value] })
        guard variables.allSatisfy({ !$0.name.isEmpty && !$0.name.utf8.contains(UInt8(ascii: "=")) }) else {
            throw refuse("the variables' names")
        }
    }

    func mounts(_ mounts: [SandboxSpecification.Mount]) throws(SandboxError) {
        guard mounts.count <= Most.mounts else { throw refuse("the mounts", E2BIG) }
        try texts(mounts.flatMap { [$0.source, $0.target] })
    }

    func limits(_ specification: SandboxSpecification) throws(SandboxError) {
        guard specification.memory.megabytes > 0, 1...Int(Int32.max) ~= specification.processes,
            8...Int(Int32.max) ~= specification.descriptors, specification.temporaryBytes >= 0
        else { throw refuse("the limits") }
    }

    /// What follows a NUL would be lost to a C string.
    func texts(_ texts: [String]) throws(SandboxError) {
        guard texts.allSatisfy({ !$0.utf8.contains(0) }) else { throw refuse("the texts") }
    }
}

extension SandboxSpecification {
    func check() throws(SandboxError) {
        let check = LaunchCheck(id: id)
        try check.identity()
        try check.arguments(arguments, mayBeRelative: image != nil)
        try check.variables(variables)
        try check.mounts(mounts)
        try check.limits(self)
        try check.texts([code])
        if let image { try check.texts([image.root, image.workingDirectory]) }
    }
}

extension CellSpecification {
    func check() throws(SandboxError) {
        let check = LaunchCheck(id: id)
        try check.identity()
        try check.arguments(arguments)
        try check.variables(variables)
        try check.mounts(mounts)
    }
}
