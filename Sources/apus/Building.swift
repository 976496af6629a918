import ApusCommand
import ApusServer
import Foundation

/// Runs a project's build and holds what came of it until it is let go of.
final class Building {
    /// The folder to be packed.
    let artifacts: String
    private let project: String

    /// - Throws: what the build lacks or how it ended; its own words are on standard error by then.
    init(_ build: ProjectBuild, of project: String) throws(CommandFailure) {
        self.project = project
        artifacts = FileManager.default.temporaryDirectory.appending(path: "apus-build-\(UUID().uuidString)").path
        do {
            try FileManager.default.createDirectory(atPath: artifacts, withIntermediateDirectories: true)
        } catch {
            throw CommandFailure(.local, "no folder for the build can be made: \(error.localizedDescription)")
        }
        Terminal.progress("building with \(build.tool)")
        var variables = ProcessInfo.processInfo.environment
        variables["ARTIFACTS_DIR"] = artifacts
        variables["APUS_RUNTIMES"] = Installation.folder("Runtimes", with: "python")
        if let question = build.question { variables["PRODUCT"] = try ProjectBuild.product(in: try answer(question)) }
        try run(["/bin/sh", "-ec", build.script], variables, of: build.tool)
    }

    deinit { try? FileManager.default.removeItem(atPath: artifacts) }

    private func run(_ command: [String], _ variables: [String: String], of tool: String) throws(CommandFailure) {
        let process = process(command)
        process.environment = variables
        // Standard output is the command's own, which may be JSON.
        process.standardOutput = FileHandle.standardError
        try start(process, tool)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw CommandFailure(
                .local, "the build with \(tool) failed with status \(process.terminationStatus); its messages are above"
            )
        }
    }

    private func answer(_ question: [String]) throws(CommandFailure) -> [UInt8] {
        let process = process(["/usr/bin/env"] + question)
        let output = Pipe()
        process.standardOutput = output
        try start(process, question[0])
        let answer = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Array(answer)
    }

    private func process(_ command: [String]) -> Process {
        let process = Process()
        process.executableURL = URL(filePath: command[0])
        process.arguments = Array(command.dropFirst())
        process.currentDirectoryURL = URL(filePath: project)
        return process
    }

    private func start(_ process: Process, _ tool: String) throws(CommandFailure) {
        do {
            try process.run()
        } catch {
            throw CommandFailure(.local, "\(tool) could not be started: \(error.localizedDescription)")
        }
    }
}
