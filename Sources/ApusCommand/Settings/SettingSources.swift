import ApusShapes
import ApusWire
import Configuration

/// What settings are read from, with what the defaults depend on.
package struct SettingSources: Sendable {
    package var flags: [SettingKey: String]
    package var environment: [String: String]
    package var file: ConfigurationFile?
    package var isRoot: Bool
    package var processors: Int

    package init(
        flags: [SettingKey: String], environment: [String: String], file: ConfigurationFile?, isRoot: Bool,
        processors: Int
    ) {
        self.flags = flags
        self.environment = environment
        self.file = file
        self.isRoot = isRoot
        self.processors = processors
    }

    var defaultData: String {
        if isRoot { return "/var/lib/apus" }
        if let folder = environment["XDG_DATA_HOME"].nonEmpty, folder.hasPrefix("/") { return "\(folder)/apus" }
        return "\(environment["HOME"].nonEmpty ?? "/tmp")/.local/share/apus"
    }

    /// Without root, isolation needs a user namespace.
    var defaultDriver: String { isRoot ? "linux" : "userns" }

    /// Half of the processors: functions need the others.
    var defaultEventLoops: Int { max(1, processors / 2) }
}

/// Asks the sources in their order, and remembers which one answered.
struct SettingReader {
    private let sources: SettingSources
    private let providers: [(provider: any Lookup, origin: (SettingKey) -> SettingOrigin)]
    private var found: [SettingKey: (value: String, origin: SettingOrigin)] = [:]

    init(_ sources: SettingSources) {
        self.sources = sources
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for (key, value) in sources.flags {
            values[AbsoluteConfigKey([key.rawValue])] = ConfigValue(stringLiteral: value)
        }
        let variables = sources.environment.filter { $0.key.hasPrefix("APUS_") && !$0.value.isEmpty }
        let environment = EnvironmentVariablesProvider(environmentVariables: variables).prefixKeys(with: "apus")
        var providers: [(provider: any Lookup, origin: (SettingKey) -> SettingOrigin)] = [
            (ProviderLookup(provider: InMemoryProvider(name: "flags", values: values)), { _ in .flag }),
            (ProviderLookup(provider: environment), { .environment($0.variable) }),
        ]
        if let file = sources.file, let snapshot = file.snapshot {
            providers.append((SnapshotLookup(snapshot: snapshot), { _ in .file(file.path) }))
        }
        self.providers = providers
    }

    /// - Parameter allowed: says in a message what would be right.
    mutating func value<Value>(
        _ key: SettingKey, _ standard: String, _ allowed: String, _ parse: (String) -> Value?
    ) throws(CommandFailure) -> Value {
        let (text, origin) = try lookUp(key) ?? (standard, .standard)
        note(key, text, origin)
        guard let value = parse(text) else { throw failure(key, text, origin, allowed) }
        return value
    }

    /// A path, absolute or relative to the current folder.
    mutating func path(_ key: SettingKey) throws(CommandFailure) -> String? {
        guard let (text, origin) = try lookUp(key) else { return nil }
        var path = text
        if case .file = origin, let file = sources.file {
            path = file.resolved(text, home: sources.environment["HOME"].nonEmpty)
        }
        note(key, path, origin)
        return path
    }

    /// `A=B,C=D`, or in the file a mapping.
    mutating func map(_ key: SettingKey) throws(CommandFailure) -> [String: String] {
        if let (text, origin) = try lookUp(key) {
            note(key, text, origin)
            var map: [String: String] = [:]
            for pair in text.split(separator: ",") {
                let halves = pair.split(separator: "=", omittingEmptySubsequences: false).map {
                    $0.filter { $0 != " " }
                }
                guard halves.count == 2, !halves[0].isEmpty, !halves[1].isEmpty else {
                    throw failure(key, text, origin, "pairs such as python3.12=python3.11")
                }
                map[String(halves[0])] = String(halves[1])
            }
            return map
        }
        // The reader of YAML is asked name by name.
        let runtimes = Lambda.model.shape("Runtime")?.enumeration ?? []
        var map: [String: String] = [:]
        for runtime in runtimes {
            guard let (text, origin) = try lookUp(key, [key.rawValue, runtime]) else { continue }
            map[runtime] = text
            note(key, map.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ","), origin)
        }
        return map
    }

    static func flag(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true", "yes", "on", "1": true
        case "false", "no", "off", "0": false
        default: nil
        }
    }

    func origin(_ key: SettingKey) -> (key: SettingKey, value: String, origin: SettingOrigin) {
        (key, found[key]?.value ?? "", found[key]?.origin ?? .standard)
    }

    /// Remembers a default that is not a constant.
    mutating func note(_ key: SettingKey, _ value: String) {
        if found[key] == nil { found[key] = (value, .standard) }
    }

    private mutating func note(_ key: SettingKey, _ value: String, _ origin: SettingOrigin) {
        found[key] = (value, origin)
    }

    private func lookUp(
        _ key: SettingKey, _ components: [String]? = nil
    ) throws(CommandFailure) -> (String, SettingOrigin)? {
        for (provider, origin) in providers {
            do {
                if let text = try provider.text(AbsoluteConfigKey(components ?? [key.rawValue])) {
                    return (text, origin(key))
                }
            } catch {
                throw CommandFailure(.local, "\(key.rawValue) (from \(origin(key))) must be a single value, not a list")
            }
        }
        return nil
    }

    private func failure(
        _ key: SettingKey, _ text: String, _ origin: SettingOrigin, _ allowed: String
    ) -> CommandFailure {
        CommandFailure(.local, "\(key.rawValue) is \"\(text)\" (from \(origin)); it must be \(allowed)")
    }
}

/// What flags, environment and file have in common here.
private protocol Lookup {
    func text(_ key: AbsoluteConfigKey) throws -> String?
}

private struct ProviderLookup<Provider: ConfigProvider>: Lookup {
    let provider: Provider

    func text(_ key: AbsoluteConfigKey) throws -> String? {
        guard case .string(let text)? = try provider.value(forKey: key, type: .string).value?.content else {
            return nil
        }
        return text
    }
}

private struct SnapshotLookup: Lookup {
    let snapshot: YAMLSnapshot

    func text(_ key: AbsoluteConfigKey) throws -> String? {
        guard case .string(let text)? = try snapshot.value(forKey: key, type: .string).value?.content else {
            return nil
        }
        return text
    }
}
