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

    /// Programs that the operator has named, by identifier.
    private let interpreters: [String: String]
    private let searches = Mutex<[String: Task<Result<RuntimeBundle, RuntimeUnavailable>, Never>]>([:])

    /// - Parameters:
    ///   - folder: holds a folder for each family of runtimes.
    ///   - aliases: identifier to the identifier that is to serve it.
    ///   - interpreters: identifier to the program that is to run it, `PREFIX/bin/NAME`.
    /// - Throws: when a data file cannot be read.
    package init(folder: String, aliases: [String: String] = [:], interpreters: [String: String] = [:]) throws {
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
        self.interpreters = interpreters
    }

    /// The folders of programs that sandboxes do not show by themselves, and so have to be mounted.
    var prefixes: Set<String> {
        Set(descriptions.values.flatMap { candidates($0.0) }.filter(\.isThere).compactMap(\.prefix))
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

    /// The first who asks looks for it; who comes meanwhile waits for the same.
    package func bundle(_ id: String) async throws(RuntimeUnavailable) -> RuntimeBundle {
        let served = aliases[id] ?? id
        let search = searches.withLock { searches in
            if let search = searches[served] { return search }
            let search = Task { await self.search(served) }
            searches[served] = search
            return search
        }
        let result = await search.value
        if case .failure = result {
            // What is missing may be installed later.
            searches.withLock { $0[served] = nil }
        }
        return try result.get().serving(id)
    }

    private func search(_ id: String) async -> Result<RuntimeBundle, RuntimeUnavailable> {
        do throws(RuntimeUnavailable) {
            return .success(try await find(id))
        } catch {
            return .failure(error)
        }
    }

    private func find(_ id: String) async throws(RuntimeUnavailable) -> RuntimeBundle {
        guard let (description, folder) = descriptions[id] else {
            throw RuntimeUnavailable(detail: "there is no \(id).json below the runtimes folder.")
        }
        var values = ["bundle": folder, "entrypoint": description.entrypoints?.first ?? ""]
        var mounts = description.mounts.map { ($0.source.filled(values), $0.target) }.map(
            SandboxSpecification.Mount.init)
        if !description.interpreters.isEmpty {
            let interpreter = try await interpreter(description)
            values["interpreter"] = interpreter.path
            mounts += interpreter.mounts
            if let prepare = description.prepare {
                _ = await Program.run(prepare.map { $0.filled(values) }, keepsOutput: false)
            }
            if let product = description.product,
                !FileManager.default.isReadableFile(atPath: product.file.filled(values))
            {
                throw RuntimeUnavailable(
                    detail: "\(product.file.filled(values)) has not been made. It takes \(product.needs).")
            }
            values["interpreter"] = interpreter.pathInside
        }
        return RuntimeBundle(
            id: id, arguments: description.arguments.map { $0.filled(values) },
            mounts: mounts,
            variables: description.environment.map { (name: $0.key, value: $0.value.filled(values)) },
            executionEnvironment: description.executionEnvironment, hasFramedLogs: description.framedLogs,
            version: description.runtimeVersion, cell: description.cell,
            bootVariables: description.bootVariables ?? [], entrypoints: description.entrypoints ?? [])
    }

    private func candidates(_ description: RuntimeDescription) -> [Interpreter] {
        (interpreters[description.id].map { [$0] } ?? description.interpreters).map(Interpreter.init)
    }

    private func interpreter(_ description: RuntimeDescription) async throws(RuntimeUnavailable) -> Interpreter {
        let candidates = candidates(description)
        var others: [String] = []
        for interpreter in candidates where interpreter.isThere {
            guard let command = description.versionCommand, let prefix = description.versionPrefix else {
                return interpreter
            }
            let version = await Program.run(command.map { $0.filled(["interpreter": interpreter.path]) }) ?? "nothing"
            if version.hasPrefix(prefix) { return interpreter }
            others.append("\(interpreter.path) is \(version.split(separator: "\n").first ?? "")")
        }
        let paths = candidates.map(\.path).joined(separator: ", ")
        let found = others.isEmpty ? "none of \(paths) exists" : others.joined(separator: ", ")
        throw RuntimeUnavailable(
            detail: "\(found). Install it, name its program with --interpreters \(description.id)=PATH, "
                + "or let another version answer: runtime-map in apus.yaml.")
    }
}

extension String {
    /// Replaces `{name}` by its value.
    fileprivate func filled(_ values: [String: String]) -> String {
        values.reduce(self) { text, entry in text.replacing("{\(entry.key)}", with: entry.value) }
    }

    fileprivate var withoutSlash: String { hasSuffix("/") ? String(dropLast()) : self }
}
