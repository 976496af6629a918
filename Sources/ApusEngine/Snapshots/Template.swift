import ApusSandbox
import Synchronization

/// A process that has run the init of a revision and waits to be forked. Frozen, but for the moments of a fork.
final class Template: Sendable {
    let bundle: RuntimeBundle

    /// Stays as long as an environment has it mounted.
    let tree: CodeTree
    private let sandbox: any Sandbox
    private let driver: any SandboxDriver
    private let forks = Mutex(0)

    init(bundle: RuntimeBundle, tree: CodeTree, sandbox: any Sandbox, driver: any SandboxDriver) {
        self.bundle = bundle
        self.tree = tree
        self.sandbox = sandbox
        self.driver = driver
        sandbox.freeze()
    }

    func fork(as id: String) async throws(SandboxError) -> any Sandbox {
        forks.withLock { forks in
            if forks == 0 { sandbox.thaw() }
            forks += 1
        }
        defer {
            forks.withLock { forks in
                forks -= 1
                if forks == 0 { sandbox.freeze() }
            }
        }
        return try await driver.fork(sandbox, as: id)
    }
}
