import ApusMetrics
import ApusModel
import ApusSandbox
import Glibc
import Logging
import Synchronization

/// Keeps booted runtimes that wait for a function (docs/decisions/0006): of each runtime in use a few, and for those that can be
/// forked a zygote, which the cells are forked from and which serves bursts.
///
/// Refilling gives way to starts that somebody waits for, and waits until there are none for a while, unless little is left.
package final class CellSupply: Sendable {
    fileprivate enum Zygote: Sendable {
        case none
        case booting
        case ready(any Sandbox)
        /// It could not be booted; until when that is not tried again.
        case failed(until: Duration)
    }

    fileprivate struct Stock: Sendable {
        let bundle: RuntimeBundle
        let isForked: Bool
        var zygote = Zygote.none
        var ready: [any Sandbox] = []
        var booting = 0
        var demand: CellDemand
        /// Boots have failed; until when none is tried.
        var pausedUntil = Duration.zero
        var lastUse: Duration

        /// One of several for the same runtime.
        var isSized: Bool { bundle.stock != bundle.id }
    }

    fileprivate struct Guarded: Sendable {
        var stocks: [String: Stock] = [:]
        var starts = 0
        var lastStart = Duration.zero
        var isSqueezed = false
        var isClosed = false
    }

    /// After a boot that failed.
    private static let pause = Duration.seconds(5)

    /// Stocks for single memory sizes, of which there may be thousands: so many are kept, and only one that was not asked for in
    /// this time gives way to another.
    fileprivate static let sizedStocks = 4
    fileprivate static let tenure = Duration.seconds(60)

    /// Where one environment was started, others may follow.
    fileprivate static let quiet = Duration.milliseconds(200)

    private let driver: any SandboxDriver
    private let ids: EnvironmentIDs
    private let time: any TimeSource
    private let logger: Logger
    private let least: Int
    private let state = Mutex(Guarded())

    /// - Parameter least: cells that are kept of each runtime in use.
    init(driver: any SandboxDriver, ids: EnvironmentIDs, least: Int, time: any TimeSource, logger: Logger) {
        self.driver = driver
        self.least = least
        self.ids = ids
        self.time = time
        self.logger = logger
    }

    // MARK: Demand

    /// Functions of the runtime exist: cells of it are worth having.
    func want(_ bundle: RuntimeBundle) {
        guard driver.makesCells, let kind = bundle.cell else { return }
        let now = time.monotonic
        let dropped: [any Sandbox] = state.withLock { guarded in
            guard guarded.stocks[bundle.stock] == nil else { return [] }
            var stock = Stock(
                bundle: bundle, isForked: kind == .forked, demand: CellDemand(least: least), lastUse: now)
            if stock.isSized { stock.demand = CellDemand(least: max(1, least / 8)) }
            return guarded.add(stock, now: now)
        }
        for cell in dropped { close(cell) }
        refill(bundle.stock)
    }

    /// - Returns: a waiting process, or nil when the runtime has to be started directly.
    func take(_ bundle: RuntimeBundle) async -> (cell: any Sandbox, path: StartPath)? {
        let now = time.monotonic
        let (ready, zygote): ((any Sandbox)?, (any Sandbox)?) = state.withLock { guarded in
            guard let stock = guarded.stocks[bundle.stock], now >= stock.pausedUntil else { return (nil, nil) }
            guarded.stocks[bundle.stock]!.lastUse = now
            guarded.stocks[bundle.stock]!.demand.take()
            if let cell = guarded.stocks[bundle.stock]!.ready.popLast() { return (cell, nil) }
            if case .ready(let zygote) = guarded.stocks[bundle.stock]!.zygote { return (nil, zygote) }
            return (nil, nil)
        }
        if let ready { return (ready, .cell) }
        guard let zygote else {
            // The next one of its size may find a stock.
            want(bundle)
            return nil
        }
        do throws(SandboxError) {
            return (try await fork(zygote, as: ids.next().description), .zygote)
        } catch {
            logger.warning("zygote could not be forked", metadata: ["runtime": "\(bundle.id)", "error": "\(error)"])
            return nil
        }
    }

    private func fork(_ zygote: any Sandbox, as id: String) async throws(SandboxError) -> any Sandbox {
        do throws(SandboxError) {
            return try await driver.fork(zygote, as: id)
        } catch {
            // It may still come to the request that it was too slow for. Its end has another take its place.
            if error.errno == ETIMEDOUT { zygote.kill() }
            throw error
        }
    }

    /// One of its cells could not be used: the others may be no better.
    func spoiled(_ bundle: RuntimeBundle) {
        let until = time.monotonic + Self.pause
        let others: [any Sandbox] = state.withLock { guarded in
            defer { guarded.stocks[bundle.stock]?.ready = [] }
            guarded.stocks[bundle.stock]?.pausedUntil = until
            return guarded.stocks[bundle.stock]?.ready ?? []
        }
        for cell in others { close(cell) }
    }

    /// Somebody waits for an environment. Each call is followed by one of ``startEnded()``.
    func startBegan() { state.withLock { $0.starts += 1 } }

    func startEnded() {
        let now = time.monotonic
        state.withLock { guarded in
            guarded.starts -= 1
            guarded.lastStart = now
        }
        topUp()
    }

    /// A second has passed: cells that demand no longer asks for are given back.
    func tick() {
        let surplus: [any Sandbox] = state.withLock { guarded in
            var surplus: [any Sandbox] = []
            for id in guarded.stocks.keys {
                guarded.stocks[id]!.demand.tick()
                let stock = guarded.stocks[id]!
                let count = max(0, stock.ready.count - stock.demand.target)
                surplus += stock.ready.prefix(count)
                guarded.stocks[id]!.ready.removeFirst(count)
            }
            return surplus
        }
        for cell in surplus { close(cell) }
    }

    /// Makes what is missing, if this is the time for it. To be called several times a second.
    func topUp() {
        for id in state.withLock({ Array($0.stocks.keys) }) { refill(id) }
    }

    /// Memory is short: gives the waiting cells back, and keeps none until it is not.
    func squeeze(_ isSqueezed: Bool) {
        let surplus: [any Sandbox] = state.withLock { guarded in
            guarded.isSqueezed = isSqueezed
            return isSqueezed ? guarded.takeCells() : []
        }
        for cell in surplus { close(cell) }
    }

    func close() async {
        let (cells, zygotes): ([any Sandbox], [any Sandbox]) = state.withLock { guarded in
            guarded.isClosed = true
            return (guarded.takeCells(), guarded.takeZygotes())
        }
        for cell in cells { await cell.close() }
        // Who waits for their ends closes them; that takes as long as environments are there that were forked from them.
        for zygote in zygotes { zygote.kill() }
    }

    // MARK: Refilling

    fileprivate enum Step {
        case bootZygote(RuntimeBundle)
        case boot(RuntimeBundle)
        case fork(RuntimeBundle, any Sandbox)
    }

    private func refill(_ id: String) {
        let now = time.monotonic
        guard let step = state.withLock({ $0.nextStep(id, now: now) }) else { return }
        // One process is made; then the stock is looked at again.
        Task {
            switch step {
            case .bootZygote(let bundle): await bootZygote(bundle)
            case .boot(let bundle):
                await stock(bundle) { id throws(SandboxError) in try await self.boot(bundle, as: id) }
            case .fork(let bundle, let zygote):
                await stock(bundle) { id throws(SandboxError) in try await self.fork(zygote, as: id) }
            }
            refill(id)
        }
    }

    private func boot(_ bundle: RuntimeBundle, as id: String) async throws(SandboxError) -> any Sandbox {
        try await driver.boot(
            CellSpecification(
                id: id, mounts: bundle.mounts, arguments: bundle.arguments + ["cell"],
                variables: EnvironmentVariables.defaults(bundle)))
    }

    private func stock(
        _ bundle: RuntimeBundle, _ make: (String) async throws(SandboxError) -> any Sandbox
    ) async {
        let cell: any Sandbox
        do throws(SandboxError) {
            cell = try await make(ids.next().description)
        } catch {
            failed(bundle, error)
            return
        }
        let isTaken = state.withLock { guarded in
            guarded.stocks[bundle.stock]?.booting -= 1
            guard !guarded.isClosed, !guarded.isSqueezed, guarded.stocks[bundle.stock] != nil else { return false }
            guarded.stocks[bundle.stock]!.ready.append(cell)
            return true
        }
        guard isTaken else { return await cell.close() }
        // Ends with the cell's process, whoever has it by then.
        Task {
            _ = await cell.waitForExit()
            if state.withLock({ $0.remove(cell, from: bundle.stock) }) {
                await cell.close()
                refill(bundle.stock)
            }
        }
    }

    private func failed(_ bundle: RuntimeBundle, _ error: SandboxError) {
        let until = time.monotonic + Self.pause
        let isClosed = state.withLock { guarded in
            guarded.stocks[bundle.stock]?.booting -= 1
            guarded.stocks[bundle.stock]?.pausedUntil = until
            return guarded.isClosed
        }
        if !isClosed {
            logger.warning("no cell could be made", metadata: ["runtime": "\(bundle.id)", "error": "\(error)"])
        }
    }

    private func bootZygote(_ bundle: RuntimeBundle) async {
        let sandbox: any Sandbox
        do throws(SandboxError) {
            sandbox = try await boot(bundle, as: ids.next().description)
        } catch {
            let until = time.monotonic + Self.pause
            state.withLock { $0.stocks[bundle.stock]?.zygote = .failed(until: until) }
            logger.warning("no zygote could be made", metadata: ["runtime": "\(bundle.id)", "error": "\(error)"])
            return
        }
        let isKept = state.withLock { guarded in
            guard !guarded.isClosed else { return false }
            guarded.stocks[bundle.stock]?.zygote = .ready(sandbox)
            return true
        }
        guard isKept else { return await sandbox.close() }
        // Ends with the zygote. What was forked from it lives on.
        Task {
            _ = await sandbox.waitForExit()
            let isClosed = state.withLock { guarded in
                if !guarded.isClosed { guarded.stocks[bundle.stock]?.zygote = .none }
                return guarded.isClosed
            }
            await sandbox.close()
            if !isClosed { refill(bundle.stock) }
        }
    }

    private func close(_ cell: any Sandbox) {
        // Nobody waits for its end but the driver.
        Task { await cell.close() }
    }
}

extension CellSupply.Guarded {
    /// - Returns: the cells of the stock that gave way.
    fileprivate mutating func add(_ stock: CellSupply.Stock, now: Duration) -> [any Sandbox] {
        let sized = stocks.filter(\.value.isSized)
        guard stock.isSized, sized.count >= CellSupply.sizedStocks else {
            stocks[stock.bundle.stock] = stock
            return []
        }
        // One whose cell is about to come would get it without a place for it.
        guard let oldest = sized.filter({ $0.value.booting == 0 }).min(by: { $0.value.lastUse < $1.value.lastUse }),
            now - oldest.value.lastUse >= CellSupply.tenure
        else { return [] }
        stocks[oldest.key] = nil
        stocks[stock.bundle.stock] = stock
        return oldest.value.ready
    }

    /// What to make next, which then counts as being made.
    fileprivate mutating func nextStep(_ id: String, now: Duration) -> CellSupply.Step? {
        guard !isClosed, !isSqueezed, starts == 0, var stock = stocks[id], now >= stock.pausedUntil else { return nil }
        let isQuiet = lastStart == .zero || now - lastStart >= CellSupply.quiet
        guard isQuiet || stock.ready.count < stock.demand.target / 4 else { return nil }
        defer { stocks[id] = stock }
        if stock.isForked {
            switch stock.zygote {
            case .booting: return nil
            case .failed(let until) where now < until: return nil
            case .none, .failed:
                stock.zygote = .booting
                return .bootZygote(stock.bundle)
            case .ready(let zygote):
                guard stock.ready.count + stock.booting < stock.demand.target, stock.booting == 0 else { return nil }
                stock.booting += 1
                return .fork(stock.bundle, zygote)
            }
        }
        guard stock.ready.count + stock.booting < stock.demand.target, stock.booting == 0 else { return nil }
        // They are all of one runtime, which is slow to boot.
        guard !stock.isSized || !stocks.values.contains(where: { $0.isSized && $0.booting > 0 }) else { return nil }
        stock.booting += 1
        return .boot(stock.bundle)
    }

    fileprivate mutating func takeCells() -> [any Sandbox] {
        var cells: [any Sandbox] = []
        for id in stocks.keys {
            cells += stocks[id]!.ready
            stocks[id]!.ready = []
        }
        return cells
    }

    fileprivate mutating func takeZygotes() -> [any Sandbox] {
        var zygotes: [any Sandbox] = []
        for id in stocks.keys {
            if case .ready(let zygote) = stocks[id]!.zygote { zygotes.append(zygote) }
            stocks[id]!.zygote = .none
        }
        return zygotes
    }

    /// - Returns: whether it was waiting there.
    fileprivate mutating func remove(_ cell: any Sandbox, from id: String) -> Bool {
        guard let index = stocks[id]?.ready.firstIndex(where: { $0 === cell }) else { return false }
        stocks[id]?.ready.remove(at: index)
        return true
    }
}
