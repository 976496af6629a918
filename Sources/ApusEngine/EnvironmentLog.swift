import ApusModel
import NIOCore

/// The log of one environment: what its processes print and what the platform adds, in order.
final class EnvironmentLog {
    private let writer: any LogWriter
    private let destination: LogDestination
    private let time: any TimeSource
    private var readers: [OutputReader] = []
    private var lines = LineSplitter()
    private var frames = FrameSplitter()
    private var tail: LogTail?

    init(writer: any LogWriter, destination: LogDestination, time: any TimeSource) {
        self.writer = writer
        self.destination = destination
        self.time = time
    }

    /// - Parameters:
    ///   - output: what is printed to standard output and standard error.
    ///   - telemetry: framed records.
    func read(output: Int32, telemetry: Int32, on eventLoop: any EventLoop) -> EventLoopFuture<Void> {
        let output = OutputReader(output) { [unowned self] in
            for line in lines.take($0) { add(line) }
        }
        let telemetry = OutputReader(telemetry) { [unowned self] in
            for record in frames.take($0) { add(record) }
        }
        readers = [output, telemetry]
        return output.start(on: eventLoop).and(telemetry.start(on: eventLoop)).map { _ in }
    }

    func beginTail() { tail = LogTail() }

    func endTail() -> [UInt8]? {
        defer { tail = nil }
        return tail?.last()
    }

    /// Takes in what has been printed so far, unfinished lines included.
    func drain() {
        for reader in readers { reader.drain() }
        if let rest = lines.rest() { add(rest) }
        if let rest = frames.rest() { add(rest) }
    }

    func platform(_ line: String?) {
        if let line { add(Array(line.utf8)) }
    }

    func close() {
        drain()
        for reader in readers { reader.close() }
        readers = []
    }

    private func add(_ bytes: [UInt8]) {
        tail?.append(bytes)
        if !writer.write(LogLine(time: time.wall, bytes: bytes), to: destination) {
            for reader in readers { reader.pause(for: .milliseconds(20)) }
        }
    }
}
