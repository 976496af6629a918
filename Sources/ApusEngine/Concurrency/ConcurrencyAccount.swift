import ApusMetrics
import ApusModel
import Synchronization

/// The concurrency of one account in one region, under its lock.
final class ConcurrencyAccount: Sendable {
    private let state: Mutex<ConcurrencyState>

    init(limits: ConcurrencyState.Limits) { state = Mutex(ConcurrencyState(limits: limits)) }

    func withState<Result: Sendable>(_ body: (inout ConcurrencyState) -> Result) -> Result {
        state.withLock { body(&$0) }
    }
}

/// One function's part of it.
struct FunctionConcurrency: Sendable {
    let account: ConcurrencyAccount
    let handle: ConcurrencyState.FunctionHandle

    init(_ account: ConcurrencyAccount, functionNamed name: String) {
        self.account = account
        handle = account.withState { $0.function(named: name) }
    }

    func mayStart(now: Duration) -> Bool { account.withState { $0.mayStart(handle, now: now) } }

    func reserve(_ executions: Int?) { account.withState { $0.reserve(executions, for: handle) } }
}
