package import ApusModel
package import ApusStore
import GRDB

extension SQLiteStore {
    package func acquireLease(
        _ name: String, holder: String, now: Timestamp, duration: Duration
    ) async throws(StoreError) -> Lease? {
        try StoreError.refuseNUL(name, holder, while: "acquire lease \(name)")
        return try await writer.write("acquire lease \(name)") { transaction in
            try transaction.acquireLease(name, holder: holder, now: now, until: now + duration)
        }
    }

    package func releaseLease(_ lease: Lease) async throws(StoreError) {
        try await writer.write("release lease \(lease.name)") { transaction in
            try transaction.database.run(
                "UPDATE lease SET holder = '', until = 0 WHERE name = ? AND holder = ? AND epoch = ?",
                [lease.name, lease.holder, lease.epoch])
        }
    }
}

extension WriteTransaction {
    fileprivate func acquireLease(_ name: String, holder: String, now: Timestamp, until: Timestamp) throws -> Lease? {
        let row = try database.firstRow("SELECT holder, epoch, until FROM lease WHERE name = ?", [name])
        var epoch: Int64 = 1
        if let row {
            let isHeld = row[2] as Int64 > now.nanoseconds
            let isOwn = row[0] as String == holder
            guard !isHeld || isOwn else { return nil }
            // One's own lapsed lease gets a new epoch too: whoever fenced by the old one has stopped trusting it.
            epoch = row[1] as Int64 + (isHeld ? 0 : 1)
        }
        try database.run(
            """
            INSERT INTO lease (name, holder, epoch, until) VALUES (?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET holder = excluded.holder, epoch = excluded.epoch, until = excluded.until
            """, [name, holder, epoch, until.nanoseconds])
        return Lease(name: name, holder: holder, epoch: epoch, until: until)
    }

    /// - Throws: `.leaseLost` when the lease has another holder or epoch by now.
    func check(_ lease: Lease) throws {
        let row = try database.firstRow("SELECT holder, epoch FROM lease WHERE name = ?", [lease.name])
        guard let row, row[0] == lease.holder, row[1] == lease.epoch else {
            throw StoreError(.leaseLost, "fence \(lease.name): epoch \(lease.epoch) of \(lease.holder) has ended")
        }
    }
}
