internal import CApusLinux
import Glibc

/// What one process environment occupies of the host: a folder for its `/tmp`, a port, two pipes.
struct ProcessPlace: Sendable {
    let temporary: String
    let runtimeAPIAddress: String
    let served: SandboxDescriptors
    /// The write ends, which the program gets; they stay open here for a restart.
    let output: Int32
    let telemetry: Int32

    /// Makes all of it, or nothing.
    init(_ specification: SandboxSpecification, folder: String) throws(SandboxError) {
        var opened: [Int32] = []
        func fail(_ step: String, _ error: Int32) -> SandboxError {
            opened.forEach { Glibc.close($0) }
            return SandboxError(step: step, subject: specification.id, errno: error)
        }
        func openPipe() throws(SandboxError) -> (read: Int32, write: Int32) {
            var ends: [Int32] = [-1, -1]
            let error = capus_open_pipe(&ends)
            if error < 0 { throw fail("open a pipe", -error) }
            opened += ends
            return (ends[0], ends[1])
        }
        var port: UInt16 = 0
        let listener = capus_listen_loopback(&port)
        if listener < 0 { throw fail("listen for the Runtime API", -listener) }
        opened.append(listener)
        let output = try openPipe()
        let telemetry = try openPipe()
        temporary = "\(folder)/\(specification.id)"
        if mkdir(temporary, 0o700) != 0 { throw fail("make \(temporary)", errno) }
        runtimeAPIAddress = "127.0.0.1:\(port)"
        served = SandboxDescriptors(
            runtimeAPI: listener, platformAPI: nil, output: output.read, telemetry: telemetry.read)
        self.output = output.write
        self.telemetry = telemetry.write
    }

    /// Removes the folder with what the program left in it, and closes the write ends.
    func remove() {
        FolderRemoval.remove(temporary)
        Glibc.close(output)
        Glibc.close(telemetry)
    }
}
