package import ApusModel
import Glibc

/// Starts isolated environments. The kinds differ in what they isolate, never in how they are used.
package protocol SandboxDriver: Sendable {
    /// `linux`, `userns` or `process`.
    var name: String { get }

    /// What the host was found to have, one line a feature, for `apus doctor` and the start message.
    var probes: [Probe] { get }

    /// Starts one environment. When this returns the process is running (or about to exec) and the listeners accept.
    ///
    /// - Throws: ``SandboxError``; by then nothing of the environment is left.
    func start(_ specification: SandboxSpecification) async throws(SandboxError) -> any Sandbox

    /// Whether ``boot(_:)`` and ``fork(_:as:)`` work here. Without them every environment is started directly.
    var makesCells: Bool { get }

    /// Boots a runtime that has no function yet: a cell (docs/decisions/0006). Returns when it waits, or is about to.
    ///
    /// - Throws: ``SandboxError``; `ENOTSUP` from a driver that makes no cells.
    func boot(_ specification: CellSpecification) async throws(SandboxError) -> any Sandbox

    /// Forks a waiting process, a cell or a template, into an environment of its own, which is a cell.
    ///
    /// Forks of one origin take turns. The origin must not be frozen. Closing the origin waits for its forks.
    ///
    /// - Throws: ``SandboxError``: `EBUSY` when the process has threads that a fork would lose, `ETIMEDOUT` when it did not
    ///   fork in time (0.5 s; it may do so later and in vain, so it is better closed). The origin waits on, or has ended.
    func fork(_ origin: any Sandbox, as id: String) async throws(SandboxError) -> any Sandbox

    /// Ends every environment that still runs and gives back what the driver holds of the host.
    func shutdown() async
}

/// One running environment. Whoever holds it must `close` it in the end.
package protocol Sandbox: AnyObject, Sendable {
    var id: String { get }

    /// `HOST:PORT` as the processes inside see the Runtime API; the value of `AWS_LAMBDA_RUNTIME_API`.
    var runtimeAPIAddress: String { get }

    /// Hands out, once each, the descriptors that the supervisor serves and reads. The receiver owns and closes them.
    func takeDescriptors() -> SandboxDescriptors

    /// Returns when the runtime process has ended, by itself or by ``kill()``; at once when it already has.
    func waitForExit() async -> SandboxExit

    /// Makes a cell the environment of a function: its files, limits and variables. To be called once, before anything else.
    /// The program of the specification is not executed but for a ``restart()``. A fork of a template has the files already;
    /// those of the specification count for nothing then. The limit of descriptors stays that of the cell.
    ///
    /// - Throws: ``SandboxError``; the cell is then of no use and is to be closed.
    func specialize(_ specification: SandboxSpecification) async throws(SandboxError)

    /// Opens a TCP socket that reaches what listens inside, at `127.0.0.1`. It is non-blocking, neither bound nor connected, and
    /// the caller's.
    func openSocket() async throws(SandboxError) -> Int32

    /// Takes the processor away from every process inside, until ``thaw()``. About 0.1 ms. An environment that is frozen may be
    /// killed and closed. Does nothing where the host cannot freeze.
    func freeze()

    func thaw()

    /// The memory that the environment uses now, in bytes, `/tmp` included; 0 where the host cannot tell.
    func currentMemory() -> Int

    /// Starts the program again after it has ended or been killed: ends what processes are left inside and waits for that,
    /// then runs the same program with the same variables. `/tmp`, the listeners and the pipes stay as they are, even when the
    /// first process inside was killed. Afterwards ``waitForExit()`` speaks of the new process.
    func restart() async throws(SandboxError)

    /// Sends SIGTERM to the program, which may ignore it, and must not be frozen. Does not wait.
    func terminate()

    /// Ends every process inside with SIGKILL. Does not wait; repeats are harmless.
    func kill()

    /// Changes the CPU share, in thousandths of a core; 0 means no limit (as during init).
    func setCPU(millicores: Int)

    /// The most memory that the environment has used so far, in bytes, without what is stored in `/tmp`; 0 where the host cannot
    /// tell. A few microseconds.
    func peakMemory() -> Int

    /// Kills what is left and gives everything back. Repeats are harmless.
    func close() async
}

/// Descriptors of one environment, non-blocking and close-on-exec.
package struct SandboxDescriptors: Sendable {
    /// A listening TCP socket: the Runtime API.
    package var runtimeAPI: Int32

    /// A listening TCP socket: Apus itself, at the address that `AWS_ENDPOINT_URL` names inside. Nil for the process driver,
    /// whose environments reach the host's own address.
    package var platformAPI: Int32?

    /// The read end of what the processes write to standard output and standard error.
    package var output: Int32

    /// The read end of the framed log channel that managed runtimes write to (``SandboxSpecification/telemetryDescriptor``).
    package var telemetry: Int32

    package init(runtimeAPI: Int32, platformAPI: Int32?, output: Int32, telemetry: Int32) {
        self.runtimeAPI = runtimeAPI
        self.platformAPI = platformAPI
        self.output = output
        self.telemetry = telemetry
    }
}

/// What a runtime needs to boot before there is a function for it.
package struct CellSpecification: Equatable, Sendable {
    /// As ``SandboxSpecification/id``; stays the environment's.
    package var id: String

    /// The runtime's own files.
    package var mounts: [SandboxSpecification.Mount]

    /// The program and its arguments, the last one `cell`.
    package var arguments: [String]

    /// Variables while it boots. Those of the function replace them all.
    package var variables: [(name: String, value: String)] {
        get { variablePairs.map { ($0.name, $0.value) } }
        set { variablePairs = newValue.map { SandboxSpecification.Pair(name: $0.name, value: $0.value) } }
    }
    private var variablePairs: [SandboxSpecification.Pair] = []

    package init(
        id: String, mounts: [SandboxSpecification.Mount], arguments: [String],
        variables: [(name: String, value: String)]
    ) {
        self.id = id
        self.mounts = mounts
        self.arguments = arguments
        self.variables = variables
    }
}

/// What an environment is made of.
package struct SandboxSpecification: Equatable, Sendable {
    /// Inside, the write end of the framed log channel has this number.
    package static let telemetryDescriptor: Int32 = 3

    /// Unique among the environments of this server; 1...64 characters of `[a-z0-9-]`.
    package var id: String

    /// An absolute directory of the host that becomes `/var/task`, read-only. Empty for an image.
    package var code: String

    /// Set for a container image, which brings its own system along.
    package var image: Image?

    package struct Image: Equatable, Sendable {
        /// An absolute directory of the host that becomes `/`, read-only. It must have the mount points of
        /// `CApusLauncher/protocol.h`.
        package var root: String

        /// Absolute, inside.
        package var workingDirectory: String

        package init(root: String, workingDirectory: String) {
            self.root = root
            self.workingDirectory = workingDirectory
        }
    }

    /// Read-only binds beside it: host directory to absolute path inside, such as a runtime's files to `/var/runtime`.
    package var mounts: [Mount]

    package struct Mount: Equatable, Hashable, Sendable {
        package var source: String
        package var target: String

        package init(source: String, target: String) {
            self.source = source
            self.target = target
        }
    }

    /// The program and its arguments; the program is an absolute path inside. That of an image may also be relative to the
    /// working directory, or a name that is looked for along `PATH`.
    package var arguments: [String]

    /// The whole environment, but for `AWS_LAMBDA_RUNTIME_API` and `AWS_ENDPOINT_URL`, which the driver sets.
    package var variables: [(name: String, value: String)] {
        get { variablePairs.map { ($0.name, $0.value) } }
        set { variablePairs = newValue.map { Pair(name: $0.name, value: $0.value) } }
    }
    private var variablePairs: [Pair] = []

    struct Pair: Equatable, Sendable {
        var name: String
        var value: String
    }

    package var memory: MemorySize

    /// CPU at the start, in thousandths of a core; 0 for no limit.
    package var millicores: Int

    /// The size of `/tmp` in bytes.
    package var temporaryBytes: Int

    /// The process keeps its control channel after it was specialized, so that it can be forked: a template.
    package var isTemplate = false

    /// Processes and threads at the most.
    package var processes: Int = 1024

    /// Open descriptors of one process at the most.
    package var descriptors: Int = 1024

    package init(
        id: String, code: String, mounts: [Mount], arguments: [String],
        variables: [(name: String, value: String)], memory: MemorySize, millicores: Int, temporaryBytes: Int
    ) {
        self.id = id
        self.code = code
        self.mounts = mounts
        self.arguments = arguments
        self.memory = memory
        self.millicores = millicores
        self.temporaryBytes = temporaryBytes
        self.variables = variables
    }
}

/// How the runtime process of an environment ended.
package struct SandboxExit: Equatable, Sendable {
    package enum Cause: Equatable, Sendable {
        case code(Int32)
        case signal(Int32)
        /// The program could not be executed; the errno of `execve`.
        case notExecutable(Int32)
        /// The working directory could not be entered; the errno of `chdir`.
        case noDirectory(Int32)
    }

    package var cause: Cause

    /// The sandbox has gone with it: it cannot be restarted.
    package var isLost: Bool

    /// The kernel killed something inside because the memory limit was reached.
    package var outOfMemory: Bool

    /// In bytes; 0 where the host cannot tell.
    package var peakMemory: Int

    package init(cause: Cause, isLost: Bool = false, outOfMemory: Bool, peakMemory: Int) {
        self.cause = cause
        self.isLost = isLost
        self.outOfMemory = outOfMemory
        self.peakMemory = peakMemory
    }
}

/// One feature of the host, as found at the start.
package struct Probe: Equatable, Sendable {
    package enum Result: Equatable, Sendable {
        case present
        /// Something else takes its place, or environments are less isolated without it.
        case degraded
        /// The driver cannot work without it.
        case missing
    }

    package var feature: String
    package var result: Result

    /// What was found, and what the operator can do about it.
    package var detail: String

    package init(feature: String, result: Result, detail: String) {
        self.feature = feature
        self.result = result
        self.detail = detail
    }
}

/// What, on what, why: `mount tmpfs for env-7f3a: ENOSPC`.
package struct SandboxError: Error, Equatable, Sendable, CustomStringConvertible {
    package var step: String
    package var subject: String
    package var errno: Int32

    package init(step: String, subject: String, errno: Int32) {
        self.step = step
        self.subject = subject
        self.errno = errno
    }

    package var description: String { "\(step) for \(subject): \(String(cString: strerror(errno)))" }
}
