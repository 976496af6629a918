import ApusFunctions
import ApusMetrics
import ApusModel
import ApusServiceKit
import ApusStore
import ApusWire
import HTTPTypes
import HummingbirdCore
import NIOCore

/// Everything but Invoke: Apus's own few paths, then the AWS services.
struct APIResponder: Sendable {
    /// Bytes of a request at the most: a package of 50 MB in Base64 and what stands around it.
    private static let bodyLimit = 72 << 20

    let dispatcher: ServiceDispatcher
    let urls: FunctionURLResponder
    let location: CodeLocation
    let blobs: any BlobStore

    /// Shown to everybody; nil where they are not to be seen.
    var metrics: MetricsRegistry?
    let time: any TimeSource

    /// `HOST:PORT` for clients that did not send one.
    let address: String

    /// For clients inside environments: functions do not see what is measured of each other.
    var withoutMetrics: APIResponder {
        var responder = self
        responder.metrics = nil
        return responder
    }

    @concurrent
    func respond(_ request: Request, _ writer: consuming ResponseWriter, from address: SocketAddress?) async throws {
        if let place = urls.place(of: request.head) {
            return try await urls.respond(request, at: place, from: address, writer)
        }
        let path = request.head.path ?? "/"
        let response = Self.isOwn(path) ? try await own(request, path: path) : await service(request, target: path)
        let body = request.method == .head ? ResponseBody() : ResponseBody(byteBuffer: response.body)
        try await writer.write(response: response.head, body: body)
    }

    private func service(_ request: Request, target: String) async -> WireResponse {
        let body: ByteBuffer
        do {
            body = try await request.body.collect(upTo: Self.bodyLimit)
        } catch {
            return .json(
                413,
                #"{"__type":"RequestEntityTooLargeException","message":"Request must be smaller than \#(Self.bodyLimit) bytes"}"#
            )
        }
        var headers = WireHeaders(request.headers.map { (name: $0.name.rawName, value: $0.value) })
        let host = request.head.authority ?? address
        // The codec takes the host out of the fields; signatures cover it.
        if headers["host"] == nil { headers.add("host", host) }
        let wire = WireRequest(method: request.method.rawValue, target: target, headers: headers, body: body)
        return await dispatcher.respond(to: wire, endpoint: "http://\(host)")
    }

    private static let noSuchPage = WireResponse.json(404, #"{"message":"There is no such page"}"#)

    private static func isOwn(_ path: String) -> Bool {
        path.hasPrefix("/_apus/") || path == "/metrics" || path.hasPrefix("/metrics?")
    }

    private func own(_ request: Request, path: String) async throws -> WireResponse {
        let parts = path.split(separator: "?", maxSplits: 1)
        switch (request.method, parts[0]) {
        case (.get, "/_apus/health"), (.get, "/_apus/ready"):
            return .json(200, #"{"status":"ok"}"#)
        case (.get, "/metrics"):
            guard let metrics else { return Self.noSuchPage }
            return WireResponse(
                status: 200, headers: ["Content-Type": PrometheusText.contentType],
                body: ByteBuffer(string: PrometheusText(metrics.read()).text))
        case (.get, let link) where link.hasPrefix(CodeLocation.pathPrefix):
            return try await code(link, query: parts.count > 1 ? parts[1] : "")
        default:
            return Self.noSuchPage
        }
    }

    private func code(_ path: Substring, query: Substring) async throws -> WireResponse {
        guard let blob = location.blob(path: path, query: query, now: time.wall) else {
            return .json(403, #"{"message":"This link is not valid, or not any more"}"#)
        }
        do throws(StoreError) {
            let bytes = try await blobs.get(blob)
            return WireResponse(
                status: 200, headers: ["Content-Type": "application/zip"], body: ByteBuffer(bytes: bytes))
        } catch {
            return .json(error.code == .notFound ? 404 : 500, #"{"message":"The package could not be read"}"#)
        }
    }
}

extension WireResponse {
    fileprivate static func json(_ status: Int, _ text: String) -> Self {
        Self(status: status, headers: ["Content-Type": "application/json"], body: ByteBuffer(string: text))
    }

    fileprivate var head: HTTPResponse {
        var fields = HTTPFields()
        for (name, value) in headers.fields {
            guard let name = HTTPField.Name(name) else { continue }
            fields.append(HTTPField(name: name, value: value))
        }
        if status != 204 { fields[.contentLength] = String(body.readableBytes) }
        return HTTPResponse(status: HTTPResponse.Status(code: status), headerFields: fields)
    }
}
