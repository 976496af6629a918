import ApusModel
import ApusRuntimeAPI
import ApusWire
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
    private let lowestLevel: ApplicationLogLevel?
    private var tail: LogTail?
    private var block = LogBlock()
    private var willHandOver = false

    /// Nil before somebody has subscribed.
    private(set) var telemetry: Telemetry?
    /// Nil when nobody can subscribe any more.
    private var history: TelemetryHistory? = TelemetryHistory()

    init(
        writer: any LogWriter, destination: LogDestination, lines: PlatformLines, time: any TimeSource
    ) {
        self.writer = writer
        self.destination = destination
        self.lines = lines
        self.time = time
        lowestLevel = lines.isJSON ? ApplicationLogLevel(lines.revision.logging.applicationLevel ?? "INFO") : nil
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
        printed.rest { add(printed: $0, at: time.wall) }
        frames.rest { add(printed: $0, at: time.wall) }
    }

    private func took(_ bytes: UnsafeRawBufferPointer, from pipe: OutputPipes.Pipe) {
        let now = time.wall
        switch pipe {
        case .output: printed.take(bytes) { add(printed: $0, at: now) }
        case .telemetry: frames.take(bytes) { add(printed: $0, at: now) }
        }
    }

    private func add(printed line: UnsafeRawBufferPointer, at time: Timestamp) {
        var isObject = false
        if let lowestLevel, let object = JSONScan.object(line, textOf: "level") {
            isObject = true
            guard (object.text.flatMap { ApplicationLogLevel($0) } ?? .info) >= lowestLevel else { return }
        }
        add(line, at: time)
        history?.append(line, isObject: isObject, at: time)
        telemetry?.printed(line, isObject: isObject, at: time)
    }

    // MARK: What the platform adds

    func emit(_ event: TelemetryEvent, at time: Timestamp) {
        lines.line(event, at: time)?.bytes.withUnsafeBytes { add($0, at: time) }
        history?.append(event, at: time)
        telemetry?.emit(event, at: time, lines)
    }

    func emit(_ event: TelemetryEvent) { emit(event, at: time.wall) }

    /// A runtime has booted, or has failed to: now the time is known, and nobody can subscribe any more.
    func tellOfInit(
        _ phase: TelemetryEvent.Phase, isRestored: Bool, _ duration: Duration, _ outcome: TelemetryEvent.Outcome
    ) {
        let now = time.wall
        emit(isRestored ? .restoreRuntimeDone(outcome) : .initRuntimeDone(phase, outcome), at: now)
        emit(isRestored ? .restoreReport(duration, outcome) : .initReport(phase, duration, outcome), at: now)
        history = nil
    }

    /// Adds a line of text, whatever the format is.
    func platform(_ line: String) { LineText(line).bytes.withUnsafeBytes { add($0, at: time.wall) } }

    // MARK: Who is told as well

    /// From now on the extension is told of everything, and first of what has been until now.
    ///
    /// - Throws: what the extension is told instead.
    func subscribe(
        _ subscription: TelemetrySubscription, for name: String, on eventLoop: any EventLoop,
        openSocket: @escaping Telemetry.SocketSource
    ) throws(RuntimeAPIState.Refusal) {
        guard let history else { throw subscription.api.closed }
        let telemetry = self.telemetry ?? Telemetry(on: eventLoop, time: time, openSocket: openSocket)
        let isNew = try telemetry.subscribe(subscription, for: name, history: history, lines)
        self.telemetry = telemetry
        if isNew { emit(.subscription(name: name, subscription)) }
    }

    /// A runtime boots once more, within the time of an invocation, and with it those who may subscribe.
    func acceptSubscriptions() { history = TelemetryHistory() }

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
        telemetry?.close()
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
