import ApusCommand
import ApusModel
import ApusShapes
import ApusWire
import ArgumentParser

struct Logs: ClientJob {
    static let configuration = CommandConfiguration(
        abstract: "Print what a function has logged.",
        discussion: """
            With --json each event is a line of its own.

            Exit codes: 0 done, 2 the server refused the request, 3 nothing answered.
            """)

    @Argument(help: "The function's name.")
    var name: String

    @Flag(name: .shortAndLong, help: "Go on as more is logged, until interrupted.")
    var follow = false

    @Option(help: ArgumentHelp("How far back to begin, such as 90s, 10m, 2h or 1d.", valueName: "duration"))
    var since = "10m"

    @OptionGroup var client: ClientOptions

    func validate() throws {
        guard DurationText.parse(since) != nil else {
            throw ValidationError("--since \(since) must look like 90s, 10m or 2h")
        }
    }

    func perform(_ context: ClientContext) async throws {
        let group = try await context.configuration(of: name)?.loggingConfig?.logGroup ?? "/aws/lambda/\(name)"
        let now = SystemTime().wall
        var tail = LogTail(start: Int(now.milliseconds) - milliseconds(DurationText.parse(since) ?? .zero))
        var isPrinted = false
        while true {
            for event in try await events(of: group, from: tail.start, context) where tail.isNew(event) {
                print(event, isJSON: context.isJSON)
                isPrinted = true
            }
            guard follow, !Terminal.isDeserted else { break }
            tail.advance()
            try await Task.sleep(for: .milliseconds(500))
        }
        if !isPrinted { Terminal.progress("\(name) has logged nothing in the last \(since)") }
    }

    private func events(
        of group: String, from start: Int, _ context: ClientContext
    ) async throws(CommandFailure) -> [ApusShapes.Logs.FilteredLogEvent] {
        var events: [ApusShapes.Logs.FilteredLogEvent] = []
        var token: String?
        repeat {
            do throws(CommandFailure) {
                let page = try await context.api.call(
                    ApusShapes.Logs.filterLogEvents, of: ApusShapes.Logs.model,
                    .init(logGroupName: group, startTime: start, nextToken: token))
                events += page.events ?? []
                token = page.nextToken
            } catch {
                // A function that was never called has no group yet.
                guard error.code == "ResourceNotFoundException" else { throw error }
                return []
            }
        } while token != nil
        return events
    }

    private func print(_ event: ApusShapes.Logs.FilteredLogEvent, isJSON: Bool) {
        let time = Timestamp(milliseconds: Int64(event.timestamp ?? 0)).civil.iso8601
        let message = event.message ?? ""
        if isJSON {
            let object = ClientContext.object([
                ("time", .string(time)), ("timestamp", event.timestamp.json), ("message", .string(message)),
                ("stream", event.logStreamName.json), ("id", event.eventId.json),
            ])
            Terminal.line(object.text)
        } else {
            let line = message.hasSuffix("\n") ? String(message.dropLast()) : message
            Terminal.line("\(Terminal.dimmed(time)) \(line)")
        }
    }

    private func milliseconds(_ duration: Duration) -> Int { Int(duration.components.seconds) * 1000 }
}
