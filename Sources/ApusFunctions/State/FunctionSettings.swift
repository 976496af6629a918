import ApusModel
import ApusServiceKit
import ApusShapes
import ApusWire

/// The rules that turn requests into configurations. Pure.
///
/// - Source: Lambda API reference, CreateFunction and UpdateFunctionConfiguration; recorded replies for defaults.
enum FunctionSettings {
    /// A new function's configuration, but for what its code and the time decide.
    static func configuration(
        _ request: Lambda.CreateFunctionRequest, key: FunctionKey
    ) throws(Fault) -> Lambda.FunctionConfiguration {
        try refuseUnavailable(request)
        let isImage = request.packageType == "Image"
        if isImage { try ImageRules.check(request) } else { try checkRuntime(request) }
        try checkLimits(
            timeout: request.timeout, memory: request.memorySize, storage: request.ephemeralStorage?.size)
        if let variables = request.environment?.variables { try EnvironmentRules.check(variables) }
        let configuration = Lambda.FunctionConfiguration(
            functionName: key.name, functionArn: key.arn.description, runtime: request.runtime, role: request.role,
            handler: request.handler, description: request.description ?? "", timeout: request.timeout ?? 3,
            memorySize: request.memorySize ?? 128, version: "$LATEST",
            environment: request.environment.map { Lambda.EnvironmentResponse(variables: $0.variables ?? [:]) },
            tracingConfig: Lambda.TracingConfigResponse(mode: request.tracingConfig?.mode ?? "PassThrough"),
            packageType: isImage ? "Image" : "Zip",
            imageConfigResponse: try ImageRules.response(request.imageConfig),
            architectures: try architectures(request.architectures) ?? [hostArchitecture],
            ephemeralStorage: Lambda.EphemeralStorage(size: request.ephemeralStorage?.size ?? 512),
            snapStart: snapStart(request.snapStart),
            loggingConfig: try LoggingRules.apply(request.loggingConfig, to: nil, function: key.name))
        try SnapStartRules.check(configuration)
        return configuration
    }

    /// Changes what the request names, and leaves the rest.
    static func apply(
        _ request: Lambda.UpdateFunctionConfigurationRequest, to configuration: inout Lambda.FunctionConfiguration
    ) throws(Fault) {
        try refuseUnavailable(request)
        if configuration.isImage { try ImageRules.check(request) }
        if let settings = request.imageConfig {
            guard configuration.isImage else { throw FunctionFaults.imageConfigForZip }
            configuration.imageConfigResponse = try ImageRules.response(settings)
        }
        try checkLimits(
            timeout: request.timeout, memory: request.memorySize, storage: request.ephemeralStorage?.size)
        if let runtime = request.runtime {
            try check(runtime: runtime)
            configuration.runtime = runtime
        }
        if let environment = request.environment {
            let variables = environment.variables ?? [:]
            try EnvironmentRules.check(variables)
            configuration.environment = Lambda.EnvironmentResponse(variables: variables)
        }
        if let role = request.role { configuration.role = role }
        if let handler = request.handler { configuration.handler = handler }
        if let description = request.description { configuration.description = description }
        if let timeout = request.timeout { configuration.timeout = timeout }
        if let memory = request.memorySize { configuration.memorySize = memory }
        if let mode = request.tracingConfig?.mode { configuration.tracingConfig = .init(mode: mode) }
        if let storage = request.ephemeralStorage { configuration.ephemeralStorage = storage }
        if let requested = request.snapStart { configuration.snapStart = snapStart(requested) }
        if let requested = request.loggingConfig {
            configuration.loggingConfig = try LoggingRules.apply(
                requested, to: configuration.loggingConfig, function: configuration.functionName ?? "")
        }
        try SnapStartRules.check(configuration)
    }

    static func architectures(_ requested: [String]?) throws(Fault) -> [String]? {
        guard let requested else { return nil }
        guard requested == [hostArchitecture] else {
            throw .invalidParameter("This host runs functions for \(hostArchitecture) only.")
        }
        return requested
    }

    #if arch(arm64)
    static let hostArchitecture = "arm64"
    #else
    static let hostArchitecture = "x86_64"
    #endif

    /// The tables allow more, for functions on instances of their own.
    ///
    /// - Source: Lambda quotas.
    private static func checkLimits(timeout: Int?, memory: Int?, storage: Int?) throws(Fault) {
        let limits: [(member: String, value: Int?, limit: Int)] = [
            ("timeout", timeout, 900), ("memorySize", memory, 10_240), ("ephemeralStorage.size", storage, 10_240),
        ]
        for case (let member, let value?, let limit) in limits where value > limit {
            throw FunctionFaults.aboveLimit(member, value, limit)
        }
    }

    private static func checkRuntime(_ request: Lambda.CreateFunctionRequest) throws(Fault) {
        guard let runtime = request.runtime, request.handler != nil else {
            throw FunctionFaults.runtimeAndHandlerRequired
        }
        guard request.imageConfig == nil else { throw FunctionFaults.imageConfigForZip }
        try check(runtime: runtime)
    }

    private static func check(runtime: String) throws(Fault) {
        if RuntimeIdentifiers.deprecated.contains(runtime) { throw FunctionFaults.deprecatedRuntime(runtime) }
        guard RuntimeIdentifiers.accepted.contains(runtime) || RuntimeIdentifiers.retired.contains(runtime) else {
            throw FunctionFaults.unknownRuntime(runtime, accepted: RuntimeIdentifiers.accepted)
        }
    }

    /// It is on for versions alone, once they have their snapshot.
    private static func snapStart(_ requested: Lambda.SnapStart?) -> Lambda.SnapStartResponse {
        Lambda.SnapStartResponse(applyOn: requested?.applyOn ?? "None", optimizationStatus: "Off")
    }

    // MARK: What does not exist yet

    private static func refuseUnavailable(_ request: Lambda.CreateFunctionRequest) throws(Fault) {
        try refuse(
            unavailable(request) + [
                ("CodeSigningConfigArn", request.codeSigningConfigArn?.isEmpty == false),
                ("TenancyConfig", request.tenancyConfig != nil),
                ("PublishTo", request.publishTo != nil),
            ])
    }

    private static func refuseUnavailable(_ request: Lambda.UpdateFunctionConfigurationRequest) throws(Fault) {
        try refuse(unavailable(request))
    }

    private static func unavailable(_ request: some SettingsRequest) -> [(name: String, isSet: Bool)] {
        [
            ("VpcConfig", isSet(request.vpcConfig)),
            ("DeadLetterConfig", request.deadLetterConfig?.targetArn?.isEmpty == false),
            ("FileSystemConfigs", request.fileSystemConfigs?.isEmpty == false),
            ("KMSKeyArn", request.kmsKeyArn?.isEmpty == false),
            ("CapacityProviderConfig", request.capacityProviderConfig != nil),
            ("DurableConfig", request.durableConfig != nil),
            ("RuntimeConfig", request.runtimeConfig != nil),
            ("AcceleratorConfig", request.acceleratorConfig != nil),
        ]
    }

    private static func refuse(_ parameters: [(name: String, isSet: Bool)]) throws(Fault) {
        if let parameter = parameters.first(where: \.isSet) { throw FunctionFaults.notAvailable(parameter.name) }
    }

    /// Empty lists are how clients say "no VPC".
    private static func isSet(_ vpc: Lambda.VpcConfig?) -> Bool {
        vpc.map { $0.subnetIds?.isEmpty == false || $0.securityGroupIds?.isEmpty == false } ?? false
    }
}

/// What CreateFunction and UpdateFunctionConfiguration may both ask for.
private protocol SettingsRequest {
    var vpcConfig: Lambda.VpcConfig? { get }
    var deadLetterConfig: Lambda.DeadLetterConfig? { get }
    var fileSystemConfigs: [Lambda.FileSystemConfig]? { get }
    var kmsKeyArn: String? { get }
    var capacityProviderConfig: Lambda.CapacityProviderConfig? { get }
    var durableConfig: Lambda.DurableConfig? { get }
    var runtimeConfig: Lambda.FunctionRuntimeConfig? { get }
    var acceleratorConfig: Lambda.AcceleratorConfig? { get }
}

extension Lambda.CreateFunctionRequest: SettingsRequest {}
extension Lambda.UpdateFunctionConfigurationRequest: SettingsRequest {}
