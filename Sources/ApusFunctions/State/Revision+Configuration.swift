import ApusModel
import ApusShapes
import ApusWire

extension Revision {
    /// What the engine needs of a stored configuration.
    fileprivate init(
        _ configuration: Lambda.FunctionConfiguration, code: String, layers: [AttachedLayer], image: AttachedImage?,
        function: FunctionKey, startsFromSnapshot: Bool
    ) {
        let logging = configuration.loggingConfig
        self.init(
            id: RequestID().text, function: function,
            version: configuration.version.flatMap { FunctionVersion($0) } ?? .latest,
            runtime: configuration.runtime ?? "", handler: configuration.handler ?? "", role: configuration.role ?? "",
            memory: MemorySize(megabytes: configuration.memorySize ?? 128),
            timeout: .seconds(configuration.timeout ?? 3),
            temporarySpace: MemorySize(megabytes: configuration.ephemeralStorage?.size ?? 512),
            variables: configuration.environment?.variables?.entries.map { (name: $0.key, value: $0.value) } ?? [],
            code: CodeReference(sha256: code),
            logging: LoggingSettings(
                format: logging?.logFormat == "JSON" ? .json : .text,
                group: logging?.logGroup ?? "/aws/lambda/\(function.name)",
                applicationLevel: logging?.applicationLogLevel, systemLevel: logging?.systemLogLevel))
        self.image = image.map { image in
            let settings = configuration.imageConfigResponse?.imageConfig
            return ImageReference(
                manifest: image.found.manifest,
                overrides: ImageOverrides(
                    entryPoint: settings?.entryPoint, command: settings?.command,
                    workingDirectory: settings?.workingDirectory))
        }
        self.layers = layers.map { CodeReference(sha256: $0.code) }
        self.startsFromSnapshot = startsFromSnapshot
    }
}

extension FunctionRecord {
    /// `$LATEST` as the engine runs it.
    func revision(of function: FunctionKey) -> Revision {
        Revision(
            configuration, code: code, layers: layers, image: image, function: function,
            startsFromSnapshot: startsFromSnapshot)
    }

    /// The process of an image cannot be forked.
    var startsFromSnapshot: Bool { image == nil && tags[SnapStartRules.tag] == "on" }
}

extension VersionRecord {
    func revision(of function: FunctionKey) -> Revision {
        Revision(
            configuration, code: code, layers: layers, image: image, function: function,
            startsFromSnapshot: configuration.hasSnapStart)
    }
}
