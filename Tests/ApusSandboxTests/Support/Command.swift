import Foundation

/// A program of the host, run by a test.
struct Command {
    private let path: String
    private let arguments: [String]

    init(_ path: String, _ arguments: [String]) {
        self.path = path
        self.arguments = arguments
    }

    /// Runs it to its end.
    func output() throws -> String {
        let running = try start()
        let text = String(decoding: running.output.readDataToEndOfFile(), as: UTF8.self)
        running.process.waitUntilExit()
        if running.process.terminationStatus != 0 {
            throw DeadlineMissed(description: "\(path) \(arguments): status \(running.process.terminationStatus)")
        }
        return text
    }

    func run() throws { _ = try output() }

    /// Starts it with pipes for input and output.
    func start() throws -> Running {
        let (input, output) = (Foundation.Pipe(), Foundation.Pipe())
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        return Running(process: process, input: input.fileHandleForWriting, output: output.fileHandleForReading)
    }

    struct Running {
        let process: Process
        let input: FileHandle
        let output: FileHandle

        /// The next line of its output; empty at the end.
        func line() throws -> String {
            var text: [UInt8] = []
            while true {
                try Pipe.wait(output.fileDescriptor, deadline: 30)
                let byte = output.readData(ofLength: 1)
                guard let byte = byte.first, byte != UInt8(ascii: "\n") else {
                    return String(decoding: text, as: UTF8.self)
                }
                text.append(byte)
            }
        }

        /// Waits until nobody holds the output any more.
        func waitForEndOfOutput() throws {
            repeat { try Pipe.wait(output.fileDescriptor, deadline: 30) } while !output.availableData.isEmpty
        }

        /// Closes its input, on which the tests' helpers end, and waits.
        func end() {
            try? input.close()
            process.waitUntilExit()
        }
    }
}
