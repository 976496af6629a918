package import ApusModel

/// The right to do one thing alone for a while.
package struct Lease: Equatable, Sendable {
    package let name: String
    package let holder: String

    /// Grows whenever the lease changes hands; a writer that shows an older one is refused.
    package let epoch: Int64
    package let until: Timestamp

    package init(name: String, holder: String, epoch: Int64, until: Timestamp) {
        self.name = name
        self.holder = holder
        self.epoch = epoch
        self.until = until
    }
}

/// Leases: at most one holder at any moment of the store's time.
package protocol LeaseStore: Sendable {
    /// Takes a free or lapsed lease, or renews one's own.
    ///
    /// - Returns: nil while another holds it.
    func acquireLease(
        _ name: String, holder: String, now: Timestamp, duration: Duration
    ) async throws(StoreError) -> Lease?

    /// Lets go, so that another need not wait for the end. A lease that has passed to another is left alone.
    func releaseLease(_ lease: Lease) async throws(StoreError)
}
