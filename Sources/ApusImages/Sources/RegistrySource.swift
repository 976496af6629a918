import ApusModel
import ApusWire
import AsyncHTTPClient
import Glibc
import NIOCore
import NIOHTTP1
import Synchronization

/// An image in a registry.
///
/// - Source: OCI distribution specification, "Pull"; distribution, "Token Authentication Specification".
final class RegistrySource: ImageSource {
    /// The longest that a document may take, and a layer.
    private static let documentTime = TimeAmount.seconds(60)
    private static let layerTime = TimeAmount.hours(2)

    private static let redirects: Set<HTTPResponseStatus> = [
        .movedPermanently, .found, .seeOther, .temporaryRedirect, .permanentRedirect,
    ]
    private static let redirectLimit = 5

    private let host: String
    private let repository: String
    private let uri: ImageURI
    private let http: HTTPClient
    private let credentials: RegistryCredentials
    private let threads: FileThreads

    /// What the registry has accepted last, or was given at first.
    private let authorization = Mutex<String?>(nil)

    init(
        host: String, repository: String, uri: ImageURI, http: HTTPClient, credentials: RegistryCredentials,
        threads: FileThreads
    ) {
        self.host = RegistryAddress.server(host)
        self.repository = RegistryAddress.repository(repository, at: host)
        self.uri = uri
        self.http = http
        self.credentials = credentials
        self.threads = threads
    }

    func root() async throws(ImageFailure) -> Document {
        try await document(uri.digest?.description ?? uri.tag ?? "latest")
    }

    func manifest(_ digest: ImageDigest) async throws(ImageFailure) -> Document {
        try await document(digest.description)
    }

    private func document(_ reference: String) async throws(ImageFailure) -> Document {
        let response = try await ask("manifests/\(reference)", within: Self.documentTime)
        guard response.status == .ok else { throw answered(response.status) }
        return Document(bytes: Array(buffer: try await collect(response)))
    }

    /// - Returns: true also where the registry cannot be asked: no harm comes of that, since a hostile one may say yes to anything.
    func has(_ part: Descriptor) async throws(ImageFailure) -> Bool {
        do throws(ImageFailure) {
            _ = try await ask("blobs/\(part.digest)", .HEAD, within: Self.documentTime)
            return true
        } catch {
            switch error.code {
            case .notFound: return false
            case .unavailable: return true
            default: throw error
            }
        }
    }

    func copy(_ part: Descriptor, to path: String) async throws(ImageFailure) {
        let first = try await ask("blobs/\(part.digest)", within: Self.layerTime)
        let response = try await follow(first, from: url("blobs/\(part.digest)"))
        do {
            try await write(response.body, to: path, limit: part.size)
        } catch {
            throw error as? ImageFailure ?? unavailable(error)
        }
    }

    private func write(_ body: HTTPClientResponse.Body, to path: String, limit: Int) async throws {
        let number = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        let file = SharedFile(try OpenFile(adopting: number, path))
        var place = 0
        for try await part in body {
            guard place + part.readableBytes <= limit else {
                throw ImageFailure(.invalid, "\(host) has sent more bytes than a part of the image has")
            }
            try await threads.run { [place] () throws(ImageFailure) in try file.write(part, at: place) }
            place += part.readableBytes
        }
    }

    /// A client for registries. Where a redirect may lead is for ``RegistrySource`` to judge.
    static func client(on eventLoops: any EventLoopGroup) -> HTTPClient {
        var configuration = HTTPClient.Configuration()
        configuration.timeout = .init(connect: .seconds(10), read: .seconds(60))
        configuration.redirectConfiguration = .disallow
        configuration.connectionPool.idleTimeout = .seconds(10)
        return HTTPClient(eventLoopGroup: eventLoops, configuration: configuration)
    }

    // MARK: Requests

    /// The answer to a request that the registry has allowed, with credentials if it wants them.
    ///
    /// - Returns: an answer with 200, or a redirect.
    private func ask(
        _ path: String, _ method: HTTPMethod = .GET, within time: TimeAmount
    ) async throws(ImageFailure) -> HTTPClientResponse {
        var request = HTTPClientRequest(url: url(path))
        request.method = method
        request.headers.add(name: "Accept", value: "\(MediaType.accepted), application/octet-stream;q=0.5")
        if let known = authorization.withLock({ $0 }) { request.headers.add(name: "Authorization", value: known) }
        var response = try await send(request, within: time)
        if response.status == .unauthorized {
            let value = try await answer(response.headers["WWW-Authenticate"])
            request.headers.replaceOrAdd(name: "Authorization", value: value)
            response = try await send(request, within: time)
            if response.status == .ok { authorization.withLock { $0 = value } }
        }
        switch response.status {
        case .ok: return response
        case let status where Self.redirects.contains(status): return response
        case .notFound: throw ImageFailure(.notFound, "\(host) has no \(repository) \(path)")
        case .unauthorized, .forbidden: throw ImageFailure(.denied, "\(host) denies access to \(repository)")
        default: throw answered(response.status)
        }
    }

    /// Goes where a blob is, without credentials: whoever is there has no business with them, and gets no second question.
    private func follow(
        _ first: HTTPClientResponse, from url: String
    ) async throws(ImageFailure) -> HTTPClientResponse {
        var (response, url) = (first, url)
        for _ in 0..<Self.redirectLimit where Self.redirects.contains(response.status) {
            let location = response.headers.first(name: "Location") ?? ""
            guard let next = RegistryAddress.redirect(from: url, to: location, for: host) else {
                throw ImageFailure(.denied, "\(host) has a blob at no safe place: \(location)")
            }
            response = try await send(HTTPClientRequest(url: next), within: Self.layerTime)
            url = next
        }
        guard response.status == .ok else { throw answered(response.status) }
        return response
    }

    private func answered(_ status: HTTPResponseStatus) -> ImageFailure {
        ImageFailure(.unavailable, "\(host) answers \(status.code)")
    }

    private func url(_ path: String) -> String { "\(scheme)://\(host)/v2/\(repository)/\(path)" }

    private func answer(_ challenges: [String]) async throws(ImageFailure) -> String {
        let own = credentials.authorization(for: host)
        switch challenges.lazy.compactMap(RegistryChallenge.init).first {
        case .basic:
            guard let own else { throw ImageFailure(.denied, "\(host) wants credentials, and there are none for it") }
            return own
        case .bearer(let realm, let service, let scope):
            return "Bearer \(try await token(realm, service, scope ?? "repository:\(repository):pull", own))"
        case nil: throw ImageFailure(.denied, "\(host) wants credentials of a kind that is unknown here")
        }
    }

    private func token(
        _ realm: String, _ service: String?, _ scope: String, _ own: String?
    ) async throws(ImageFailure) -> String {
        // Credentials are not told to whoever listens on the way.
        guard RegistryAddress.isSafe(realm, for: host) else {
            throw ImageFailure(.denied, "\(host) gives out tokens at no safe place: \(realm)")
        }
        var parameters = [("scope", scope)]
        if let service { parameters.append(("service", service)) }
        let query = parameters.map { "\($0)=\(Percent.encode($1))" }.joined(separator: "&")
        var request = HTTPClientRequest(url: "\(realm)\(realm.contains("?") ? "&" : "?")\(query)")
        if let own { request.headers.add(name: "Authorization", value: own) }
        let response = try await send(request, within: Self.documentTime)
        guard response.status == .ok, let json = try? JSON(parsing: try await collect(response)),
            let token = json["token"]?.string ?? json["access_token"]?.string,
            token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { throw ImageFailure(.denied, "\(host) gives no token for \(repository)") }
        return token
    }

    private func send(
        _ request: HTTPClientRequest, within time: TimeAmount
    ) async throws(ImageFailure) -> HTTPClientResponse {
        do { return try await http.execute(request, timeout: time) } catch { throw unavailable(error) }
    }

    private func collect(_ response: HTTPClientResponse) async throws(ImageFailure) -> ByteBuffer {
        do { return try await response.body.collect(upTo: Document.limit) } catch { throw unavailable(error) }
    }

    private func unavailable(_ error: any Error) -> ImageFailure {
        ImageFailure(.unavailable, "\(host) cannot be asked: \(error)")
    }

    /// A registry on this host may do without encryption, as Docker has it.
    private var scheme: String { RegistryAddress.isLoopback(host) ? "http" : "https" }
}

/// A file that one piece of work at a time writes to, each on another thread.
private final class SharedFile: Sendable {
    private let file: OpenFile

    init(_ file: consuming OpenFile) { self.file = file }

    func write(_ bytes: ByteBuffer, at place: Int) throws(ImageFailure) {
        let outcome = bytes.withUnsafeReadableBytes { bytes in
            Result { () throws(ImageFailure) in try file.write(bytes, at: place) }
        }
        try outcome.get()
    }
}
