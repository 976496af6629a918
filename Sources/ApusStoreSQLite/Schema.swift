import GRDB

/// The tables, by the migrations that lead to them. A migration that was released is never edited.
///
/// Texts are compared by their bytes (SQLite's BINARY collation of UTF-8). Moments are nanoseconds since 1970.
/// Columns of bytes hold NULL for no bytes, since an empty `Data` has no address to bind.
enum Schema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 rows, queues, logs, leases") { database in
            try database.execute(sql: rows)
            try database.execute(sql: queues)
            try database.execute(sql: logs)
            try database.execute(sql: leases)
        }
        return migrator
    }

    /// `number` hands out revisions and receipts; being one row for all, a number is used once in the life of the
    /// store.
    private static let rows = """
        CREATE TABLE number (last INTEGER NOT NULL);
        INSERT INTO number VALUES (0);

        CREATE TABLE item (
            kind TEXT NOT NULL, partition TEXT NOT NULL, name TEXT NOT NULL, revision INTEGER NOT NULL, value BLOB,
            PRIMARY KEY (kind, partition, name)
        ) WITHOUT ROWID;
        """

    /// `queue.head` is the earliest `due` of its messages and `queue.depth` their number, so that finding work costs
    /// nothing per waiting message. A queue whose `kind` is NULL was purged: nobody finds it, and its messages are
    /// removed in small steps. Bodies are apart, so that a claim rewrites only the small row.
    private static let queues = """
        CREATE TABLE queue (
            id INTEGER PRIMARY KEY, kind TEXT, partition TEXT, head INTEGER, depth INTEGER NOT NULL DEFAULT 0,
            UNIQUE (kind, partition)
        );
        CREATE INDEX queue_by_head ON queue (kind, head);

        CREATE TABLE message (
            id INTEGER PRIMARY KEY, queue INTEGER NOT NULL, name TEXT NOT NULL, due INTEGER NOT NULL,
            attempts INTEGER NOT NULL, receipt INTEGER NOT NULL, enqueued INTEGER NOT NULL, attributes BLOB,
            UNIQUE (queue, name)
        );
        CREATE INDEX message_by_due ON message (queue, due);

        CREATE TABLE message_body (message INTEGER PRIMARY KEY, body BLOB);
        """

    /// `record.id` is the log's id and the sequence in one number (`LogPlace`), so that a log lies together on disk and
    /// reads in order without an index. `log.next` only grows; a log whose `kind` is NULL was deleted and is being
    /// removed.
    private static let logs = """
        CREATE TABLE log (
            id INTEGER PRIMARY KEY, kind TEXT, partition TEXT, next INTEGER NOT NULL, UNIQUE (kind, partition)
        );

        CREATE TABLE log_tag (
            id INTEGER PRIMARY KEY, log INTEGER NOT NULL, name TEXT NOT NULL, first INTEGER NOT NULL,
            last INTEGER NOT NULL, records INTEGER NOT NULL, bytes INTEGER NOT NULL, UNIQUE (log, name)
        );

        CREATE TABLE record (
            id INTEGER PRIMARY KEY, log INTEGER NOT NULL, tag INTEGER, time INTEGER NOT NULL, payload BLOB
        );
        CREATE INDEX record_by_time ON record (log, time);
        CREATE INDEX record_by_tag ON record (tag) WHERE tag IS NOT NULL;
        CREATE INDEX record_by_tag_time ON record (tag, time) WHERE tag IS NOT NULL;
        """

    /// A released lease keeps its row, and so its epoch.
    private static let leases = """
        CREATE TABLE lease (
            name TEXT PRIMARY KEY, holder TEXT NOT NULL, epoch INTEGER NOT NULL, until INTEGER NOT NULL
        ) WITHOUT ROWID;
        """
}
