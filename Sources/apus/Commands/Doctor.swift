import ApusCommand
import ApusSandbox
import ApusServer
import ApusWire
import ArgumentParser

struct Doctor: Job {
    static let configuration = CommandConfiguration(
        abstract: "Show what this host offers to run functions in, and what is missing.",
        discussion: "Exit codes: 0 when everything needed is there, 1 when something is missing.")

    @OptionGroup var options: SettingOptions

    @Flag(help: "Print JSON.")
    var json = false

    func prepare() throws -> Work {
        let diagnosis = Diagnosis(ServerSettings(try options.resolve()))
        return { try report(diagnosis.probes, await diagnosis.runtimes()) }
    }

    private func report(_ probes: [Probe], _ runtimes: [(id: String, obstacle: String?)]) throws {
        let isFine = probes.allSatisfy { $0.result != .missing }
        if json {
            let features = probes.map { probe -> JSON in
                [
                    "feature": .string(probe.feature), "result": .string("\(probe.result)"),
                    "detail": .string(probe.detail),
                ]
            }
            let languages = runtimes.map { runtime -> JSON in
                [
                    "runtime": .string(runtime.id), "available": .bool(runtime.obstacle == nil),
                    "detail": .string(runtime.obstacle ?? ""),
                ]
            }
            Terminal.line(
                (["ok": .bool(isFine), "probes": .array(features), "runtimes": .array(languages)] as JSON).text)
        } else {
            var table = TextTable(["FEATURE", "RESULT", "DETAIL"])
            for probe in probes { table.add([probe.feature, "\(probe.result)", probe.detail]) }
            for (id, obstacle) in runtimes {
                table.add(["runtime \(id)", obstacle == nil ? "present" : "missing", obstacle ?? ""])
            }
            Terminal.write(table.text(isInteractive: Terminal.isInteractive))
        }
        if !isFine { throw CommandFailure(.negative, "something needed is missing; the lines above say what to do") }
    }
}
