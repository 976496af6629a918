import ApusEngine
import ApusInvoke
import ApusModel
import HTTPTypes
import HummingbirdCore
import NIOCore

/// Serves function URLs: by their host, or for clients that cannot resolve it by a path.
struct FunctionURLResponder: Sendable {
    private static let pathPrefix = "/_apus/url/"

    /// Bytes of a body that are read for the sake of a readable refusal.
    private static let bodyLimit = 8 << 20

    let front: FunctionURLFront

    /// A URL and what of the target its function sees.
    struct Place {
        var id: String
        var path: String
    }

    /// - Returns: nil for requests that are not for function URLs.
    func place(of request: HTTPRequest) -> Place? {
        let path = (request.path ?? "/").prefix { $0 != "?" }
        if let id = request.authority.flatMap({ FunctionURLAddress.id(host: $0) }) {
            return Place(id: id, path: String(path))
        }
        guard path.hasPrefix(Self.pathPrefix) else { return nil }
        let rest = path.dropFirst(Self.pathPrefix.utf8.count)
        let id = rest.prefix { $0 != "/" }
        return Place(id: String(id), path: id.endIndex == rest.endIndex ? "/" : String(rest[id.endIndex...]))
    }

    @concurrent
    func respond(
        _ request: Request, at place: Place, from address: SocketAddress?, _ writer: consuming ResponseWriter
    ) async throws {
        guard let body = try? await request.body.collect(upTo: Self.bodyLimit) else {
            return try await writer.writeResponse(
                HTTPResponse(status: .contentTooLarge, headerFields: [.contentLength: "0", .connection: "close"]))
        }
        let answer = await front.answer(
            FunctionURLRequest(
                method: request.method.rawValue, target: request.head.path ?? "/", path: place.path,
                host: request.head.authority ?? "",
                headers: request.headers.map { (name: $0.name.rawName, value: $0.value) }, body: body,
                sourceIP: address?.ipAddress ?? ""),
            of: place.id)
        var head = HTTPResponse(status: .init(code: answer.head.status))
        for (name, value) in answer.head.fields {
            guard let name = HTTPField.Name(name) else { continue }
            head.headerFields.append(HTTPField(name: name, value: value))
        }
        let hasNoBody = request.method == .head || [204, 304].contains(answer.head.status)
        switch answer.body {
        case .bytes(let bytes):
            if ![204, 304].contains(answer.head.status) {
                head.headerFields[.contentLength] = String(bytes.readableBytes)
            }
            try await writer.write(
                response: head, body: hasNoBody ? ResponseBody() : ResponseBody(byteBuffer: bytes))
        case .stream(let first, let stream, let flow):
            // Nothing is left to do for one who is not to have it; and who went away takes no more.
            defer { flow.abandon() }
            if hasNoBody { return try await writer.writeResponse(head) }
            var body = try await writer.writeHead(head)
            if first.readableBytes > 0 { try await body.write(first) }
            try await stream.forEachPart(flow) { try await body.write($0) }
            try await body.finish(nil)
        }
    }
}
