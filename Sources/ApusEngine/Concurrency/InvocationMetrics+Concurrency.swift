package import ApusMetrics

extension InvocationMetrics {
    /// A call was let in.
    package func began() { running.add() }

    /// A call was refused; it counts as nothing else.
    package func refused(_ throttle: Throttle) {
        throttled(throttle.reason)
        if throttle == .machineMemory { memoryThrottles.add() }
    }

    /// A call that was let in has run.
    ///
    /// - Parameters:
    ///   - duration: without the start of its environment.
    ///   - failed: the function failed.
    package func ended(_ execution: ConcurrencyState.Ticket.Execution, duration: Duration, failed: Bool) {
        running.subtract()
        invocations.add()
        if failed { errors.add() }
        switch execution {
        case .onDemand: break
        case .provisioned: provisioned.add()
        case .spillover: spillovers.add()
        }
        self.duration.record(duration)
    }

    /// A call that was let in has not run, since no environment could be started for it.
    package func abandoned() { running.subtract() }
}
