package import ApusEngine
package import ApusModel
import ApusSandbox
import Synchronization

/// Keeps what environments log.
package final class RecordingLog: LogWriter {
    package struct Entry: Sendable {
        package var destination: LogDestination
        package var time: Timestamp
        package var text: String
    }

    package let entries = Watched<[Entry]>([])

    /// How many times lines were handed over.
    package let blocks = Watched(0)

    /// Lines are taken in any case; false asks the writer to slow down.
    package let hasRoom = Watched(true)

    package init() {}

    package func write(_ block: LogBlock, to destination: LogDestination) -> Bool {
        let lines = block.lines.map { line in
            Entry(destination: destination, time: line.time, text: String(decoding: line.bytes, as: UTF8.self))
        }
        blocks.change { $0 += 1 }
        entries.change { $0 += lines }
        return hasRoom.value
    }

    package var texts: [String] { entries.value.map(\.text) }

    /// Returns when a line that contains `part` has been written for the `count`th time.
    package func wait(for part: String, count: Int = 1) async throws {
        // Each line is looked at once, however many come.
        let search = Mutex((index: 0, found: 0))
        try await entries.wait(for: "a log line with '\(part)'") { entries in
            search.withLock { search in
                search.found += entries[search.index...].count { $0.text.contains(part) }
                search.index = entries.count
                return search.found >= count
            }
        }
    }
}

/// Knows the runtimes that it is given.
package struct StubRuntimes: RuntimeDirectory {
    package var bundles: [String: RuntimeBundle]

    package init(_ bundles: [RuntimeBundle] = [.scripted]) {
        self.bundles = Dictionary(uniqueKeysWithValues: bundles.map { ($0.id, $0) })
    }

    package func bundle(_ id: String) async throws(RuntimeUnavailable) -> RuntimeBundle {
        guard let bundle = bundles[id] else { throw RuntimeUnavailable(detail: "\(id) is not installed") }
        return bundle
    }
}

extension RuntimeBundle {
    package static let scripted = scripted(cell: nil)

    package static func scripted(cell: Cell?) -> RuntimeBundle {
        RuntimeBundle(
            id: "python3.11", arguments: ["/var/runtime/bootstrap"], mounts: [],
            variables: [("PYTHONPATH", "/var/runtime"), ("LANG", "C.UTF-8")],
            executionEnvironment: "AWS_Lambda_python3.11", hasFramedLogs: true, version: "python:3.11.v1", cell: cell,
            bootVariables: ["PYTHON"])
    }
}

/// Has every package, or none.
package final class StubCode: CodeSource {
    private let error: CodeError?
    private let layerFolder: String?

    /// How many directories are in use.
    package let inUse = Watched(0)

    /// - Parameter layerFolder: the merged layers, which have extensions; nil for layers without.
    package init(failingWith error: CodeError? = nil, layerFolder: String? = nil) {
        self.error = error
        self.layerFolder = layerFolder
    }

    package func tree(_ code: CodeReference) async throws(CodeError) -> CodeTree {
        if let error { throw error }
        inUse.change { $0 += 1 }
        return CodeTree(path: "/code/\(code.sha256.prefix(8))") { [inUse] in inUse.change { $0 -= 1 } }
    }

    package func layers(_ layers: [CodeReference]) async throws(CodeError) -> LayerTree {
        if let error { throw error }
        inUse.change { $0 += 1 }
        let path = layerFolder ?? "/code/" + layers.map { String($0.sha256.prefix(8)) }.joined(separator: "+")
        return LayerTree(
            files: CodeTree(path: path) { [inUse] in inUse.change { $0 -= 1 } },
            hasExtensions: layerFolder != nil)
    }
}

/// Numbers the sessions it issues.
package final class StubCredentials: ExecutionCredentialIssuer {
    package let issued = Watched<[String]>([])
    package let revoked = Watched<[String]>([])

    package init() {}

    package func issue(role: String, function: FunctionKey, environment: String) -> ExecutionCredentials {
        let id = issued.change { issued in
            issued.append("ASIA\(issued.count + 1)")
            return issued.last!
        }
        return ExecutionCredentials(accessKeyID: id, secretAccessKey: "secret-\(id)", sessionToken: "token-\(id)")
    }

    package func revoke(_ credentials: ExecutionCredentials) { revoked.change { $0.append(credentials.accessKeyID) } }
}
