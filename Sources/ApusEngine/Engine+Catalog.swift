import ApusMetrics
package import ApusModel
import Logging
import Synchronization

/// What the control plane has said of one function.
struct FunctionBook {
    /// By version.
    var pools: [String: EnvironmentPool] = [:]
    var aliases: [String: [(version: String, weight: Double)]] = [:]

    /// Provisioned concurrency, by version or alias.
    var provisioned: [String: Int] = [:]

    /// Of versions and aliases.
    var callees: [String: Callee] = [:]

    /// Where calls of a qualifier go.
    func routes(_ qualifier: String) -> [Callee.Route] {
        if let pool = pools[qualifier] { return [Callee.Route(pool: pool, weight: 1)] }
        return (aliases[qualifier] ?? []).compactMap { version, weight in
            pools[version].map { Callee.Route(pool: $0, weight: weight) }
        }
    }

    /// How many environments of a version are to be kept, for itself and for the aliases that lead to it.
    func target(_ version: String) -> Int {
        provisioned.reduce(0) { sum, entry in
            let share = entry.key == version ? 1 : aliases[entry.key]?.first { $0.version == version }?.weight ?? 0
            return sum + Int((Double(entry.value) * share).rounded(.up))
        }
    }
}

extension Engine {
    /// From now on calls of the qualifier run this revision. Environments of the one before end when they are done.
    package func publish(_ revision: Revision, qualifier: String) {
        turn.withLock { _ in publishInTurn(revision, qualifier: qualifier) }
        prepare(revision)
    }

    private func publishInTurn(_ revision: Revision, qualifier: String) {
        let pool = makePool(revision)
        let replaced = change(revision.function) { book in
            defer { book.pools[qualifier] = pool }
            return book.pools[qualifier]
        }
        callee(revision.function, qualifier)
        follow(revision.function)
        if let replaced {
            retire(replaced)
            // What `$LATEST` was is not started again; a version's snapshot is that of the new pool as well.
            if qualifier == "$LATEST" { snapshots.drop(replaced.revision) }
        }
    }

    /// Calls of an alias run one of these versions, each by its weight; the weights add up to 1.
    package func route(_ alias: String, of function: FunctionKey, to versions: [(version: String, weight: Double)]) {
        turn.withLock { _ in
            change(function) { $0.aliases[alias] = versions }
            callee(function, alias)
            follow(function)
        }
    }

    /// The function exists and cannot be called now.
    package func suspend(_ function: FunctionKey, qualifier: String, state: String) {
        turn.withLock { _ in suspendInTurn(function, qualifier: qualifier, state: state) }
    }

    private func suspendInTurn(_ function: FunctionKey, qualifier: String, state: String) {
        let pool = change(function) { book in
            book.callees[qualifier] = nil
            return book.pools.removeValue(forKey: qualifier)
        }
        catalog.set(.notReady(state: state), function: function, qualifier: qualifier)
        follow(function)
        if let pool { retire(pool) }
    }

    /// - Parameter qualifier: a version or an alias; nil removes the function with all that belongs to it.
    package func remove(_ function: FunctionKey, qualifier: String? = nil) {
        turn.withLock { _ in removeInTurn(function, qualifier: qualifier) }
    }

    private func removeInTurn(_ function: FunctionKey, qualifier: String?) {
        catalog.remove(function, qualifier: qualifier)
        metrics.remove(function, qualifier: qualifier)
        guard let qualifier else {
            let removed = book.withLock { $0.removeValue(forKey: function) }
            for pool in removed?.pools.values ?? [:].values { retire(pool) }
            snapshots.drop(function, version: nil)
            account(function.scope).withState { $0.remove(functionNamed: function.name) }
            return
        }
        let (pool, callee) = change(function) { book in
            book.aliases[qualifier] = nil
            book.provisioned[qualifier] = nil
            return (book.pools.removeValue(forKey: qualifier), book.callees.removeValue(forKey: qualifier))
        }
        callee?.provision(nil)
        follow(function)
        if let pool {
            retire(pool)
            snapshots.drop(function, version: pool.revision.version)
        }
    }

    /// Runs the init of a revision that starts from a snapshot, and keeps the result for its environments.
    package func snapshot(_ revision: Revision) async -> SnapshotOutcome { await snapshots.take(revision) }

    // MARK: Concurrency

    /// Sets the function's reserved concurrency; nil lets it share what is unreserved.
    package func reserve(_ executions: Int?, for function: FunctionKey) {
        concurrency(of: function).reserve(executions)
    }

    /// Keeps so many environments initialised for a version or an alias; nil ends it.
    package func provision(_ executions: Int?, for function: FunctionKey, qualifier: String) {
        turn.withLock { _ in
            change(function) { $0.provisioned[qualifier] = executions }
            callee(function, qualifier).provision(executions)
            follow(function)
        }
    }

    /// How far that is; nil when nothing is provisioned there.
    package func provisioned(_ function: FunctionKey, qualifier: String) -> ProvisionedExecutions? {
        let known = book.withLock { books in
            books[function].flatMap { book in book.provisioned[qualifier].map { ($0, book.routes(qualifier)) } }
        }
        guard let (requested, routes) = known else { return nil }
        var result = ProvisionedExecutions(requested: requested, allocated: 0, available: 0, failure: nil)
        for route in routes {
            let (allocated, ready, failure) = route.pool.provisioned
            result.allocated += allocated
            result.available += ready
            result.failure = result.failure ?? failure
        }
        result.allocated = min(requested, result.allocated)
        result.available = min(requested, result.available)
        return result
    }

    /// Tells what is provisioned how many of its environments are ready.
    func countProvisioned(_ function: FunctionKey) {
        let callees = book.withLock { books in
            (books[function]?.provisioned.keys).map { keys in keys.compactMap { books[function]?.callees[$0] } } ?? []
        }
        countingTurn.withLock { _ in
            for callee in callees {
                callee.setAvailable(callee.routes.reduce(0) { $0 + $1.pool.provisioned.ready })
            }
        }
    }

    /// Tries again what could not be provisioned.
    func retryProvisioning() {
        turn.withLock { _ in retryProvisioningInTurn() }
    }

    private func retryProvisioningInTurn() {
        let targets: [(EnvironmentPool, Int)] = book.withLock { books in
            books.values.filter { !$0.provisioned.isEmpty }.flatMap { book in
                book.pools.map { version, pool in (pool, book.target(version)) }
            }
        }
        for (pool, target) in targets where pool.provisioned.allocated < target { pool.provision(target) }
    }

    // MARK: Within

    @discardableResult
    private func change<Result: Sendable>(
        _ function: FunctionKey, _ body: (inout FunctionBook) -> Result
    ) -> Result {
        book.withLock { body(&$0[function, default: FunctionBook()]) }
    }

    /// The callee of a qualifier, made and put into the catalog when there is none.
    @discardableResult
    private func callee(_ function: FunctionKey, _ qualifier: String) -> Callee {
        let (callee, isNew): (Callee, Bool) = change(function) { book in
            if let callee = book.callees[qualifier] { return (callee, false) }
            let callee = Callee(
                function, qualifier: qualifier, concurrency: concurrency(of: function),
                metrics: metrics.invocations(of: function, qualifier: qualifier))
            book.callees[qualifier] = callee
            return (callee, true)
        }
        if isNew { follow(function) }
        return callee
    }

    /// Brings routes and provisioned environments in line with the book.
    private func follow(_ function: FunctionKey) {
        let plan = book.withLock { books in
            books[function].map { book in
                (
                    callees: book.callees.map { ($0.value, book.routes($0.key)) },
                    targets: book.pools.map { ($0.value, book.target($0.key)) }
                )
            }
        }
        guard let plan else { return }
        for (callee, routes) in plan.callees {
            callee.routes = routes
            if !routes.isEmpty { catalog.set(.ready(callee), function: function, qualifier: callee.qualifier) }
        }
        for (pool, target) in plan.targets { pool.provision(target) }
        countProvisioned(function)
    }

    /// Gets ready for the first call: cells of the runtime. Snapshots wait for a call, as a server that starts again has many.
    private func prepare(_ revision: Revision) {
        // Nobody waits for it: a call that comes before starts its environment directly.
        Task { [services] in
            do throws(RuntimeUnavailable) {
                services.cells.want(try await services.runtimes.bundle(revision.runtime).sized(for: revision.memory))
            } catch {
                services.logger.debug(
                    "no cells for a runtime", metadata: ["runtime": "\(revision.runtime)", "reason": "\(error.detail)"])
            }
        }
    }
}
