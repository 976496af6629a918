import ApusCommand
import ApusShapes
import ApusWire
import ArgumentParser

struct Invoke: ClientJob {
    static let configuration = CommandConfiguration(
        abstract: "Call a function and print what it answers.",
        discussion: """
            The answer goes to standard output. When the function failed, its error goes to standard error too.

            Exit codes: 0 done, 1 the function answered with an error, 2 the server refused the call, 3 nothing answered.
            """)

    @Argument(help: "The function's name or ARN.")
    var name: String

    @Option(help: ArgumentHelp("The event: JSON, @FILE, or - for standard input.", valueName: "json|@file|-"))
    var payload = "{}"

    @Flag(name: .customLong("async"), help: "Queue the event and do not wait for the function.")
    var isAsynchronous = false

    @Flag(help: "Print the answer as it comes.")
    var stream = false

    @Flag(help: "Print the end of the function's log to standard error.")
    var log = false

    @Option(help: "A version or an alias.")
    var qualifier: String?

    @OptionGroup var client: ClientOptions

    func validate() throws {
        if stream, isAsynchronous { throw ValidationError("--stream and --async exclude each other") }
        if stream, client.json { throw ValidationError("--stream prints the answer as it is, which --json cannot") }
    }

    func perform(_ context: ClientContext) async throws {
        if stream { return try await performStream(context) }
        let response = try await context.call(
            Lambda.invoke,
            .init(
                functionName: name, invocationType: isAsynchronous ? "Event" : "RequestResponse",
                logType: log && !isAsynchronous ? "Tail" : nil, payload: try event(), qualifier: qualifier),
            // A function may run for 15 minutes.
            timeout: .seconds(isAsynchronous ? 60 : 930))
        let answer = response.payload ?? []
        let tail = response.logResult.flatMap { Base64.decode($0) }.map { String(decoding: $0, as: UTF8.self) }
        if context.isJSON {
            let object = ClientContext.object([
                ("status", response.statusCode.json), ("version", response.executedVersion.json),
                ("functionError", response.functionError.json),
                ("payload", answer.isEmpty ? nil : (try? JSON(parsing: answer)) ?? .string(text(answer))),
                ("log", tail.json),
            ])
            Terminal.line(object.text)
        } else {
            if let tail { Terminal.note(String(tail.trimmed)) }
            if isAsynchronous {
                Terminal.progress("accepted; `apus logs \(name) --follow` shows what it does")
            } else {
                Terminal.write(answer + (answer.last == UInt8(ascii: "\n") ? [] : [UInt8(ascii: "\n")]))
            }
        }
        if let kind = response.functionError { throw failure(kind, answer) }
    }

    private func performStream(_ context: ClientContext) async throws {
        var input: [String: ShapeValue] = ["FunctionName": .string(name), "Payload": .blob(try event())]
        if log { input["LogType"] = .string("Tail") }
        if let qualifier { input["Qualifier"] = .string(qualifier) }
        let end = try await context.api.streamInvocation(input, timeout: .seconds(930)) {
            Terminal.write($0)
        }
        if let tail = end.logResult.flatMap({ Base64.decode($0) }) { Terminal.note(String(text(tail).trimmed)) }
        if let code = end.errorCode { throw failure(code, Array((end.errorDetails ?? "").utf8)) }
    }

    private func event() throws(CommandFailure) -> [UInt8] {
        do throws(LocalFileError) {
            if payload == "-" { return try LocalFile.standardInput() }
            if payload.hasPrefix("@") { return try LocalFile.read(String(payload.dropFirst())) }
            return Array(payload.utf8)
        } catch {
            throw CommandFailure(.local, "the payload \(payload) cannot be read: \(error.reason)")
        }
    }

    private func failure(_ kind: String, _ answer: [UInt8]) -> CommandFailure {
        let error = try? JSON(parsing: answer)
        let what = [error?["errorType"]?.string, error?["errorMessage"]?.string].compactMap { $0 }
        let reason = what.isEmpty ? kind : what.joined(separator: ": ")
        return CommandFailure(.negative, "\(name) failed: \(reason)\(log ? "" : " (--log shows its log)")")
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
