import ApusModel

/// A call that was let in, and counts until it has ended.
struct AdmittedInvocation: Sendable {
    let request: InvocationRequest
    let callee: Callee
    let ticket: ConcurrencyState.Ticket
    let onEnd: @Sendable () -> Void

    /// It ran: its execution is free for another. To be called once, before the caller has its answer, as that one may call again at
    /// once.
    func ended(after duration: Duration, failed: Bool) {
        callee.leave(ticket)
        callee.metrics.ended(ticket.execution, duration: duration, failed: failed)
        onEnd()
    }

    /// It could not run.
    func refuse(_ refusal: InvocationRefusal) {
        callee.leave(ticket)
        callee.metrics.abandoned()
        if case .throttle(let throttle) = refusal { callee.metrics.refused(throttle) }
        onEnd()
        request.completion(.fault(refusal.fault))
    }
}

/// Why a call that was let in did not run.
enum InvocationRefusal: Sendable {
    case throttle(Throttle)
    case fault(Fault)

    var fault: Fault {
        switch self {
        case .throttle(let throttle): throttle.fault
        case .fault(let fault): fault
        }
    }
}
