import ApusMetrics
package import ApusModel
import Synchronization

/// What one qualifier of a function stands for: the pools that may serve its calls, and what its calls count in.
package final class Callee: Sendable {
    /// A pool and its share of the calls; the shares of a qualifier add up to 1.
    struct Route: Sendable {
        var pool: EnvironmentPool
        var weight: Double
    }

    package let function: FunctionKey
    package let qualifier: String
    let concurrency: FunctionConcurrency
    let metrics: InvocationMetrics

    private struct Guarded: Sendable {
        var routes: [Route] = []
        var provision: ConcurrencyState.ProvisionHandle?
    }

    private let state = Mutex(Guarded())

    init(
        _ function: FunctionKey, qualifier: String, concurrency: FunctionConcurrency, metrics: InvocationMetrics
    ) {
        self.function = function
        self.qualifier = qualifier
        self.concurrency = concurrency
        self.metrics = metrics
    }

    // MARK: Where calls go

    var routes: [Route] {
        get { state.withLock { $0.routes } }
        set { state.withLock { $0.routes = newValue } }
    }

    /// The pool for the next call; nil when there is none (any more).
    func pool() -> EnvironmentPool? {
        state.withLock { guarded in
            guard guarded.routes.count > 1 else { return guarded.routes.first?.pool }
            var point = Double.random(in: 0..<1)
            for route in guarded.routes {
                point -= route.weight
                if point < 0 { return route.pool }
            }
            return guarded.routes.first?.pool
        }
    }

    // MARK: Concurrency

    func enter(isSynchronous: Bool, now: Duration) -> Result<ConcurrencyState.Ticket, Throttle> {
        let provision = state.withLock { $0.provision }
        let entry = concurrency.account.withState {
            $0.enter(concurrency.handle, provision: provision, isSynchronous: isSynchronous, now: now)
        }
        switch entry {
        case .success: metrics.began()
        case .failure(let throttle): metrics.refused(throttle)
        }
        return entry
    }

    func leave(_ ticket: ConcurrencyState.Ticket) { concurrency.account.withState { $0.leave(ticket) } }

    /// - Parameter executions: nil ends it.
    func provision(_ executions: Int?) {
        state.withLock { guarded in
            concurrency.account.withState { account in
                switch (executions, guarded.provision) {
                case (let executions?, let provision?): account.resize(provision, to: executions)
                case (let executions?, nil):
                    guarded.provision = account.provision(
                        executions, for: concurrency.handle, qualifier: qualifier)
                case (nil, let provision?):
                    account.withdraw(provision)
                    guarded.provision = nil
                case (nil, nil): break
                }
            }
        }
    }

    func setAvailable(_ environments: Int) {
        guard let provision = state.withLock({ $0.provision }) else { return }
        concurrency.account.withState { $0.setAvailable(environments, of: provision) }
    }
}
