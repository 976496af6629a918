import ApusSandbox
import Dispatch
import Foundation
import Synchronization

extension ScriptedRuntime {
    /// Plays the program that starts the others (Sources/CApusLauncher/programs.h), until it is killed.
    ///
    /// - Parameter program: plays each of them, on a thread of its own; returns its exit code.
    package func supervise(_ program: @escaping @Sendable (ScriptedProcess) throws -> Int32) throws -> Int32 {
        let names = specification.arguments.dropFirst(2).prefix { $0 != "--" }.map {
            String($0.split(separator: "/").last!)
        }
        let running = Mutex<[Int: ScriptedProcess]>([:])
        let server = try open()
        defer { running.withLock { $0 }.values.forEach { $0.kill() } }
        try server.send("GET /apus/programs HTTP/1.1\r\n\r\n")
        var orders = ""
        while case let bytes = try server.read(), !bytes.isEmpty {
            orders += String(decoding: bytes, as: UTF8.self)
            while let end = orders.firstIndex(of: "\n") {
                let words = orders[..<end].split(separator: " ")
                orders = String(orders[orders.index(after: end)...])
                let number = Int(words[1])!
                switch words[0] {
                case "run":
                    let process = ScriptedProcess(number == 0 ? "runtime" : names[number - 1], port: port)
                    running.withLock { $0[number] = process }
                    Thread.detachNewThread {
                        let code = (try? program(process)) ?? 1
                        process.disconnect()
                        try? server.send(process.isKilled ? "killed \(number) 9\n" : "exited \(number) \(code)\n")
                    }
                case "terminate": running.withLock { $0[number] }?.terminate()
                default: running.withLock { $0[number] }?.kill()
                }
            }
        }
        return 0
    }
}

/// One of several processes of a scripted environment: the runtime or an external extension.
package final class ScriptedProcess: Sendable {
    /// `runtime`, or the name of the executable.
    package let name: String
    private let port: UInt16
    private let connection = Mutex<LoopbackConnection?>(nil)
    private let killed = Atomic<Bool>(false)
    private let signal = DispatchSemaphore(value: 0)

    package init(_ name: String, port: UInt16) {
        self.name = name
        self.port = port
    }

    package var isKilled: Bool { killed.load(ordering: .acquiring) }

    package func call(
        _ method: String, _ path: String, headers: [(name: String, value: String)] = [], body: String = ""
    ) throws -> LoopbackConnection.Reply {
        let connection = try connection.withLock { connection in
            if connection == nil { connection = try LoopbackConnection(port: port, timeout: nil) }
            return connection!
        }
        return try connection.call(method, path, headers: headers, body: Array(body.utf8))
    }

    /// Registers for events, a JSON list.
    ///
    /// - Returns: the identifier.
    package func register(_ events: String) throws -> String {
        try call(
            "POST", "/2020-01-01/extension/register", headers: [("Lambda-Extension-Name", name)],
            body: #"{"events":\#(events)}"#
        ).headers["lambda-extension-identifier"] ?? ""
    }

    /// Waits for an event.
    package func event(_ identifier: String) throws -> String {
        try call("GET", "/2020-01-01/extension/event/next", headers: [("Lambda-Extension-Identifier", identifier)]).text
    }

    /// Works as a runtime does.
    package func serve(_ handler: (String) throws -> String) throws -> Never {
        while true {
            let event = try call("GET", "/2018-06-01/runtime/invocation/next")
            let id = event.headers["lambda-runtime-aws-request-id"] ?? ""
            _ = try call("POST", "/2018-06-01/runtime/invocation/\(id)/response", body: try handler(event.text))
        }
    }

    /// Returns when it was told to end, or was killed.
    package func waitForSignal() { signal.wait() }

    func terminate() { signal.signal() }

    func kill() {
        killed.store(true, ordering: .releasing)
        signal.signal()
        disconnect()
    }

    func disconnect() { connection.withLock { $0 }?.disconnect() }
}
