import ApusCommand
import ApusModel
import ApusShapes
import ApusWire
import ArgumentParser

/// What every command takes that speaks to a server.
struct ClientOptions: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp(
            "The server (default: AWS_ENDPOINT_URL_LAMBDA, AWS_ENDPOINT_URL, or where the settings let it listen).",
            valueName: "url"))
    var endpoint: String?

    @Option(help: "The region (default: AWS_REGION, AWS_DEFAULT_REGION, or that of the settings).")
    var region: String?

    @Option(help: ArgumentHelp("The server's data folder, which holds the key to sign with.", valueName: "dir"))
    var data: String?

    @Option(help: ArgumentHelp("Read this configuration file instead of the usual apus.yaml.", valueName: "file"))
    var config: String?

    @Flag(help: "Print JSON.")
    var json = false
}

/// A server to speak to.
struct ClientContext: Sendable {
    let settings: Settings
    let api: APIClient
    let isJSON: Bool

    init(_ options: ClientOptions) throws(CommandFailure) {
        let environment = ProcessVariables.all
        var flags: [SettingKey: String] = [:]
        flags[.data] = options.data
        flags[.region] =
            options.region ?? environment["AWS_REGION"].nonEmpty ?? environment["AWS_DEFAULT_REGION"].nonEmpty
        settings = try Settings(flags: flags, file: options.config)
        let endpoint = try Endpoint.choose(flag: options.endpoint, environment: environment, settings: settings)
        api = APIClient(
            endpoint: endpoint, region: settings.region, credentials: try ClientCredentials(settings, environment))
        isJSON = options.json
    }

    func call<Input: WireShape, Output: WireShape>(
        _ operation: Operation<Input, Output>, _ input: Input, timeout: Duration = .seconds(60)
    ) async throws(CommandFailure) -> Output {
        try await api.call(operation, of: Lambda.model, input, timeout: timeout)
    }

    /// - Returns: nil when there is no such function.
    func configuration(of name: String) async throws(CommandFailure) -> Lambda.FunctionConfiguration? {
        do throws(CommandFailure) {
            return try await call(Lambda.getFunctionConfiguration, .init(functionName: name))
        } catch {
            guard error.code == "ResourceNotFoundException" else { throw error }
            return nil
        }
    }

    /// The rows of JSON objects leave out what is not known.
    static func object(_ members: [(key: String, value: JSON?)]) -> JSON {
        .object(WireMap(members.compactMap { member in member.value.map { (key: member.key, value: $0) } }))
    }
}

extension Optional<String> {
    var json: JSON? { map { .string($0) } }
}

extension Optional<Int> {
    var json: JSON? { map { .integer(Int64($0)) } }
}
