import ApusCommand
import ApusShapes
import ApusWire
import ArgumentParser

struct Deploy: ClientJob {
    static let configuration = CommandConfiguration(
        abstract: "Make a function of a folder of code, or update it.",
        discussion: """
            Packs the folder (without .git, .venv, __pycache__ and node_modules/.cache), creates the function or updates \
            what differs, and waits until it can be called. Runtime and handler are guessed from the files for a new \
            function; an existing one keeps what no option changes, and --env sets single variables.

            A folder of source code is built first, unless it has an executable `bootstrap`: by the target `build-NAME` \
            of a Makefile, which leaves what is to be packed in $ARTIFACTS_DIR; or as a Swift package, a Go module or a \
            Cargo package, whose program runs on provided.al2023.

            Exit codes: 0 done, 2 the server refused it, 3 nothing answered, 4 the folder cannot be used.
            """)

    @Argument(help: ArgumentHelp("The folder of code.", valueName: "dir"))
    var folder: String

    @Option(help: "The function's name (default: the folder's).")
    var name: String?

    @Option(help: "Such as python3.13, nodejs22.x, provided.al2023.")
    var runtime: String?

    @Option(help: "Such as app.handler.")
    var handler: String?

    @Option(help: ArgumentHelp("Memory in MB, 128...10240.", valueName: "mb"))
    var memory: Int?

    @Option(help: ArgumentHelp("Such as 30 or 5m, up to 15m.", valueName: "duration"))
    var timeout: String?

    @Option(
        name: .customLong("env"), help: ArgumentHelp("A variable of the function; may be repeated.", valueName: "k=v"))
    var variables: [String] = []

    @Option(
        name: .customLong("layer"),
        help: ArgumentHelp(
            "A layer, by name and version or by its version's ARN; may be repeated. Replaces those of the function.",
            valueName: "name:version"))
    var layers: [String] = []

    @Option(help: ArgumentHelp("The role that the function runs as.", valueName: "arn"))
    var role: String?

    @Flag(inversion: .prefixedNo, help: "Fork environments from one that has run the init (tag apus:snapshot).")
    var snapshot: Bool?

    @OptionGroup var client: ClientOptions

    func perform(_ context: ClientContext) async throws {
        let path = try CodeFolder(folder).path
        guard let name = name ?? FunctionName.suggested(byFolder: path) else {
            throw CommandFailure(.local, "the folder's name makes no function's name; choose one with --name")
        }
        let building = try ProjectBuild(try ProjectFolder(reading: path)).map { try Building($0, of: path) }
        let packed = building?.artifacts ?? path
        let bytes = try withExtendedLifetime(building) { try CodeFolder(packed).pack() }
        Terminal.progress("packed \(path): \(Quantity.bytes(bytes.count))")
        let layers = try layers.map { text throws(CommandFailure) in try Layer.versionARN(text, context) }
        let deployment = Deployment(context: context, name: name, bytes: bytes)
        let outcome: Deployment.Outcome
        if let existing = try await context.configuration(of: name) {
            outcome = try await deployment.update(
                existing, try changes(existing, layers), startsFromSnapshot: snapshot)
        } else {
            let code = try withExtendedLifetime(building) { try guess(packed) }
            let role = role ?? "arn:aws:iam::\(context.settings.account):role/lambda"
            outcome = try await deployment.create(
                Lambda.CreateFunctionRequest(
                    functionName: name, runtime: code.runtime, role: role, handler: code.handler,
                    code: Lambda.FunctionCode(zipFile: bytes), timeout: try seconds(), memorySize: memory,
                    environment: variables.isEmpty ? nil : .init(variables: try environment([:])),
                    tags: snapshot == true ? Deployment.snapshotTags : nil,
                    layers: layers.isEmpty ? nil : layers))
        }
        report(outcome, isJSON: context.isJSON)
    }

    private func guess(_ path: String) throws(CommandFailure) -> ProjectGuess {
        if let runtime, let handler { return ProjectGuess(runtime: runtime, handler: handler) }
        let project = try ProjectFolder(reading: path)
        var guess = try ProjectGuess(project, runtime: runtime, versions: HostVersions.find(for: project))
        if let handler { guess.handler = handler }
        Terminal.progress("taken for \(guess.runtime) with handler \(guess.handler)")
        return guess
    }

    private func seconds() throws(CommandFailure) -> Int? {
        guard let timeout else { return nil }
        guard let duration = DurationText.parse(timeout), duration >= .seconds(1) else {
            throw CommandFailure(.local, "--timeout \(timeout) must be a duration such as 30 or 5m")
        }
        return Int(duration.components.seconds)
    }

    private func environment(_ existing: WireMap<String>) throws(CommandFailure) -> WireMap<String> {
        var environment = existing
        for pair in variables {
            guard let equals = pair.firstIndex(of: "="), equals != pair.startIndex else {
                throw CommandFailure(.local, "--env \(pair) must look like NAME=VALUE")
            }
            environment[String(pair[..<equals])] = String(pair[pair.index(after: equals)...])
        }
        return environment
    }

    /// - Returns: nil when the options change nothing.
    private func changes(
        _ existing: Lambda.FunctionConfiguration, _ layers: [String]
    ) throws(CommandFailure) -> Lambda.UpdateFunctionConfigurationRequest? {
        var request = Lambda.UpdateFunctionConfigurationRequest(functionName: existing.functionName ?? "")
        let unchanged = request
        if let runtime, runtime != existing.runtime { request.runtime = runtime }
        if let handler, handler != existing.handler { request.handler = handler }
        if let memory, memory != existing.memorySize { request.memorySize = memory }
        if let timeout = try seconds(), timeout != existing.timeout { request.timeout = timeout }
        if let role, role != existing.role { request.role = role }
        if !variables.isEmpty {
            let before = existing.environment?.variables ?? [:]
            let after = try environment(before)
            if after != before { request.environment = .init(variables: after) }
        }
        if !layers.isEmpty, layers != existing.layers?.map({ $0.arn ?? "" }) { request.layers = layers }
        return request == unchanged ? nil : request
    }

    private func report(_ outcome: Deployment.Outcome, isJSON: Bool) {
        let function = outcome.configuration
        let name = function.functionName ?? ""
        if isJSON {
            let object = ClientContext.object([
                ("name", .string(name)), ("arn", function.functionArn.json), ("action", .string(outcome.action)),
                ("version", function.version.json), ("runtime", function.runtime.json),
                ("handler", function.handler.json), ("state", function.state.json),
                ("size", function.codeSize.json), ("sha256", function.codeSha256.json),
            ])
            Terminal.line(object.text)
            return
        }
        let rows = [
            ("arn", function.functionArn ?? ""), ("runtime", "\(function.runtime ?? ""), \(function.handler ?? "")"),
            ("size", Quantity.bytes(function.codeSize ?? 0)), ("sha256", function.codeSha256 ?? ""),
            ("next", "apus invoke \(name) --payload '{}'"),
        ]
        Terminal.line("\(name) \(outcome.action)")
        for (label, value) in rows {
            Terminal.line("  \(label)\(String(repeating: " ", count: 9 - label.count))\(value)")
        }
    }
}
