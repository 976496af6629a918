import ApusCommand
import ApusWire
import ArgumentParser

struct Config: Job {
    static let configuration = CommandConfiguration(
        abstract: "Show which settings are in force, and whence.",
        discussion: """
            In the file the names are those of the flags, one `name: value` a line; runtime-map is a mapping there, such as \
            `python3.12: python3.11`. In the environment idle-timeout is APUS_IDLE_TIMEOUT, and so on.

            Exit codes: 0 done, 4 a setting cannot be used.
            """)

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var options: SettingOptions

    func prepare() throws -> Work {
        let settings = try options.resolve()
        return {
            if json {
                let rows = settings.origins.map { row -> JSON in
                    ["key": .string(row.key.rawValue), "value": .string(row.value), "origin": .string("\(row.origin)")]
                }
                Terminal.line(JSON.array(rows).text)
            } else {
                var table = TextTable(["SETTING", "VALUE", "FROM"])
                for row in settings.origins { table.add([row.key.rawValue, row.value, row.origin.description]) }
                Terminal.write(table.text(isInteractive: Terminal.isInteractive))
            }
        }
    }
}
