internal import CApusLinux

/// What the server gives up before it serves.
package enum Privilege {
    /// Empties every capability set and forbids new privileges. To be called while the process has one thread, after
    /// the launcher was spawned: the launcher keeps what environments need.
    package static func drop() throws(SandboxError) {
        let error = capus_drop_capabilities()
        if error < 0 { throw SandboxError(step: "drop capabilities", subject: "the server", errno: -error) }
    }
}
