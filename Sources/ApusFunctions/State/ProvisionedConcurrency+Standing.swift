import ApusModel
import ApusShapes

extension ProvisionedConcurrency {
    /// How far the environments are, as the API tells it.
    ///
    /// - Parameter now: what runs; nil when nothing does yet. A number that differs from the requested one is of before.
    /// - Source: recorded responses. AWS names no other reason of a failure; the error itself is in the function's log.
    func standing(_ now: ProvisionedExecutions?) -> Lambda.ProvisionedConcurrencyConfigListItem {
        var item = Lambda.ProvisionedConcurrencyConfigListItem(
            requestedProvisionedConcurrentExecutions: executions,
            availableProvisionedConcurrentExecutions: now?.available ?? 0,
            allocatedProvisionedConcurrentExecutions: now?.allocated ?? 0, status: "IN_PROGRESS",
            lastModified: lastModified)
        guard let now, now.requested == executions else { return item }
        if now.available >= executions {
            item.status = "READY"
        } else if now.failure != nil {
            item.status = "FAILED"
            item.statusReason = "FUNCTION_ERROR_INIT_FAILURE"
        }
        return item
    }
}
