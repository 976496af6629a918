/// Chooses which idle environments to close when memory is short. Pure.
///
/// Each is worth closing by the product of four: how long it has been idle, how many of its revision are idle, how much memory
/// that gives back, and how quickly another one would be there again. A product needs no weights. Provisioned ones are kept
/// unless the pressure is critical, and then go last.
package enum Reclaimer {
    /// The idle environments of one pool.
    package struct Pool<ID: Sendable>: Sendable {
        package var footprint: MemoryFootprint

        /// The time that a start takes, from the call to the end of init.
        package var startDuration: Duration

        /// The one that has been idle for longest first, since when each.
        package var idle: [(id: ID, since: Duration)]

        /// How many of them are provisioned: those used last.
        package var provisioned: Int

        package init(
            footprint: MemoryFootprint, startDuration: Duration, idle: [(id: ID, since: Duration)], provisioned: Int = 0
        ) {
            self.footprint = footprint
            self.startDuration = startDuration
            self.idle = idle
            self.provisioned = provisioned
        }
    }

    /// - Parameter bytes: to be given back; what is chosen may give a little more, or less when there is no more.
    /// - Returns: the environments to close, best first.
    package static func choose<ID>(
        from pools: [Pool<ID>], bytes: Int, pressure: MachineMemory.Pressure, now: Duration
    ) -> [ID] {
        guard bytes > 0, pressure > .none else { return [] }
        var candidates: [Candidate<ID>] = []
        for pool in pools {
            let unprovisioned = pool.idle.count - pool.provisioned
            for (place, environment) in pool.idle.enumerated() {
                let isProvisioned = place >= unprovisioned
                guard !isProvisioned || pressure == .critical else { break }
                let start = max(pool.startDuration, .milliseconds(1))
                let worth =
                    (max(now - environment.since, .zero) / start) * Double(pool.idle.count - place)
                    * Double(pool.footprint.idle)
                candidates.append(
                    Candidate(
                        id: environment.id, isProvisioned: isProvisioned, worth: worth, bytes: pool.footprint.idle))
            }
        }
        candidates.sort { ($0.isProvisioned ? 1 : 0, -$0.worth) < ($1.isProvisioned ? 1 : 0, -$1.worth) }
        var missing = bytes
        return candidates.prefix { candidate in
            defer { missing -= candidate.bytes }
            return missing > 0
        }.map(\.id)
    }

    private struct Candidate<ID> {
        let id: ID
        let isProvisioned: Bool
        let worth: Double
        let bytes: Int
    }
}
