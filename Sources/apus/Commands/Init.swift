import ApusCommand
import ApusServer
import ApusWire
import ArgumentParser
import Foundation

struct Init: Job {
    static let configuration = CommandConfiguration(
        abstract: "Start a function from an example.",
        discussion: """
            Without arguments, lists the examples: one for each language. With one, copies it; its README says how to go on.

            Exit codes: 0 done, 4 there is no such example, or the folder exists.
            """)

    @Argument(help: ArgumentHelp("Such as hello or hello-go.", valueName: "example"))
    var example: String?

    @Argument(help: ArgumentHelp("The folder to make (default: the example's name).", valueName: "dir"))
    var folder: String?

    @Flag(help: "Print JSON.")
    var json = false

    /// What builds leave in an example's folder.
    private static let built = [".build", "target"]

    func prepare() throws -> Work {
        guard let examples = Installation.folder("Examples", with: "hello/app.py") else {
            throw CommandFailure(.local, "the examples are not beside the executable; install Apus again")
        }
        return { if let example { try copy(example, from: examples) } else { try list(examples) } }
    }

    private func list(_ examples: String) throws {
        let all = try names(examples).map { ($0, Self.title(of: "\(examples)/\($0)")) }
        if json {
            Terminal.line(JSON.array(all.map { ["name": .string($0), "title": .string($1)] }).text)
            return
        }
        var table = TextTable(["EXAMPLE", "WHAT IT IS"])
        for (name, title) in all { table.add([name, title]) }
        Terminal.write(table.text(isInteractive: Terminal.isInteractive))
    }

    private func copy(_ example: String, from examples: String) throws {
        guard try names(examples).contains(example) else {
            throw CommandFailure(.local, "there is no example \(example); `apus init` lists them")
        }
        let target = folder ?? example
        guard !FileManager.default.fileExists(atPath: target) else {
            throw CommandFailure(.local, "\(target) exists already; name another folder")
        }
        do {
            try FileManager.default.copyItem(atPath: "\(examples)/\(example)", toPath: target)
            for built in Self.built { try? FileManager.default.removeItem(atPath: "\(target)/\(built)") }
        } catch {
            throw CommandFailure(.local, "\(target) cannot be made: \(error.localizedDescription)")
        }
        let deploy = Self.deployCommand(in: target, example: example)
        if json {
            Terminal.line((["folder": .string(target), "next": .string(deploy)] as JSON).text)
        } else {
            Terminal.line("\(target) made of \(example)\n  next     \(deploy)")
        }
    }

    private func names(_ examples: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: examples)
            .filter { FileManager.default.fileExists(atPath: "\(examples)/\($0)/README.md") }.sorted()
    }

    /// The heading of its README, without the name in front.
    private static func title(of folder: String) -> String {
        let heading = readme(folder).prefix { $0 != "\n" }
        return String(heading.drop { $0 != ":" }.dropFirst().drop { $0 == " " })
    }

    /// As its README has it, for the folder that was made.
    private static func deployCommand(in folder: String, example: String) -> String {
        let line = readme(folder).split(separator: "\n").first { $0.hasPrefix("    apus deploy ") }
        let options = line.map { $0.replacing("    apus deploy Examples/\(example)", with: "") } ?? ""
        return "apus deploy \(folder)\(options)"
    }

    private static func readme(_ folder: String) -> String {
        (try? String(contentsOfFile: "\(folder)/README.md", encoding: .utf8)) ?? ""
    }
}
