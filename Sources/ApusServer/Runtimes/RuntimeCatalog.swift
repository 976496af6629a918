package import ApusEngine
import ApusSandbox
import ApusServiceKit
import Foundation
import Synchronization

/// The runtimes that this host has, as the data files describe them. Programs are looked for when a runtime is first asked for.
package final class RuntimeCatalog: RuntimeDirectory, RuntimeRegistry {
    private let descriptions: [String: (RuntimeDescription, bundle: String)]

    /// What the operator lets one identifier stand for, such as `python3.12` for `python3.11`.
    private let aliases: [String: String]
    private let found = Mutex<[String: RuntimeBundle]>([:])

    /// - Parameters:
    ///   - folder: holds a folder for each family of runtimes.
    ///   - aliases: identifier to the identifier that is to serve it.
    /// - Throws: when a data file cannot be read.
    package init(folder: String, aliases: [String: String]) throws {
        var descriptions: [String: (RuntimeDescription, bundle: String)] = [:]
        let root = URL(filePath: folder, directoryHint: .isDirectory)
        for family in try FileManager.default.contentsOfDirectory(at: root, includingPropertiesForKeys: nil) {
            let files =
                (try? FileManager.default.contentsOfDirectory(at: family, includingPropertiesForKeys: nil)) ?? []
            for file in files where file.pathExtension == "json" {
                let description = try RuntimeDescription.read(file)
                descriptions[description.id] = (description, family.path(percentEncoded: false).withoutSlash)
            }
        }
        self.descriptions = descriptions
        self.aliases = aliases
    }

    /// Every identifier that has a data file, with what stands in its way; nil when nothing does.
    package func survey() async -> [(id: String, obstacle: String?)] {
        var survey: [(id: String, obstacle: String?)] = []
        for id in descriptions.keys.sorted() { survey.append((id, await obstacle(to: id))) }
        return survey
    }

    package func obstacle(to runtime: String) async -> String? {
        do throws(RuntimeUnavailable) {
            _ = try await bundle(runtime)
            return nil
        } catch {
            return error.detail
        }
    }

    package func bundle(_ id: String) async throws(RuntimeUnavailable) -> RuntimeBundle {
        if let bundle = found.withLock({ $0[id] }) { return bundle }
        let served = aliases[id] ?? id
        guard let (description, folder) = descriptions[served] else {
            throw RuntimeUnavailable(detail: "there is no \(served).json below the runtimes folder.")
        }
        var values = ["bundle": folder, "entrypoint": description.entrypoints?.first ?? ""]
        if !description.interpreters.isEmpty { values["interpreter"] = try await interpreter(description) }
        if let prepare = description.prepare { _ = await Program.run(prepare.map { $0.filled(values) }) }
        let bundle = RuntimeBundle(
            id: id, arguments: description.arguments.map { $0.filled(values) },
            mounts: description.mounts.map { .init(source: $0.source.filled(values), target: $0.target) },
            variables: description.environment.map { (name: $0.key, value: $0.value.filled(values)) },
            executionEnvironment: description.executionEnvironment, hasFramedLogs: description.framedLogs,
            version: description.runtimeVersion, cell: description.cell,
            bootVariables: description.bootVariables ?? [])
        found.withLock { $0[id] = bundle }
        return bundle
    }

    private func interpreter(_ description: RuntimeDescription) async throws(RuntimeUnavailable) -> String {
        var others: [String] = []
        for path in description.interpreters where FileManager.default.isExecutableFile(atPath: path) {
            guard let command = description.versionCommand, let prefix = description.versionPrefix else { return path }
            let version = await Program.run(command.map { $0.filled(["interpreter": path]) }) ?? "nothing"
            if version.hasPrefix(prefix) { return path }
            others.append("\(path) is \(version.split(separator: "\n").first ?? "")")
        }
        let found = others.isEmpty ? "none of \(description.interpreters) exists" : others.joined(separator: ", ")
        throw RuntimeUnavailable(
            detail: "\(found). Install it, or let another version answer: runtime-map in apus.yaml.")
    }
}

extension String {
    /// Replaces `{name}` by its value.
    fileprivate func filled(_ values: [String: String]) -> String {
        values.reduce(self) { text, entry in text.replacing("{\(entry.key)}", with: entry.value) }
    }

    fileprivate var withoutSlash: String { hasSuffix("/") ? String(dropLast()) : self }
}
