package import ApusModel
import NIOCore

/// `rest-json`: method, path, query and headers carry members, a JSON body the rest.
package struct RestJSONProtocol: WireProtocol {
    package init() {}

    package func operation(of request: WireRequest, in service: ServiceModel) throws(Fault) -> OperationModel {
        guard let operation = service.route(method: request.method, path: request.path, query: request.query) else {
            throw Fault(
                "UnknownOperationException", status: 404, "Unknown operation: \(request.method) \(request.path)")
        }
        return operation
    }

    package func input(
        of request: WireRequest, for operation: OperationModel, in service: ServiceModel
    ) throws(Fault) -> ShapeValue {
        guard let id = operation.input else { return .structure([:]) }
        let shape = service[id]
        var members = try body(of: request, shape, id, service)
        let labels = operation.template.labels(in: request.path)
        let parameters = shape.members.contains { $0.location == .query } ? Percent.query(request.query) : []
        for member in shape.members {
            switch member.location {
            case .uri:
                guard let label = labels.first(where: { $0.name == member.wireName }) else { continue }
                members[member.name] = try RestText.read([label.value], member, service)
            case .query:
                if service[member.shape].kind == .map {
                    members[member.name] = RestText.map(parameters, shape, service)
                } else {
                    let values = parameters.filter { $0.name == member.wireName }.map(\.value)
                    members[member.name] = try RestText.read(values, member, service)
                }
            case .header:
                members[member.name] = try RestText.read(request.headers.all(member.wireName), member, service)
            case .headers:
                let prefixed = request.headers.fields.filter { field in
                    field.name.utf8.count > member.wireName.utf8.count
                        && String(field.name.prefix(member.wireName.count)).matchesHeader(member.wireName)
                }
                guard !prefixed.isEmpty else { continue }
                members[member.name] = .map(
                    prefixed.map { (String($0.name.dropFirst(member.wireName.count)), .string($0.value)) })
            case .body, .status: continue
            }
        }
        return try validated(.structure(members), for: operation, in: service)
    }

    private func body(
        of request: WireRequest, _ shape: Shape, _ id: ShapeID, _ service: ServiceModel
    ) throws(Fault) -> [String: ShapeValue] {
        if let payload = shape.payload {
            let member = shape.members[payload]
            guard request.body.readableBytes > 0 else { return [:] }
            switch service[member.shape].kind {
            case .blob: return [member.name: .blob(Array(request.body.readableBytesView))]
            case .string: return [member.name: .string(String(decoding: request.body.readableBytesView, as: UTF8.self))]
            default:
                return try JSONShapeReader.read(request.body, member.shape, service).map { [member.name: $0] } ?? [:]
            }
        }
        // Clients send bodies, `{}` among them, also with operations that have none.
        guard !shape.bodyPlaces.isEmpty, request.body.readableBytes > 0,
            case .structure(let members)? = try JSONShapeReader.read(request.body, id, service)
        else { return [:] }
        return members
    }

    package func response(
        _ output: ShapeValue, for operation: OperationModel, in service: ServiceModel, requestID: RequestID
    ) -> WireResponse {
        var response = WireResponse(status: operation.status)
        response.headers.add("x-amzn-RequestId", requestID.text)
        guard let id = operation.output, case .structure(let members) = output else {
            response.headers.add("Content-Type", "application/json")
            return response
        }
        let shape = service[id]
        for member in shape.members {
            guard let value = members[member.name] else { continue }
            switch member.location {
            case .status: if case .integer(let status) = value { response.status = Int(status) }
            case .header:
                if let text = RestText.write(value, member, service) { response.headers.add(member.wireName, text) }
            case .headers:
                guard case .map(let entries) = value else { continue }
                for entry in entries {
                    guard case .string(let text) = entry.value else { continue }
                    response.headers.add(member.wireName + entry.key, text)
                }
            case .body, .uri, .query: continue
            }
        }
        let contentType = write(members, output, shape, service, &response.body)
        if response.headers["content-type"] == nil { response.headers.add("Content-Type", contentType) }
        // HTTP leaves no room for a body there.
        if response.status == 204 { response.body = ByteBuffer() }
        return response
    }

    /// Writes the body and returns its type.
    private func write(
        _ members: [String: ShapeValue], _ output: ShapeValue, _ shape: Shape, _ service: ServiceModel,
        _ body: inout ByteBuffer
    ) -> String {
        var writer = JSONShapeWriter(service: service)
        guard let payload = shape.payload else {
            writer.write(output, shape)
            body.writeBytes(writer.bytes)
            return "application/json"
        }
        let member = shape.members[payload]
        switch members[member.name] {
        case .blob(let bytes)?:
            body.writeBytes(bytes)
            return "application/octet-stream"
        case .string(let text)?:
            body.writeString(text)
            return "text/plain"
        case let value?:
            writer.write(value, service[member.shape])
            body.writeBytes(writer.bytes)
            return "application/json"
        case nil: return "application/json"
        }
    }

    package func response(
        _ fault: Fault, for operation: OperationModel?, in service: ServiceModel, requestID: RequestID
    ) -> WireResponse {
        let (bytes, headers) = FaultBody.json(fault, service.error(code: fault.code), leading: [])
        var response = WireResponse(
            status: fault.status,
            headers: [
                "x-amzn-RequestId": requestID.text, "x-amzn-ErrorType": fault.code, "Content-Type": "application/json",
            ], body: ByteBuffer(bytes: bytes))
        for header in headers + fault.headers { response.headers.set(header.name, header.value) }
        return response
    }
}

/// Members in paths, queries and headers.
enum RestText {
    /// Reads the values of one member; several only for lists.
    ///
    /// - Returns: nil when there are none.
    static func read(_ values: [String], _ member: Member, _ service: ServiceModel) throws(Fault) -> ShapeValue? {
        let shape = service[member.shape]
        guard let first = values.first else { return nil }
        guard shape.kind == .list else {
            return try scalar(first, shape, member.timestampFormat ?? defaultFormat(member))
        }
        let inner = service[shape.item.shape]
        var texts = values
        // A header holds a whole list, unless it repeats.
        if member.location == .header, values.count == 1, inner.kind != .timestamp {
            texts = first.split(separator: ",").map { trimmed($0) }
        }
        var items: [ShapeValue] = []
        for text in texts { items.append(try scalar(text, inner, inner.timestampFormat ?? defaultFormat(member))) }
        return .list(items)
    }

    /// The parameters that no other member of the query takes.
    static func map(
        _ parameters: [(name: String, value: String)], _ shape: Shape, _ service: ServiceModel
    )
        -> ShapeValue?
    {
        let known = shape.members.filter { $0.location == .query && service[$0.shape].kind != .map }.map(\.wireName)
        let rest = parameters.filter { !known.contains($0.name) }
        return rest.isEmpty ? nil : .map(rest.map { ($0.name, .string($0.value)) })
    }

    private static func defaultFormat(_ member: Member) -> TimestampFormat {
        member.location == .header ? .rfc822 : .iso8601
    }

    /// Reads a scalar from its text; also the query protocol's.
    static func scalar(_ text: String, _ shape: Shape, _ format: TimestampFormat) throws(Fault) -> ShapeValue {
        switch shape.kind {
        case .string: return .string(text)
        case .boolean:
            switch text.lowercased() {
            case "true": return .boolean(true)
            case "false": return .boolean(false)
            default: throw .serialization("STRING_VALUE can not be converted to a Boolean")
            }
        case .integer, .long:
            guard let value = Int64(text), shape.kind == .long || Int32(exactly: value) != nil else {
                let type = shape.kind == .long ? "a Long" : "an Integer"
                throw .serialization("STRING_VALUE can not be converted to \(type)")
            }
            return .integer(value)
        case .float, .double:
            guard text.utf8.count <= 64, let value = Double(text) else {
                throw .serialization("STRING_VALUE can not be converted to a Double")
            }
            return .double(value)
        case .timestamp:
            guard let time = TimestampText.parse(text, shape.timestampFormat ?? format) else {
                throw .serialization("STRING_VALUE can not be converted to milliseconds since epoch")
            }
            return .timestamp(time)
        case .blob:
            guard let bytes = Base64.decode(text) else { throw .serialization("Unable to decode the base64 value") }
            return .blob(bytes)
        case .list, .map, .structure: throw .serialization("Expected null")
        }
    }

    /// A member as a header's value.
    static func write(_ value: ShapeValue, _ member: Member, _ service: ServiceModel) -> String? {
        let shape = service[member.shape]
        switch value {
        case .list(let items):
            let texts = items.compactMap { item in
                text(item, service[shape.item.shape].timestampFormat ?? defaultFormat(member))
            }
            return texts.joined(separator: ",")
        default: return text(value, member.timestampFormat ?? shape.timestampFormat ?? defaultFormat(member))
        }
    }

    /// A scalar's text; nil for others.
    static func text(_ value: ShapeValue, _ format: TimestampFormat) -> String? {
        switch value {
        case .boolean(let flag): flag ? "true" : "false"
        case .integer(let number): String(number)
        case .double(let number): number.isFinite ? "\(number)" : JSONText.name(number)
        case .string(let text): text
        case .blob(let bytes): Base64.encode(bytes)
        case .timestamp(let time): TimestampText.write(time, format)
        case .list, .map, .structure: nil
        }
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
