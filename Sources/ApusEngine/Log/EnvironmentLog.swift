import ApusModel
import NIOCore

/// The log of one environment: what its processes print and what the platform adds, in order. Lives on one event loop.
///
/// Lines are put aside in a block, which is handed over 20 ms after its first line, so that a busy environment takes the
/// writer's lock some fifty times a second and not with every line.
final class EnvironmentLog {
    /// How long a line may lie here.
    private static let gathering = TimeAmount.milliseconds(20)

    /// Bytes that are handed over at once.
    private static let blockSize = 64 << 10

    /// Knows the runtime's version once the sandbox runs.
    var lines: PlatformLines

    private let writer: any LogWriter
    private let destination: LogDestination
    private let time: any TimeSource
    private var pipes: OutputPipes?
    private var printed = LineSplitter()
    private var frames = FrameSplitter()
    private var tail: LogTail?
    private var block = LogBlock()
    private var willHandOver = false

    init(
        writer: any LogWriter, destination: LogDestination, lines: PlatformLines, time: any TimeSource
    ) {
        self.writer = writer
        self.destination = destination
        self.lines = lines
        self.time = time
    }

    // MARK: What is printed

    /// - Parameters:
    ///   - output: what is printed to standard output and standard error.
    ///   - telemetry: framed records.
    func read(output: Int32, telemetry: Int32, on eventLoop: any EventLoop) -> EventLoopFuture<Void> {
        // A pipe may still speak after the log has let go of it.
        let pipes = OutputPipes(output: output, telemetry: telemetry, on: eventLoop) { [weak self] pipe, bytes in
            self?.took(bytes, from: pipe)
        }
        self.pipes = pipes
        return pipes.start()
    }

    /// Takes in what has been printed so far, unfinished lines included.
    func drain() {
        pipes?.drain()
        printed.rest { add($0, at: time.wall) }
        frames.rest { add($0, at: time.wall) }
    }

    private func took(_ bytes: UnsafeRawBufferPointer, from pipe: OutputPipes.Pipe) {
        let now = time.wall
        switch pipe {
        case .output: printed.take(bytes) { add($0, at: now) }
        case .telemetry: frames.take(bytes) { add($0, at: now) }
        }
    }

    // MARK: What the platform adds

    func start(_ id: RequestID, at time: Timestamp) { add(lines.start(id, at: time), at: time) }

    /// The end of an invocation, and what it used.
    func end(_ report: PlatformLines.Report, at time: Timestamp) {
        add(lines.end(report.id), at: time)
        add(lines.report(report, at: time), at: time)
    }

    func platform(_ line: LineText?) { add(line, at: time.wall) }

    func platform(_ line: String) { platform(LineText(line)) }

    // MARK: Where it goes

    func beginTail() { tail = LogTail() }

    /// The last 4 KB since ``beginTail()``, which are handed over as well.
    func endTail() -> [UInt8]? {
        handOver()
        defer { tail = nil }
        return tail?.last()
    }

    /// Gives the writer what was put aside.
    func handOver() {
        guard !block.isEmpty else { return }
        let full = block
        block = LogBlock()
        if !writer.write(full, to: destination) { pipes?.pause(for: .milliseconds(20)) }
    }

    func close() {
        drain()
        handOver()
        pipes?.close()
        pipes = nil
    }

    private func add(_ line: LineText?, at time: Timestamp) {
        line?.bytes.withUnsafeBytes { add($0, at: time) }
    }

    private func add(_ line: UnsafeRawBufferPointer, at time: Timestamp) {
        tail?.append(line)
        if !block.append(line, at: time) {
            handOver()
            _ = block.append(line, at: time)
        }
        if block.bytes.count >= Self.blockSize { handOver() } else { handOverSoon() }
    }

    private func handOverSoon() {
        // Nothing of a sandbox that is not read yet, or not any more, is worth a delay.
        guard let pipes else { return handOver() }
        guard !willHandOver else { return }
        willHandOver = true
        let box = NIOLoopBound(self, eventLoop: pipes.eventLoop)
        pipes.eventLoop.scheduleTask(in: Self.gathering) {
            box.value.willHandOver = false
            box.value.handOver()
        }
    }
}
