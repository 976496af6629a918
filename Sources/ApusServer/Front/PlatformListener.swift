import Logging
import NIOCore
import NIOPosix
import Synchronization

/// Serves the platform's API at a socket inside an environment, with the same pipeline that clients outside get.
final class PlatformListener: Sendable {
    private let channel = Mutex<FrontChannel?>(nil)
    private let logger: Logger

    init(logger: Logger) { self.logger = logger }

    /// The front is made of what needs the engine, and the engine needs this.
    func use(_ front: FrontChannel) { channel.withLock { $0 = front } }

    func serve(_ descriptor: Int32, on eventLoop: any EventLoop) -> EventLoopFuture<any Channel> {
        let front = channel.withLock { $0 }
        return ServerBootstrap(group: eventLoop)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { [logger] channel in
                guard let front else { return channel.close() }
                return front.setup(channel: channel, logger: logger).map { connection in
                    // Ends with the connection, which ends with the environment.
                    Task { await front.handle(value: connection, logger: logger) }
                }
            }
            .withBoundSocket(descriptor)
    }
}
