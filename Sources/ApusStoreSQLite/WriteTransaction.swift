import GRDB

/// What the wishes of one group share: the transaction, the numbers handed out, and the queues whose summary changed.
///
/// Used by the writer's thread only.
final class WriteTransaction {
    let database: Database
    private var lastNumber: Int64?

    /// Change of depth by queue, of the jobs that succeeded.
    private var queues: [Int64: Int] = [:]

    /// The same, of the job that runs.
    private var queuesOfJob: [Int64: Int] = [:]

    init(_ database: Database) { self.database = database }

    /// A number that the store never used before, greater than all of those. One that a job took in vain stays unused.
    func nextNumber() throws -> Int64 {
        let number = try (lastNumber ?? database.firstNumber("SELECT last FROM number") ?? 0) + 1
        lastNumber = number
        return number
    }

    /// Remembers that a queue's messages changed, so that its summary follows.
    func changed(queue: Int64, depth change: Int = 0) { queuesOfJob[queue, default: 0] += change }

    /// The job that ran succeeded.
    func keepChanges() {
        guard !queuesOfJob.isEmpty else { return }
        queues.merge(queuesOfJob, uniquingKeysWith: +)
        queuesOfJob.removeAll(keepingCapacity: true)
    }

    /// The job that ran was undone.
    func dropChanges() { queuesOfJob.removeAll(keepingCapacity: true) }

    /// Writes what was put off until the end of the group.
    func finish() throws {
        for (queue, change) in queues {
            try database.run(
                """
                UPDATE queue SET depth = depth + ?2, head = (SELECT min(due) FROM message WHERE queue = ?1)
                WHERE id = ?1 AND kind IS NOT NULL
                """, [queue, change])
        }
        if let lastNumber { try database.run("UPDATE number SET last = ?", [lastNumber]) }
    }
}
