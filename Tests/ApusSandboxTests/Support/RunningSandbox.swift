import ApusSandbox
import Foundation
import Glibc
import Synchronization
import Testing

/// A started environment with its descriptors, read with deadlines.
final class RunningSandbox: Sendable {
    let sandbox: any Sandbox
    let descriptors: SandboxDescriptors
    private let pending = Mutex<[UInt8]>([])
    private let closed = Mutex(false)

    init(_ sandbox: any Sandbox) {
        self.sandbox = sandbox
        descriptors = sandbox.takeDescriptors()
    }

    /// The next line that the program writes.
    func line() async throws -> String {
        while true {
            let line = pending.withLock { pending -> String? in
                guard let end = pending.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
                defer { pending.removeSubrange(...end) }
                return String(decoding: pending[..<end], as: UTF8.self)
            }
            if let line { return line }
            let output = descriptors.output
            let more = try await offload { try Pipe.read(output, deadline: 30) }
            pending.withLock { $0 += more }
        }
    }

    /// Waits for the end of the program and returns what it wrote up to then.
    func finish() async throws -> (exit: SandboxExit, output: String) {
        let exit = try await self.exit()
        let rest = Pipe.drain(descriptors.output)
        let output = pending.withLock { pending in
            defer { pending = [] }
            return pending + rest
        }
        return (exit, String(decoding: output, as: UTF8.self))
    }

    func exit() async throws -> SandboxExit {
        let sandbox = self.sandbox
        return try await within("exit of \(sandbox.id)") { await sandbox.waitForExit() }
    }

    func expect(line expected: String, at location: SourceLocation = #_sourceLocation) async throws {
        let found = try await line()
        #expect(found == expected, sourceLocation: location)
    }

    func expect(exit expected: SandboxExit.Cause, at location: SourceLocation = #_sourceLocation) async throws {
        let found = try await exit().cause
        #expect(found == expected, sourceLocation: location)
    }

    /// The next connection to the Runtime API, blocking; the caller closes it.
    func accept() async throws -> Int32 {
        let listener = descriptors.runtimeAPI
        return try await offload {
            try Pipe.wait(listener, deadline: 30)
            let connection = Glibc.accept(listener, nil, nil)
            if connection < 0 { throw DeadlineMissed(description: "accept: errno \(errno)") }
            return connection
        }
    }

    /// Closes the environment and the descriptors that were taken from it.
    func close() async {
        if closed.withLock({ closed in
            defer { closed = true }
            return closed
        }) {
            return
        }
        await sandbox.close()
        let own = [descriptors.runtimeAPI, descriptors.platformAPI, descriptors.output, descriptors.telemetry]
        for descriptor in own.compactMap(\.self) { Glibc.close(descriptor) }
    }
}

/// Descriptors read with a deadline.
enum Pipe {
    static func wait(_ descriptor: Int32, deadline seconds: Int32) throws {
        var event = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while true {
            let count = poll(&event, 1, seconds * 1000)
            if count > 0 { return }
            if count == 0 { throw DeadlineMissed(description: "nothing to read within \(seconds) s") }
            if errno != EINTR { throw DeadlineMissed(description: "poll: errno \(errno)") }
        }
    }

    /// At least one byte, or none at the end.
    static func read(_ descriptor: Int32, deadline seconds: Int32) throws -> [UInt8] {
        try wait(descriptor, deadline: seconds)
        return once(descriptor)
    }

    /// What a non-blocking descriptor holds now.
    static func drain(_ descriptor: Int32) -> [UInt8] {
        var all: [UInt8] = []
        while case let more = once(descriptor), !more.isEmpty { all += more }
        return all
    }

    private static func once(_ descriptor: Int32) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = Glibc.read(descriptor, &buffer, buffer.count)
        return Array(buffer.prefix(max(0, count)))
    }
}
