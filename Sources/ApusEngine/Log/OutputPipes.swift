import Glibc
import NIOCore
import NIOPosix

/// Reads the two pipes of an environment, on its event loop: as bytes arrive, and at once when ``drain()`` is called, so that
/// what a function printed before its answer is in the log before the end of the invocation is.
final class OutputPipes {
    enum Pipe {
        /// Standard output and standard error.
        case output
        /// Framed records.
        case telemetry
    }

    let eventLoop: any EventLoop
    private let readers: [PipeReader]
    private var isPaused = false

    /// - Parameters:
    ///   - output: non-blocking, as is `telemetry`; both belong to the reader from now on.
    ///   - onBytes: takes what was read; the bytes are there during the call only.
    init(
        output: Int32, telemetry: Int32, on eventLoop: any EventLoop,
        onBytes: @escaping (Pipe, UnsafeRawBufferPointer) -> Void
    ) {
        self.eventLoop = eventLoop
        readers = [
            PipeReader(output) { onBytes(.output, $0) },
            PipeReader(telemetry) { onBytes(.telemetry, $0) },
        ]
    }

    func start() -> EventLoopFuture<Void> {
        .andAllSucceed(readers.map { $0.start(on: eventLoop) }, on: eventLoop)
    }

    /// Takes what lies in the pipes now.
    func drain() {
        guard !isPaused else { return }
        // Mostly there is nothing: one call finds that out for both.
        var polled = (readers[0].pollEntry, readers[1].pollEntry)
        let ready = withUnsafeMutableBytes(of: &polled) { bytes in
            poll(bytes.baseAddress?.assumingMemoryBound(to: pollfd.self), 2, 0)
        }
        guard ready > 0 else { return }
        if polled.0.revents != 0 { readers[0].drain() }
        if polled.1.revents != 0 { readers[1].drain() }
    }

    /// Stops reading, so that whoever writes more than can be stored has to wait.
    func pause(for time: TimeAmount) {
        guard !isPaused else { return }
        setPaused(true)
        let box = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleTask(in: time) { box.value.setPaused(false) }
    }

    private func setPaused(_ isPaused: Bool) {
        self.isPaused = isPaused
        for reader in readers { reader.setReading(!isPaused) }
    }

    func close() {
        for reader in readers { reader.close() }
    }
}

private final class PipeReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private static let bufferSize = 64 << 10

    /// Shared by the pipes of an event loop: what is allocated for each reading costs more than the reading.
    private static let buffer = ThreadSpecificVariable<ReadBuffer>()

    private let descriptor: Int32
    private let onBytes: (UnsafeRawBufferPointer) -> Void
    private var channel: (any Channel)?

    init(_ descriptor: Int32, onBytes: @escaping (UnsafeRawBufferPointer) -> Void) {
        self.descriptor = descriptor
        self.onBytes = onBytes
    }

    func start(on eventLoop: any EventLoop) -> EventLoopFuture<Void> {
        let box = NIOLoopBound(self, eventLoop: eventLoop)
        return NIOPipeBootstrap(group: eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(box.value)
                }
            }
            .takingOwnershipOfDescriptor(input: descriptor)
            .map { channel in box.value.channel = channel }
    }

    /// Negative, and thus passed over, once the channel has closed the descriptor.
    var pollEntry: pollfd {
        pollfd(fd: channel?.isActive == true ? descriptor : -1, events: Int16(POLLIN), revents: 0)
    }

    func drain() {
        let buffer = Self.buffer.currentValue ?? ReadBuffer(size: Self.bufferSize)
        Self.buffer.currentValue = buffer
        for _ in 0..<16 {
            // Reading beside the channel is safe: this is its own thread, and it takes an empty pipe for a false alarm.
            let count = Glibc.read(descriptor, buffer.bytes.baseAddress, buffer.bytes.count)
            guard count > 0 else { return }
            onBytes(UnsafeRawBufferPointer(rebasing: buffer.bytes[..<count]))
            // A pipe gives all that it has.
            if count < buffer.bytes.count { return }
        }
    }

    func setReading(_ isReading: Bool) { channel?.setOption(.autoRead, value: isReading).whenComplete { _ in } }

    func close() {
        channel?.close(promise: nil)
        channel = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        unwrapInboundIn(data).withUnsafeReadableBytes(onBytes)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// Each thread has its own and uses no other.
private final class ReadBuffer: @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer

    init(size: Int) { bytes = .allocate(byteCount: size, alignment: 16) }

    deinit { bytes.deallocate() }
}
