import ApusCommand
import ApusShapes
import Testing

struct TextTableTests {
    @Test func columnsLineUpForEyesAndTabsSeparateForPrograms() {
        var table = TextTable(["NAME", "SIZE"])
        table.add(["a", "1 B"])
        table.add(["größer", ""])
        #expect(table.text(isInteractive: true) == "NAME    SIZE\na       1 B\ngrößer\n")
        #expect(table.text(isInteractive: false) == "a\t1 B\ngrößer\t\n")
    }
}

struct QuantityTests {
    @Test(arguments: [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (52_428_800, "50.0 MiB"), (1 << 31, "2.0 GiB")])
    func sizesAreReadable(_ count: Int, _ text: String) { #expect(Quantity.bytes(count) == text) }
}

struct ShellTextTests {
    @Test(arguments: [
        (ShellText.sh, "http://127.0.0.1:4566", "export A=http://127.0.0.1:4566"),
        (.sh, "it's $x", "export A='it'\\''s $x'"),
        (.sh, "", "export A=''"), (.sh, "http://[::1]:1", "export A='http://[::1]:1'"),
        (.fish, "a b", "set -gx A 'a b';"), (.fish, "it's \\", "set -gx A 'it\\'s \\\\';"),
    ])
    func valuesAreQuoted(_ shell: ShellText, _ value: String, _ line: String) {
        #expect(shell.export("A", value) == line)
    }
}

struct LogTailTests {
    private func event(_ id: String, _ time: Int) -> Logs.FilteredLogEvent {
        var event = Logs.FilteredLogEvent()
        event.eventId = id
        event.timestamp = time
        return event
    }

    @Test func eachEventComesOnceAndLateOnesAreNotMissed() {
        var tail = LogTail(start: 0)
        let first = [tail.isNew(event("a", 100_000)), tail.isNew(event("a", 100_000))]
        #expect(first == [true, false])
        tail.advance()
        #expect(tail.start == 90_000)
        let second = [tail.isNew(event("a", 100_000)), tail.isNew(event("late", 95_000))]
        #expect(second == [false, true])
        tail.advance()
        #expect(tail.start == 90_000)
    }

    @Test func nothingMovesWithoutEvents() {
        var tail = LogTail(start: 5)
        tail.advance()
        #expect(tail.start == 5)
    }
}
