package import ApusWire
package import NIOCore
import NIOHTTP1
import NIOPosix

/// Sends one request on a connection of its own.
package struct HTTPClient: Sendable {
    package let endpoint: Endpoint

    package init(endpoint: Endpoint) { self.endpoint = endpoint }

    /// - Parameter onBody: takes the body of an answer that is no error as it comes; the response has none then.
    /// - Throws: `.unreachable`, with what to do about it.
    package func send(
        _ request: WireRequest, timeout: Duration, onBody: (@Sendable (ByteBuffer) -> Void)? = nil
    ) async throws(CommandFailure) -> WireResponse {
        let result: Result<WireResponse, CommandFailure>
        result = await withTaskGroup(of: Result<WireResponse, CommandFailure>?.self) { group in
            group.addTask { await exchange(request, onBody) }
            group.addTask {
                // Cancelled as soon as the answer is there.
                guard (try? await Task.sleep(for: timeout)) != nil else { return nil }
                return .failure(CommandFailure(.unreachable, "\(endpoint) did not answer within \(timeout)"))
            }
            defer { group.cancelAll() }
            while let outcome = await group.next() { if let outcome { return outcome } }
            return .failure(CommandFailure(.unreachable, "the request to \(endpoint) was given up"))
        }
        return try result.get()
    }

    private func exchange(
        _ request: WireRequest, _ onBody: (@Sendable (ByteBuffer) -> Void)?
    ) async -> Result<WireResponse, CommandFailure> {
        do {
            let connection = try await connect()
            let response = try await connection.executeThenClose { inbound, outbound in
                // At once: the server may answer and close as soon as it has the last byte.
                try await outbound.write(
                    contentsOf: [.head(head(request)), .body(.byteBuffer(request.body)), .end(nil)])
                return try await read(inbound, onBody)
            }
            guard let response else {
                return .failure(
                    CommandFailure(.unreachable, "\(endpoint) closed the connection before it had answered"))
            }
            return .success(response)
        } catch is NIOConnectionError {
            let advice = "nothing answers at \(endpoint); start it with `apus serve`, or name another with --endpoint"
            return .failure(CommandFailure(.unreachable, advice))
        } catch {
            return .failure(CommandFailure(.unreachable, "the request to \(endpoint) failed: \(error)"))
        }
    }

    private typealias Connection = NIOAsyncChannel<HTTPClientResponsePart, HTTPPart<HTTPRequestHead, IOData>>

    private func connect() async throws -> Connection {
        try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connectTimeout(.seconds(10))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .connect(host: endpoint.host, port: endpoint.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    return try Connection(wrappingChannelSynchronously: channel)
                }
            }
    }

    private func head(_ request: WireRequest) -> HTTPRequestHead {
        let target = request.query.isEmpty ? request.path : "\(request.path)?\(request.query)"
        var head = HTTPRequestHead(version: .http1_1, method: HTTPMethod(rawValue: request.method), uri: target)
        for field in request.headers.fields { head.headers.add(name: field.name, value: field.value) }
        head.headers.replaceOrAdd(name: "Content-Length", value: String(request.body.readableBytes))
        head.headers.replaceOrAdd(name: "Connection", value: "close")
        return head
    }

    /// - Returns: nil when the connection ended before the answer did.
    private func read(
        _ inbound: NIOAsyncChannelInboundStream<HTTPClientResponsePart>, _ onBody: (@Sendable (ByteBuffer) -> Void)?
    ) async throws -> WireResponse? {
        var response: WireResponse?
        for try await part in inbound {
            switch part {
            case .head(let head):
                let fields = head.headers.map { (name: $0.name, value: $0.value) }
                response = WireResponse(status: Int(head.status.code), headers: WireHeaders(fields))
            case .body(var bytes):
                if let onBody, let response, response.status < 300 {
                    onBody(bytes)
                } else {
                    response?.body.writeBuffer(&bytes)
                }
            case .end: return response
            }
        }
        return nil
    }
}
