package import ApusModel
package import ApusWire
import NIOCore

/// Calls operations of the public API: the only way in which client commands reach the server.
package struct APIClient: Sendable {
    package let endpoint: Endpoint
    package let region: Region
    package let credentials: ClientCredentials

    package init(endpoint: Endpoint, region: Region, credentials: ClientCredentials) {
        self.endpoint = endpoint
        self.region = region
        self.credentials = credentials
    }

    /// Calls an operation of a service that speaks rest-json or json.
    ///
    /// - Throws: `.refused` with the AWS code for an error that the server answers with; `.unreachable`.
    package func call<Input: WireShape, Output: WireShape>(
        _ operation: Operation<Input, Output>, of service: ServiceModel, _ input: Input,
        timeout: Duration = .seconds(60)
    ) async throws(CommandFailure) -> Output {
        let codec = try codec(operation.name, service)
        let request = signed(codec.request(input.shapeValue), service)
        let response = try await HTTPClient(endpoint: endpoint).send(request, timeout: timeout)
        guard response.status < 400 else { throw refusal(response, operation.name) }
        return Output(codec.output(response))
    }

    func codec(_ operation: String, _ service: ServiceModel) throws(CommandFailure) -> ClientCodec {
        guard let model = service.operation(operation) else {
            throw CommandFailure(.local, "\(service.id) has no operation \(operation)")
        }
        return ClientCodec(service: service, operation: model)
    }

    func signed(_ request: WireRequest, _ service: ServiceModel) -> WireRequest {
        var request = request
        request.headers.add("Host", endpoint.authority)
        request.headers.add("User-Agent", "apus")
        SigV4.sign(
            &request, by: credentials.signing, region: region.name, service: service.signingName, at: SystemTime().wall)
        return request
    }

    func refusal(_ response: WireResponse, _ operation: String) -> CommandFailure {
        let body = try? JSON(parsing: response.body)
        let word = response.headers["x-amzn-errortype"] ?? body?["__type"]?.string ?? body?["code"]?.string
        guard let word else {
            return CommandFailure(
                .refused, "\(operation): \(endpoint) answered with status \(response.status); is it an Apus server?")
        }
        // Codes come as `NAMESPACE#CODE` or `CODE:URL` too.
        let code = String((word.split(separator: "#").last ?? "").prefix { $0 != ":" })
        let message = body?["message"]?.string ?? body?["Message"]?.string ?? ""
        let line = message.split(whereSeparator: \.isNewline).map { $0.trimmed }.joined(separator: " ")
        return CommandFailure(.refused, "\(operation): \(code): \(line)\(advice(code))", code: code)
    }

    private func advice(_ code: String) -> String {
        switch code {
        case "UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException",
            "SignatureDoesNotMatch",
            "MissingAuthenticationTokenException", "ExpiredTokenException":
            " (the key comes from \(credentials.origin); `eval \"$(apus env)\"` sets the server's)"
        case "ResourceNotFoundException": " (`apus list` shows what there is)"
        default: ""
        }
    }
}

/// Puts inputs into requests and takes outputs out of responses, as the tables say.
struct ClientCodec {
    let service: ServiceModel
    let operation: OperationModel

    private var json: ShapeJSON { ShapeJSON(service: service) }

    func request(_ input: ShapeValue) -> WireRequest {
        guard case .structure(let values) = input, let shape = operation.input.map({ service[$0] }) else {
            return WireRequest(method: operation.method, target: operation.uri, headers: [:], body: ByteBuffer())
        }
        if let target = service.targetPrefix, !service.protocols.contains(.restJSON) {
            return WireRequest(
                method: "POST", path: "/", query: "",
                headers: [
                    "Content-Type": "application/x-amz-json-\(service.jsonVersion ?? "1.1")",
                    "X-Amz-Target": "\(target).\(operation.name)",
                ], body: ByteBuffer(bytes: json.write(input, shape).bytes))
        }
        return restRequest(input, values, shape)
    }

    private func restRequest(_ input: ShapeValue, _ values: [String: ShapeValue], _ shape: Shape) -> WireRequest {
        let template = operation.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var path = String(template[0])
        var query = template.count > 1 ? [String(template[1])] : []
        var headers = WireHeaders()
        for member in shape.members {
            for text in values[member.name].map(ClientCodec.texts) ?? [] {
                switch member.location {
                case .uri: path = ClientCodec.filling(path, member.wireName, text)
                case .query: query.append("\(Percent.encode(member.wireName))=\(Percent.encode(text))")
                case .header: headers.add(member.wireName, text)
                case .body, .headers, .status: break
                }
            }
        }
        var body = ByteBuffer()
        if let payload = shape.payload.map({ shape.members[$0] }) {
            if case .blob(let bytes)? = values[payload.name] { body = ByteBuffer(bytes: bytes) }
            headers.add("Content-Type", "application/octet-stream")
        } else if shape.members.contains(where: { $0.location == .body }) {
            body = ByteBuffer(bytes: json.write(input, shape).bytes)
            headers.add("Content-Type", "application/json")
        }
        return WireRequest(
            method: operation.method, path: path, query: query.joined(separator: "&"), headers: headers, body: body)
    }

    func output(_ response: WireResponse) -> ShapeValue {
        guard let shape = operation.output.map({ service[$0] }) else { return .structure([:]) }
        var values: [String: ShapeValue] = [:]
        if let payload = shape.payload.map({ shape.members[$0] }) {
            values[payload.name] = .blob(Array(response.body.readableBytesView))
        } else if response.body.readableBytes > 0, let body = try? JSON(parsing: response.body),
            case .structure(let members)? = json.read(body, shape)
        {
            values = members
        }
        for member in shape.members {
            switch member.location {
            case .header: values[member.name] = response.headers[member.wireName].map { .string($0) }
            case .status: values[member.name] = .integer(Int64(response.status))
            case .body, .headers, .uri, .query: break
            }
        }
        return .structure(values)
    }

    /// A member outside the body as texts: one, or those of a list, which is repeated.
    private static func texts(_ value: ShapeValue) -> [String] {
        switch value {
        case .string(let text): [text]
        case .integer(let number): [String(number)]
        case .boolean(let flag): [String(flag)]
        case .list(let items): items.flatMap(texts)
        default: []
        }
    }

    private static func filling(_ path: String, _ label: String, _ text: String) -> String {
        for (placeholder, keepsSlash) in [("{\(label)}", false), ("{\(label)+}", true)] {
            let parts = path.split(separator: placeholder, maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { return parts[0] + Percent.encode(text, keepingSlash: keepsSlash) + parts[1] }
        }
        return path
    }
}
