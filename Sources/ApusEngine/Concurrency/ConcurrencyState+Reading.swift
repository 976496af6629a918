extension ConcurrencyState {
    /// What is in use, under CloudWatch's names.
    package struct Reading: Equatable, Sendable {
        /// Calls that run.
        package var concurrentExecutions: Int

        /// Calls that run on demand, of functions without a reservation.
        package var unreservedConcurrentExecutions: Int

        /// Executions that are in use, reserved or provisioned; what is left is for functions without a reservation.
        package var claimedAccountConcurrency: Int

        /// Calls that run in provisioned executions.
        package var provisionedConcurrentExecutions: Int

        package var provisioned: [Provisioned]
    }

    package struct Provisioned: Equatable, Sendable {
        package var function: String
        package var qualifier: String
        package var allocated: Int

        /// Environments that are initialised, whether they run a call or not.
        package var available: Int
        package var inUse: Int

        /// `ProvisionedConcurrencyUtilization`: the part in use of what is allocated, 0...1.
        package var utilization: Double { allocated > 0 ? min(1, Double(inUse) / Double(allocated)) : 0 }
    }

    /// Not for the way of a call: it goes through all that is provisioned.
    package var reading: Reading {
        let names = Dictionary(uniqueKeysWithValues: names.map { ($0.value.slot, $0.key) })
        let provisioned = qualifiers.compactMap { handle, qualifier -> Provisioned? in
            guard let provision = provisions[handle.slot], let name = names[provision.function] else { return nil }
            return Provisioned(
                function: name, qualifier: qualifier, allocated: provision.allocated, available: provision.available,
                inUse: provision.inUse)
        }
        return Reading(
            concurrentExecutions: running, unreservedConcurrentExecutions: unreservedRunning,
            claimedAccountConcurrency: claimed, provisionedConcurrentExecutions: provisionedRunning,
            provisioned: provisioned)
    }
}
