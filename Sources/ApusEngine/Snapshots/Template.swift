import ApusSandbox
import Synchronization

/// A process that has run the init of a revision and waits to be forked. Frozen, but for the moments of a fork.
///
/// One fork is kept waiting, so that the next environment need not wait for the fork.
final class Template: Sendable {
    let bundle: RuntimeBundle

    /// Stay as long as an environment has them mounted.
    let files: FunctionFiles
    private let sandbox: any Sandbox
    private let driver: any SandboxDriver

    private struct Forks: Sendable {
        var underWay = 0
        var spare: (any Sandbox)?
        var isPreparing = false
        var isClosed = false
    }

    private let forks = Mutex(Forks())

    init(bundle: RuntimeBundle, files: FunctionFiles, sandbox: any Sandbox, driver: any SandboxDriver) {
        self.bundle = bundle
        self.files = files
        self.sandbox = sandbox
        self.driver = driver
        sandbox.freeze()
    }

    /// The fork that waits, or a new one.
    func take(as id: String) async throws(SandboxError) -> any Sandbox {
        let spare: (any Sandbox)? = forks.withLock { forks in
            defer { forks.spare = nil }
            return forks.spare
        }
        if let spare { return spare }
        return try await fork(as: id)
    }

    /// Makes the fork that waits, unless there is one.
    func prepare(as id: String) async throws(SandboxError) {
        let isWanted = forks.withLock { forks in
            guard forks.spare == nil, !forks.isPreparing, !forks.isClosed else { return false }
            forks.isPreparing = true
            return true
        }
        guard isWanted else { return }
        let made: any Sandbox
        do throws(SandboxError) {
            made = try await fork(as: id)
        } catch {
            forks.withLock { $0.isPreparing = false }
            throw error
        }
        let isKept = forks.withLock { forks in
            forks.isPreparing = false
            guard !forks.isClosed else { return false }
            forks.spare = made
            return true
        }
        if !isKept { await made.close() }
    }

    /// Closes the fork that waits; the process itself is its environment's.
    func close() async {
        let spare: (any Sandbox)? = forks.withLock { forks in
            forks.isClosed = true
            defer { forks.spare = nil }
            return forks.spare
        }
        await spare?.close()
    }

    private func fork(as id: String) async throws(SandboxError) -> any Sandbox {
        forks.withLock { forks in
            if forks.underWay == 0 { sandbox.thaw() }
            forks.underWay += 1
        }
        defer {
            forks.withLock { forks in
                forks.underWay -= 1
                if forks.underWay == 0 { sandbox.freeze() }
            }
        }
        return try await driver.fork(sandbox, as: id)
    }
}
