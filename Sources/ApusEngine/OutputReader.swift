import Glibc
import NIOCore
import NIOPosix

/// Reads one pipe of an environment, on its event loop: as bytes arrive, and at once when ``drain()`` is called, so that what a
/// function printed before its answer is in the log before the end of the invocation is.
final class OutputReader {
    private let descriptor: Int32
    private let onBytes: (ByteBuffer) -> Void
    private var channel: (any Channel)?
    private var isPaused = false

    /// - Parameter descriptor: non-blocking; belongs to the reader from now on.
    init(_ descriptor: Int32, onBytes: @escaping (ByteBuffer) -> Void) {
        self.descriptor = descriptor
        self.onBytes = onBytes
    }

    func start(on eventLoop: any EventLoop) -> EventLoopFuture<Void> {
        let box = NIOLoopBound(self, eventLoop: eventLoop)
        return NIOPipeBootstrap(group: eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(PipeHandler(reader: box.value))
                }
            }
            .takingOwnershipOfDescriptor(input: descriptor)
            .map { channel in box.value.channel = channel }
    }

    /// Takes what lies in the pipe now.
    func drain() {
        guard let channel, channel.isActive, !isPaused else { return }
        var buffer = channel.allocator.buffer(capacity: 64 << 10)
        for _ in 0..<16 {
            // Reading beside the channel is safe: this is its own thread, and it takes an empty pipe for a false alarm.
            let count = buffer.withUnsafeMutableWritableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            buffer.moveWriterIndex(forwardBy: count)
            onBytes(buffer)
            buffer.clear()
        }
    }

    /// Stops reading, so that whoever writes more than can be stored has to wait.
    func pause(for time: TimeAmount) {
        guard let channel, !isPaused else { return }
        isPaused = true
        channel.setOption(.autoRead, value: false).whenComplete { _ in }
        let box = NIOLoopBound(self, eventLoop: channel.eventLoop)
        channel.eventLoop.scheduleTask(in: time) {
            box.value.isPaused = false
            channel.setOption(.autoRead, value: true).whenComplete { _ in }
        }
    }

    func close() {
        channel?.close(promise: nil)
        channel = nil
    }

    fileprivate func received(_ buffer: ByteBuffer) { onBytes(buffer) }
}

private final class PipeHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let reader: OutputReader

    init(reader: OutputReader) { self.reader = reader }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { reader.received(unwrapInboundIn(data)) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
