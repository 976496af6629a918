package import ApusSandbox
import Dispatch
import Glibc
import Synchronization

/// The runtime process of a scripted environment: a thread that speaks the Runtime API over a real socket.
package final class ScriptedRuntime: Sendable {
    package struct Event: Sendable {
        package var id: String
        package var headers: [String: String]
        package var body: String
    }

    /// Ends the process in another way than by returning.
    package struct Exit: Error {
        package var cause: SandboxExit.Cause
        package var outOfMemory: Bool

        package init(_ cause: SandboxExit.Cause, outOfMemory: Bool = false) {
            self.cause = cause
            self.outOfMemory = outOfMemory
        }
    }

    private static let invocations = "/2018-06-01/runtime/invocation"

    package let specification: SandboxSpecification

    /// 1 for the first process of its environment, 2 for the one after a restart.
    package let process: Int

    package let port: UInt16
    private let output: Int32
    private let telemetry: Int32
    private let connection = Mutex<LoopbackConnection?>(nil)
    private let killed = Atomic<Bool>(false)
    private let death = DispatchSemaphore(value: 0)

    init(specification: SandboxSpecification, process: Int, port: UInt16, output: Int32, telemetry: Int32) {
        self.specification = specification
        self.process = process
        self.port = port
        self.output = output
        self.telemetry = telemetry
    }

    package var isKilled: Bool { killed.load(ordering: .acquiring) }

    // MARK: The Runtime API

    /// Waits for an event.
    package func next() throws -> Event {
        let reply = try call("GET", "\(Self.invocations)/next")
        guard reply.status == 200 else { throw Exit(.code(90)) }
        return Event(
            id: reply.headers["lambda-runtime-aws-request-id"] ?? "", headers: reply.headers, body: reply.text)
    }

    /// - Returns: the status of the answer.
    @discardableResult
    package func respond(_ event: Event, _ body: String) throws -> Int {
        try call("POST", "\(Self.invocations)/\(event.id)/response", body: Array(body.utf8)).status
    }

    @discardableResult
    package func fail(_ event: Event, type: String, _ body: String) throws -> Int {
        try call(
            "POST", "\(Self.invocations)/\(event.id)/error",
            headers: [("Lambda-Runtime-Function-Error-Type", type)], body: Array(body.utf8)
        ).status
    }

    @discardableResult
    package func failInit(type: String, _ body: String) throws -> Int {
        try call(
            "POST", "/2018-06-01/runtime/init/error", headers: [("Lambda-Runtime-Function-Error-Type", type)],
            body: Array(body.utf8)
        ).status
    }

    /// Waits to be forked, as a template does, until it is killed.
    package func awaitRestore() throws -> Never {
        _ = try call("GET", "/2018-06-01/runtime/restore/next")
        throw Exit(.code(91))
    }

    /// The value of a variable; empty when it is not set.
    package func variable(_ name: String) -> String {
        specification.variables.first { $0.name == name }?.value ?? ""
    }

    /// Answers every event with what `handler` makes of it, until it is killed.
    package func serve(_ handler: (Event) throws -> String) throws -> Int32 {
        while true {
            let event = try next()
            try respond(event, handler(event))
        }
    }

    package func call(
        _ method: String, _ path: String, headers: [(name: String, value: String)] = [], body: [UInt8] = []
    ) throws -> LoopbackConnection.Reply {
        try open().call(method, path, headers: headers, body: body)
    }

    // MARK: Streamed answers

    package func beginStream(_ event: Event, contentType: String = "text/plain") throws {
        try open().send(
            "POST \(Self.invocations)/\(event.id)/response HTTP/1.1\r\nContent-Type: \(contentType)\r\n"
                + "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\r\n")
    }

    /// - Parameter bytes: at least one.
    package func stream(_ bytes: [UInt8]) throws {
        try open().send(Array("\(String(bytes.count, radix: 16))\r\n".utf8) + bytes + Array("\r\n".utf8))
    }

    package func stream(_ text: String) throws { try stream(Array(text.utf8)) }

    /// - Parameter trailers: lines.
    /// - Returns: the status of the answer.
    @discardableResult
    package func endStream(trailers: [String] = []) throws -> Int {
        let connection = try open()
        try connection.send("0\r\n" + trailers.map { "\($0)\r\n" }.joined() + "\r\n")
        return try connection.reply().status
    }

    func open() throws -> LoopbackConnection {
        let connection = try connection.withLock { connection in
            if connection == nil { connection = try LoopbackConnection(port: port, timeout: nil) }
            return connection!
        }
        if isKilled { throw Exit(.signal(SIGKILL)) }
        return connection
    }

    // MARK: Output

    /// Writes to standard output.
    package func print(_ text: String) { write(Array(text.utf8), to: output) }

    /// Writes to the framed log channel.
    package func printRaw(telemetry bytes: [UInt8]) { write(bytes, to: telemetry) }

    private func write(_ bytes: [UInt8], to descriptor: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    // MARK: Its end

    /// Does nothing more until it is killed.
    package func hang() throws -> Never {
        death.wait()
        throw Exit(.signal(SIGKILL))
    }

    /// Returns when it was asked to end, or was killed.
    package func waitForSignal() { death.wait() }

    func terminate() { death.signal() }

    func kill() {
        if killed.exchange(true, ordering: .acquiringAndReleasing) { return }
        death.signal()
        connection.withLock { $0 }?.disconnect()
    }

    func disconnect() {
        connection.withLock { connection in
            connection?.disconnect()
            connection = nil
        }
    }
}
