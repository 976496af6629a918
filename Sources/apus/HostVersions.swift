import ApusCommand
import Foundation

/// The languages of this host, as a guess at what the server has: those in the places that it looks in, not those that only
/// this user's PATH leads to.
enum HostVersions {
    static func find(for project: ProjectFolder) -> ProjectGuess.Versions {
        let pythons = (10...14).reversed().map { "python3.\($0)" }
        let python = pythons.first { find($0) != nil } ?? "python3.13"
        // Node tells its version only when it is run.
        let isNode = project.files.contains { $0.hasSuffix(".js") || $0.hasSuffix(".mjs") || $0.hasSuffix(".cjs") }
        let major = isNode ? nodeMajor() : nil
        return ProjectGuess.Versions(
            python: python, node: major.map { "nodejs\($0).x" } ?? "nodejs22.x", ruby: "ruby3.4")
    }

    private static func nodeMajor() -> Int? {
        guard let node = find("node") else { return nil }
        let process = Process()
        process.executableURL = URL(filePath: node)
        process.arguments = ["--version"]
        let output = Pipe()
        process.standardOutput = output
        guard (try? process.run()) != nil else { return nil }
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        // As in `v22.11.0`; odd majors are no runtimes.
        return Int(text.dropFirst().prefix { $0.isNumber }).flatMap { $0 >= 20 && $0 % 2 == 0 ? $0 : nil }
    }

    private static func find(_ program: String) -> String? {
        let places = ["/usr/bin/\(program)", "/usr/local/bin/\(program)", "/opt/\(program)/bin/\(program)"]
        return places.first { access($0, X_OK) == 0 }
    }
}
