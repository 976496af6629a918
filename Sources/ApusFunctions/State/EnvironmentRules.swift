import ApusModel
import ApusWire

/// What may stand in a function's environment variables.
///
/// - Source: Lambda developer guide, "Defined runtime environment variables"; Lambda quotas.
enum EnvironmentRules {
    static let limit = 4096

    static let reserved: Set<String> = [
        "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_METADATA_API",
        "AWS_LAMBDA_METADATA_TOKEN", "AWS_LAMBDA_MAX_CONCURRENCY", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
        "AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_PORT", "_LAMBDA_TELEMETRY_LOG_FD",
    ]

    static func check(_ variables: WireMap<String>) throws(Fault) {
        let refused = variables.keys.filter { reserved.contains($0) }
        guard refused.isEmpty else { throw FunctionFaults.reservedVariables(refused) }
        let measured = variables.compactJSON
        guard measured.utf8.count <= limit else { throw FunctionFaults.environmentTooLarge(measured: measured) }
    }
}

extension WireMap<String> {
    /// The map as AWS measures and repeats it: JSON without spaces, in the order given.
    fileprivate var compactJSON: String {
        JSON.object(WireMap<JSON>(entries.map { (key: $0.key, value: JSON.string($0.value)) })).text
    }
}
