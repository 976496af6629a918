import ApusEngine
import ApusServer
import Foundation
import Testing

struct RuntimeCatalogTests {
    /// A runtime whose `prepare` makes the file that it cannot do without, or does not.
    private func catalog(prepare: String) throws -> RuntimeCatalog {
        let folder = FileManager.default.temporaryDirectory.appending(path: "runtimes-\(UUID().uuidString)")
        let family = folder.appending(path: "family")
        try FileManager.default.createDirectory(at: family, withIntermediateDirectories: true)
        let description = """
            {"id": "id", "family": "family", "interpreters": ["/bin/sh"], "prepare": ["/bin/sh", "-c", "\(prepare)"],
             "product": {"file": "{bundle}/made", "needs": "a compiler"}, "mounts": [], "arguments": ["{interpreter}"],
             "environment": {}, "executionEnvironment": null, "framedLogs": false, "runtimeVersion": "id:1"}
            """
        try Data(description.utf8).write(to: family.appending(path: "id.json"))
        return try RuntimeCatalog(folder: folder.path(percentEncoded: false))
    }

    @Test func whatHasToBeMadeIsMadeBeforeTheFirstUse() async throws {
        let bundle = try await catalog(prepare: "touch {bundle}/made").bundle("id")
        #expect(bundle.arguments == ["/bin/sh"])
    }

    @Test func withoutItTheRuntimeIsNotAvailableAndSaysWhatItTakes() async throws {
        let obstacle = try await catalog(prepare: "exit 1").obstacle(to: "id")
        #expect(obstacle?.hasSuffix("/family/made has not been made. It takes a compiler.") == true)
    }
}
