package import ApusModel
import NIOCore

/// `query`: parameters of a form name the operation and carry members, answers are XML.
package struct QueryProtocol: WireProtocol {
    static let formType = "application/x-www-form-urlencoded"

    package init() {}

    private func parameters(_ request: WireRequest) -> [(name: String, value: String)] {
        let query = Percent.query(request.query)
        guard request.body.readableBytes > 0 else { return query }
        return query + Percent.query(String(decoding: request.body.readableBytesView, as: UTF8.self))
    }

    package func operation(of request: WireRequest, in service: ServiceModel) throws(Fault) -> OperationModel {
        guard let name = parameters(request).first(where: { $0.name == "Action" })?.value, !name.isEmpty else {
            throw Fault("MissingAction", status: 400, "The request must contain the parameter Action.")
        }
        guard let operation = service.operation(name) else {
            throw Fault("InvalidAction", status: 400, "The action \(name) is not valid for this web service.")
        }
        return operation
    }

    package func input(
        of request: WireRequest, for operation: OperationModel, in service: ServiceModel
    ) throws(Fault) -> ShapeValue {
        guard let input = operation.input else { return .structure([:]) }
        let form = QueryForm(parameters(request))
        let value = try QueryReader(service: service, form: form).structure(service[input], 0)
        return try validated(value, for: operation, in: service)
    }

    package func response(
        _ output: ShapeValue, for operation: OperationModel, in service: ServiceModel, requestID: RequestID
    ) -> WireResponse {
        var writer = XMLWriter()
        writer.open("\(operation.name)Response", namespace: service.xmlNamespace)
        if let id = operation.output, case .structure(let members) = output {
            let wrapper = operation.resultWrapper ?? "\(operation.name)Result"
            writer.open(wrapper)
            QueryWriter(service: service).write(members, service[id], &writer)
            writer.close(wrapper)
        }
        writer.open("ResponseMetadata")
        writer.element("RequestId", requestID.text)
        writer.close("ResponseMetadata")
        writer.close("\(operation.name)Response")
        return WireResponse(
            status: 200, headers: ["x-amzn-RequestId": requestID.text, "Content-Type": "text/xml"],
            body: ByteBuffer(string: writer.text))
    }

    package func response(
        _ fault: Fault, for operation: OperationModel?, in service: ServiceModel, requestID: RequestID
    ) -> WireResponse {
        var writer = XMLWriter()
        writer.open("ErrorResponse", namespace: service.xmlNamespace)
        writer.open("Error")
        writer.element("Type", fault.origin == .sender ? "Sender" : "Receiver")
        writer.element("Code", fault.code)
        writer.element("Message", fault.message)
        for field in fault.fields { writer.element(field.name, field.value) }
        writer.close("Error")
        writer.element("RequestId", requestID.text)
        writer.close("ErrorResponse")
        var response = WireResponse(
            status: fault.status, headers: ["x-amzn-RequestId": requestID.text, "Content-Type": "text/xml"],
            body: ByteBuffer(string: writer.text))
        for header in fault.headers { response.headers.set(header.name, header.value) }
        return response
    }
}

/// Parameters such as `Tags.member.1.Key` as a tree of their parts.
private struct QueryForm {
    struct Node {
        var value: String?
        var children: [(name: String, node: Int)] = []
        var places: [String: Int] = [:]
    }

    private(set) var nodes: [Node] = [Node()]

    /// Parts that a name may have; deeper parameters are unknown ones.
    private static let deepest = 64

    init(_ parameters: [(name: String, value: String)]) {
        for parameter in parameters {
            let parts = parameter.name.split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count <= Self.deepest else { continue }
            var node = 0
            for part in parts {
                let name = String(part)
                if let next = nodes[node].places[name] {
                    node = next
                } else {
                    nodes.append(Node())
                    nodes[node].places[name] = nodes.count - 1
                    nodes[node].children.append((name, nodes.count - 1))
                    node = nodes.count - 1
                }
            }
            nodes[node].value = parameter.value
        }
    }

    func child(_ node: Int, _ path: String) -> Int? {
        // Wire names may hold dots themselves.
        var node = node
        for part in path.split(separator: ".") {
            guard let next = nodes[node].places[String(part)] else { return nil }
            node = next
        }
        return node
    }

    /// The children whose names are numbers, in the order of these.
    func numbered(_ node: Int) -> [Int] {
        nodes[node].children.compactMap { child in Int(child.name).map { (number: $0, node: child.node) } }
            .sorted { $0.number < $1.number }.map(\.node)
    }
}

private struct QueryReader {
    let service: ServiceModel
    let form: QueryForm

    func structure(_ shape: Shape, _ node: Int) throws(Fault) -> ShapeValue {
        var members: [String: ShapeValue] = [:]
        for member in shape.members {
            let inner = service[member.shape]
            // The items of a flattened list go by the name of its items, if that has one.
            let isFlat = inner.isFlattened || member.isFlattened
            let isRenamed = isFlat && inner.kind == .list && inner.item.hasWireName
            guard let child = form.child(node, isRenamed ? inner.item.wireName : member.wireName) else { continue }
            members[member.name] = try value(inner, member, child)
        }
        return .structure(members)
    }

    private func value(_ shape: Shape, _ member: Member, _ node: Int) throws(Fault) -> ShapeValue? {
        let isFlat = shape.isFlattened || member.isFlattened
        switch shape.kind {
        case .structure: return try structure(shape, node)
        case .list:
            let parent = isFlat ? node : form.child(node, shape.item.hasWireName ? shape.item.wireName : "member")
            var items: [ShapeValue] = []
            for child in parent.map({ form.numbered($0) }) ?? [] {
                if let item = try value(service[shape.item.shape], shape.item, child) { items.append(item) }
            }
            return .list(items)
        case .map:
            let parent = isFlat ? node : form.child(node, "entry")
            var entries: [(key: String, value: ShapeValue)] = []
            for child in parent.map({ form.numbered($0) }) ?? [] {
                guard let key = form.child(child, shape.mapKey.wireName), let name = form.nodes[key].value,
                    let place = form.child(child, shape.mapValue.wireName),
                    let inner = try value(service[shape.mapValue.shape], shape.mapValue, place)
                else { continue }
                entries.append((name, inner))
            }
            return .map(WireMap(entries).entries)
        default:
            guard let text = form.nodes[node].value else { return nil }
            do throws(Fault) {
                return try RestText.scalar(text, shape, member.timestampFormat ?? .iso8601)
            } catch {
                throw Fault("MalformedInput", status: 400, error.message)
            }
        }
    }
}

private struct QueryWriter {
    let service: ServiceModel

    func write(_ members: [String: ShapeValue], _ shape: Shape, _ writer: inout XMLWriter) {
        for member in shape.members {
            guard let value = members[member.name] else { continue }
            write(value, service[member.shape], member, member.wireName, &writer)
        }
    }

    private func write(
        _ value: ShapeValue, _ shape: Shape, _ member: Member, _ name: String, _ writer: inout XMLWriter
    ) {
        let isFlat = shape.isFlattened || member.isFlattened
        switch value {
        case .structure(let members):
            writer.open(name)
            write(members, shape, &writer)
            writer.close(name)
        case .list(let items):
            let itemName = shape.item.hasWireName ? shape.item.wireName : isFlat ? name : "member"
            if !isFlat { writer.open(name) }
            for item in items { write(item, service[shape.item.shape], shape.item, itemName, &writer) }
            if !isFlat { writer.close(name) }
        case .map(let entries):
            if !isFlat { writer.open(name) }
            for entry in entries {
                writer.open(isFlat ? name : "entry")
                writer.element(shape.mapKey.wireName, entry.key)
                let inner = shape.mapValue
                write(entry.value, service[inner.shape], inner, inner.wireName, &writer)
                writer.close(isFlat ? name : "entry")
            }
            if !isFlat { writer.close(name) }
        default:
            let format = member.timestampFormat ?? shape.timestampFormat ?? .iso8601
            if let text = RestText.text(value, format) { writer.element(name, text) }
        }
    }
}
