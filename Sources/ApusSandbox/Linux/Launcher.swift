internal import CApusLinux
import Glibc

/// The launcher with its keeper, spawned and not yet spoken to. Both end, with every environment, when this value goes.
package struct Launcher: ~Copyable, Sendable {
    let socket: Descriptor
    /// The keeper's pid.
    package let process: Int32
    let place: Place

    /// Where it has the privilege to make environments.
    package enum Place: Sendable {
        /// On the host, as root.
        case host
        /// In a user namespace of its own, which an ordinary user may make.
        case userNamespace
    }

    /// Starts the executable. To be done first in `main`: what the launcher is given is what the server has then.
    ///
    /// - Parameter path: the executable `apus-launcher`.
    package init(path: String, in place: Place = .host) throws(SandboxError) {
        self.place = place
        var process: pid_t = 0
        let socket = capus_spawn_launcher(path, place == .host ? nil : "userns", &process)
        if socket < 0 { throw SandboxError(step: "start the launcher", subject: path, errno: -socket) }
        self.socket = Descriptor(adopting: socket)
        self.process = process
    }
}

extension Launcher {
    consuming func takeSocket() -> Descriptor { socket }
}
