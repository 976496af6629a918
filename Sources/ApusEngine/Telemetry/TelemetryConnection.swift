import ApusRuntimeAPI
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

/// A connection to a listener inside an environment. Whoever listens there is hostile until proven otherwise: of what it sends,
/// nothing is kept, and little is read. Lives on one event loop.
final class TelemetryConnection {
    struct Failed: Error {
        var reason: String
    }

    private let channel: any Channel
    private let destination: TelemetrySubscription.Destination
    /// Nil for lines.
    private let answers: AnswerHandler?

    private init(_ channel: any Channel, _ destination: TelemetrySubscription.Destination, _ answers: AnswerHandler?) {
        self.channel = channel
        self.destination = destination
        self.answers = answers
    }

    /// Connects a socket, which belongs to the connection from now on. Does not wait for the other side: one that is not there makes
    /// the first batch fail.
    static func open(
        _ socket: Int32, to destination: TelemetrySubscription.Destination, on eventLoop: any EventLoop
    ) -> EventLoopFuture<NIOLoopBound<TelemetryConnection>> {
        guard connect(socket, to: destination.port) else {
            Glibc.close(socket)
            return eventLoop.makeFailedFuture(Failed(reason: "connect: \(String(cString: strerror(errno)))"))
        }
        let answers = if case .http = destination { AnswerHandler() } else { nil as AnswerHandler? }
        let box = NIOLoopBound(answers, eventLoop: eventLoop)
        return ClientBootstrap(group: eventLoop)
            // A listener for lines has nothing to say; that it has closed is noticed all the same.
            .channelOption(.autoRead, value: answers != nil)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let answers = box.value else { return }
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(answers)
                }
            }
            .withConnectedSocket(socket)
            .map { channel in
                NIOLoopBound(TelemetryConnection(channel, destination, box.value), eventLoop: eventLoop)
            }
    }

    /// Begins to connect to a port of the loopback in the socket's namespace.
    private static func connect(_ socket: Int32, to port: UInt16) -> Bool {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return result == 0 || errno == EINPROGRESS
    }

    func isOpen(for destination: TelemetrySubscription.Destination) -> Bool {
        channel.isActive && destination == self.destination && answers?.isReusable != false
    }

    /// Succeeds when the batch has been acknowledged: by a status of 2xx, or by the kernel where there are only lines. Another one may
    /// follow then.
    func send(_ batch: ByteBuffer) -> EventLoopFuture<Void> {
        guard case .http(let method, let host, _, let path) = destination, let answers else {
            return channel.writeAndFlush(batch)
        }
        let fields: HTTPHeaders = [
            "Host": host, "Content-Type": "application/json", "Content-Length": String(batch.readableBytes),
        ]
        let head = HTTPRequestHead(version: .http1_1, method: .RAW(value: method), uri: path, headers: fields)
        let promise = channel.eventLoop.makePromise(of: Void.self)
        answers.expect(promise)
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        channel.write(HTTPClientRequestPart.body(.byteBuffer(batch)), promise: nil)
        channel.writeAndFlush(HTTPClientRequestPart.end(nil)).whenFailure { [channel] _ in channel.close(promise: nil) }
        return promise.futureResult
    }

    func close() { channel.close(promise: nil) }
}

/// Takes the answers to batches, one at a time.
private final class AnswerHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    /// Bytes of an answer that are read, and thrown away; with more to come the connection is not used again.
    private static let bodyLimit = 64 << 10

    private(set) var isReusable = true
    private var promise: EventLoopPromise<Void>?
    private var status = HTTPResponseStatus.ok
    private var bodySize = 0

    func expect(_ promise: EventLoopPromise<Void>) { self.promise = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            (status, bodySize) = (head.status, 0)
            if !head.isKeepAlive { isReusable = false }
        case .body(let part):
            bodySize += part.readableBytes
            guard bodySize > Self.bodyLimit, isReusable else { return }
            isReusable = false
            settle()
            context.close(promise: nil)
        case .end:
            settle()
            if !isReusable { context.close(promise: nil) }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail("closed by the other side")
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail("\(error)")
        context.close(promise: nil)
    }

    private func settle() {
        if (200..<300).contains(status.code) {
            take()?.succeed()
        } else {
            fail("answered with \(status.code)")
        }
    }

    private func fail(_ reason: String) {
        isReusable = false
        take()?.fail(TelemetryConnection.Failed(reason: reason))
    }

    /// Whoever waits for it may send the next batch at once, and expect another answer.
    private func take() -> EventLoopPromise<Void>? {
        defer { promise = nil }
        return promise
    }
}
