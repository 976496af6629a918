import ApusModel
import ApusSandbox

/// The variables of an environment: Lambda's, the runtime's, the user's.
///
/// - Source: Lambda developer guide, "Defined runtime environment variables".
enum EnvironmentVariables {
    /// What a runtime finds while it boots, whatever function it will be for: those that the user may set, by their defaults.
    static func defaults(_ bundle: RuntimeBundle) -> [(name: String, value: String)] {
        var values = bundle.image == nil ? ofRuntimes : ofImages
        for (name, value) in bundle.variables { set(name, value, in: &values) }
        return values
    }

    private static let ofRuntimes: [(name: String, value: String)] = [
        ("LANG", "en_US.UTF-8"),
        ("TZ", ":UTC"),
        ("PATH", "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"),
        (
            "LD_LIBRARY_PATH",
            "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
        ),
        ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
    ]

    /// An image says itself where its programs and libraries are; PATH as Docker has it where it does not.
    private static let ofImages: [(name: String, value: String)] = [
        ("TZ", ":UTC"),
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
    ]

    static func make(
        _ revision: Revision, bundle: RuntimeBundle, initializationType: String, logStream: String,
        credentials: ExecutionCredentials
    ) -> [(name: String, value: String)] {
        var values = defaults(bundle)
        for (name, value) in revision.variables { set(name, value, in: &values) }
        let reserved: [(String, String?)] = [
            ("_HANDLER", revision.image == nil ? revision.handler : nil),
            ("LAMBDA_TASK_ROOT", "/var/task"),
            ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
            ("AWS_REGION", revision.function.scope.region.name),
            ("AWS_DEFAULT_REGION", revision.function.scope.region.name),
            ("AWS_EXECUTION_ENV", bundle.executionEnvironment),
            ("AWS_LAMBDA_FUNCTION_NAME", revision.function.name),
            ("AWS_LAMBDA_FUNCTION_VERSION", revision.version.description),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", String(revision.memory.megabytes)),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", initializationType),
            ("AWS_LAMBDA_LOG_GROUP_NAME", revision.logging.group),
            ("AWS_LAMBDA_LOG_STREAM_NAME", logStream),
            ("AWS_LAMBDA_LOG_FORMAT", revision.logging.format == .json ? "JSON" : nil),
            ("AWS_LAMBDA_LOG_LEVEL", revision.logging.applicationLevel),
            ("AWS_ACCESS_KEY_ID", credentials.accessKeyID),
            ("AWS_SECRET_ACCESS_KEY", credentials.secretAccessKey),
            ("AWS_SESSION_TOKEN", credentials.sessionToken),
            ("_LAMBDA_TELEMETRY_LOG_FD", bundle.hasFramedLogs ? "\(SandboxSpecification.telemetryDescriptor)" : nil),
        ]
        for case (let name, let value?) in reserved { set(name, value, in: &values) }
        return values
    }

    private static func set(_ name: String, _ value: String, in values: inout [(name: String, value: String)]) {
        if let index = values.firstIndex(where: { $0.name == name }) {
            values[index].value = value
        } else {
            values.append((name, value))
        }
    }
}
