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
        // A pipe may still speak after the log has let go of it.
        let output = OutputReader(output) { [weak self] in self?.took(output: $0) }
        let telemetry = OutputReader(telemetry) { [weak self] in self?.took(telemetry: $0) }
        readers = [output, telemetry]
        return output.start(on: eventLoop).and(telemetry.start(on: eventLoop)).map { _ in }
    }

    private func took(output: ByteBuffer) {
        for line in lines.take(output) { add(line) }
    }

    private func took(telemetry: ByteBuffer) {
        for record in frames.take(telemetry) { add(record) }
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
