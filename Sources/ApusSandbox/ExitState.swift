/// Whether an environment has ended, and who waits for it. A value: the shell resumes what it returns, outside its lock.
struct ExitState: Sendable {
    typealias Waiter = @Sendable (SandboxExit) -> Void

    private(set) var exit: SandboxExit?
    private var waiters: [Waiter] = []

    /// - Returns: the exit when it is already known; otherwise the waiter is kept.
    mutating func wait(_ waiter: @escaping Waiter) -> SandboxExit? {
        if exit == nil { waiters.append(waiter) }
        return exit
    }

    /// The environment runs again; its next exit is to come.
    mutating func begin() { exit = nil }

    /// The first exit counts.
    ///
    /// - Returns: those to tell.
    mutating func end(_ exit: SandboxExit) -> [Waiter] {
        guard self.exit == nil else { return [] }
        self.exit = exit
        defer { waiters = [] }
        return waiters
    }
}
