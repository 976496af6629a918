// Each of these stands in docs/metrics.md too, with CloudWatch's name.
extension MetricDescription {
    package static let invocations = Self(
        "apus_lambda_invocations_total", .counter, "Calls that ran, failed ones among them, throttled ones not.")
    package static let errors = Self("apus_lambda_errors_total", .counter, "Calls whose function failed.")
    package static let throttles = Self(
        "apus_lambda_throttles_total", .counter, "Calls that were refused with TooManyRequestsException, by its reason."
    )
    package static let memoryThrottles = Self(
        "apus_lambda_memory_throttles_total", .counter,
        "Throttled calls for which the machine had no memory; ConcurrentInvocationLimitExceeded counts them too.")
    package static let duration = Self(
        "apus_lambda_duration_seconds", .histogram, "How long calls ran, without the start of their environment.")
    package static let provisionedInvocations = Self(
        "apus_lambda_provisioned_concurrency_invocations_total", .counter, "Calls that ran in provisioned executions.")
    package static let spilloverInvocations = Self(
        "apus_lambda_provisioned_concurrency_spillover_invocations_total", .counter,
        "Calls that ran on demand since every provisioned execution was in use.")
    package static let concurrentExecutions = Self(
        "apus_lambda_concurrent_executions", .gauge, "Calls that run, by the qualifier that was called.")

    package static let starts = Self(
        "apus_lambda_starts_total", .counter,
        "Calls by how they came to their environment; all but warm are cold starts.")
    package static let initDuration = Self(
        "apus_lambda_init_duration_seconds", .histogram, "How long inits of environments took.")
    package static let restoreDuration = Self(
        "apus_lambda_restore_duration_seconds", .histogram, "How long environments took to come from a snapshot.")
    package static let environments = Self(
        "apus_lambda_environments", .gauge, "Environments of a version, by what they do.")

    package static let accountConcurrentExecutions = Self(
        "apus_lambda_account_concurrent_executions", .gauge, "Calls of the account that run.")
    package static let unreservedConcurrentExecutions = Self(
        "apus_lambda_unreserved_concurrent_executions", .gauge,
        "Calls that run on demand, of functions without reserved concurrency.")
    package static let claimedAccountConcurrency = Self(
        "apus_lambda_claimed_account_concurrency", .gauge, "Executions of the account in use, reserved or provisioned.")
    package static let provisionedConcurrentExecutions = Self(
        "apus_lambda_provisioned_concurrent_executions", .gauge, "Calls that run in provisioned executions.")
    package static let provisionedConcurrencyUtilization = Self(
        "apus_lambda_provisioned_concurrency_utilization", .gauge, "The part in use of what is provisioned, 0 to 1.")
}
