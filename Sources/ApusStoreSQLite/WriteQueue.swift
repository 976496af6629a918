import ApusStore
import GRDB
import Synchronization

/// The one writer, with group commit.
///
/// Callers queue up; the writer takes all that wait, runs each in a savepoint of its own, commits once, and only then
/// lets them go on. A sync of the disk is thus shared by everybody who waited for the one before it, and a conflict of
/// one caller undoes only what that caller did.
final class WriteQueue: Sendable {
    /// Bounds of what may wait, and of what one transaction takes.
    struct Limits: Sendable {
        var waiting = 10_000
        var waitingBytes = 256 << 20
        var group = 1_000
        var groupBytes = 16 << 20
    }

    /// One caller's wish.
    private struct Job: Sendable {
        /// Bytes that it holds in memory, about.
        let cost: Int

        /// Makes the changes, and returns what tells the caller once they are on disk.
        let run: @Sendable (WriteTransaction) throws -> @Sendable () -> Void

        /// Tells the caller that nothing was written.
        let fail: @Sendable (any Error) -> Void
    }

    private struct State {
        var waiting: [Job] = []
        var bytes = 0
        var isWriting = false
        var isStopped = false
    }

    private let pool: DatabasePool
    private let limits: Limits
    private let state = Mutex(State())

    init(_ pool: DatabasePool, limits: Limits) {
        self.pool = pool
        self.limits = limits
    }

    /// Runs `body` in a transaction and returns when that is on disk. Cancelling the task does not stop it.
    ///
    /// - Parameters:
    ///   - context: what is done to what, for an error.
    ///   - cost: bytes that the wish holds in memory.
    /// - Throws: what `body` throws; `.busy` when too much waits already.
    func write<Value: Sendable>(
        _ context: @escaping @autoclosure @Sendable () -> String, cost: Int = 0,
        _ body: @escaping @Sendable (WriteTransaction) throws -> Value
    ) async throws(StoreError) -> Value {
        let outcome: Result<Value, StoreError> = await withCheckedContinuation { continuation in
            let job = Job(cost: cost + 256) { transaction in
                let value = try body(transaction)
                return { continuation.resume(returning: .success(value)) }
            } fail: { error in
                continuation.resume(returning: .failure(StoreError(error, while: context())))
            }
            submit(job)
        }
        return try outcome.get()
    }

    /// Runs `body` some time later, and again for as long as it returns true. Its failure is nobody's: it is tried
    /// again at the next start.
    func repeatInBackground(_ body: @escaping @Sendable (WriteTransaction) throws -> Bool) {
        let job = Job(cost: 0) { transaction in
            let again = try body(transaction)
            return { if again { self.repeatInBackground(body) } }
        } fail: { _ in
        }
        submit(job)
    }

    /// How many wishes wait for the group that is being written.
    var waiting: Int { state.withLock { $0.waiting.count } }

    /// Refuses new wishes, and returns when those accepted are done.
    ///
    /// - Returns: false when it was stopped before.
    func stop() async -> Bool {
        let isFirst = state.withLock { state in
            defer { state.isStopped = true }
            return !state.isStopped
        }
        guard isFirst else { return false }
        // The engine's queue is serial: this comes after the writing that is under way.
        await withCheckedContinuation { continuation in
            pool.asyncWriteWithoutTransaction { _ in continuation.resume() }
        }
        return true
    }

    private func submit(_ job: Job) {
        let refusal: String? = state.withLock { state in
            if state.isStopped { return "the store is closed" }
            // A large wish passes when nothing else waits, or it would never.
            guard state.waiting.isEmpty || state.bytes + job.cost <= limits.waitingBytes,
                state.waiting.count < limits.waiting
            else { return "\(state.waiting.count) writes wait already" }
            state.waiting.append(job)
            state.bytes += job.cost
            if !state.isWriting {
                state.isWriting = true
                pool.asyncWriteWithoutTransaction { self.drain($0) }
            }
            return nil
        }
        if let refusal { job.fail(EngineBusy(reason: refusal)) }
    }

    private func drain(_ database: Database) {
        while let group = nextGroup() { commit(group, database) }
    }

    private func nextGroup() -> [Job]? {
        state.withLock { state in
            var bytes = 0
            let count = state.waiting.prefix(limits.group).prefix { job in
                defer { bytes += job.cost }
                return bytes == 0 || bytes + job.cost <= limits.groupBytes
            }.count
            guard count > 0 else {
                state.isWriting = false
                return nil
            }
            let group = Array(state.waiting[..<count])
            state.waiting.removeFirst(count)
            state.bytes -= group.reduce(0) { $0 + $1.cost }
            return group
        }
    }

    private func commit(_ group: [Job], _ database: Database) {
        var answers: [@Sendable () -> Void] = []
        do {
            try database.beginTransaction(.immediate)
            let transaction = WriteTransaction(database)
            for job in group {
                answers.append(try run(job, transaction))
            }
            try transaction.finish()
            try database.commit()
        } catch {
            if database.isInsideTransaction { try? database.rollback() }
            answers = group.map { job in { job.fail(error) } }
        }
        for answer in answers { answer() }
    }

    /// - Throws: when the failure of the job took the whole transaction with it, as a full disk does.
    private func run(_ job: Job, _ transaction: WriteTransaction) throws -> @Sendable () -> Void {
        let database = transaction.database
        try database.run("SAVEPOINT job")
        do {
            let answer = try job.run(transaction)
            try database.run("RELEASE job")
            transaction.keepChanges()
            return answer
        } catch {
            guard database.isInsideTransaction else { throw error }
            try database.run("ROLLBACK TO job")
            try database.run("RELEASE job")
            transaction.dropChanges()
            return { job.fail(error) }
        }
    }
}
