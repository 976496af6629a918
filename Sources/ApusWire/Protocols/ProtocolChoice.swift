import ApusModel

extension ServiceModel {
    /// The protocol in which a request speaks to this service, the preferred one when nothing tells.
    package func wireProtocol(for request: WireRequest) -> any WireProtocol {
        if protocols.count > 1 {
            if protocols.contains(.json), request.headers["x-amz-target"] != nil { return JSONProtocol() }
            let isForm = request.headers["content-type"]?.hasPrefix(QueryProtocol.formType) == true
            if protocols.contains(.query),
                isForm || Percent.query(request.query).contains(where: { $0.name == "Action" })
            {
                return QueryProtocol()
            }
        }
        for name in protocols {
            switch name {
            case .restJSON: return RestJSONProtocol()
            case .json: return JSONProtocol()
            case .query: return QueryProtocol()
            case .restXML, .ec2, .rpcV2CBOR: continue
            }
        }
        return RestJSONProtocol()
    }
}

extension WireProtocol {
    /// Checks an input that was read.
    func validated(
        _ value: ShapeValue, for operation: OperationModel, in service: ServiceModel
    ) throws(Fault) -> ShapeValue {
        if let input = operation.input, let fault = service.validate(value, input) { throw fault }
        return value
    }
}

extension Fault {
    /// The bytes are not of the protocol.
    static func serialization(_ message: String) -> Fault { Fault("SerializationException", status: 400, message) }

    /// A body that could not be read.
    static func unreadable(_ error: ShapeReadError, _ body: UnsafeRawBufferPointer) -> Fault {
        switch error {
        case .json(let error): serialization(error.lambdaText(in: body))
        case .mismatch(let message): serialization(message)
        }
    }
}

/// A message of the json protocols: its fields that no codec has to know.
enum FaultBody {
    /// The body of a fault.
    ///
    /// - Parameters:
    ///   - shape: the exception's shape, which knows the name of its message.
    ///   - leading: members before the message.
    /// - Returns: the JSON object, and the headers that members of the shape ask for.
    static func json(
        _ fault: Fault, _ shape: Shape?, leading: [(name: String, value: String)]
    ) -> (bytes: [UInt8], headers: [(name: String, value: String)]) {
        var members: [(key: String, value: JSON)] = leading.map { (key: $0.name, value: .string($0.value)) }
        if shape?.member("Type") != nil {
            members.append((key: "Type", value: .string(fault.origin == .sender ? "User" : "Server")))
        }
        members.append((key: messageName(fault, shape), value: .string(fault.message)))
        var headers: [(name: String, value: String)] = []
        for field in fault.fields {
            let member = shape?.member(field.name)
            if let member, member.location == .header {
                headers.append((member.wireName, field.value))
            } else {
                members.append((key: member?.wireName ?? field.name, value: .string(field.value)))
            }
        }
        return (JSON.object(WireMap(members)).bytes, headers)
    }

    /// `Message` or `message`, as the table spells it. Denials come from AWS's common layer, which writes a capital.
    private static func messageName(_ fault: Fault, _ shape: Shape?) -> String {
        if shape?.member("Message") != nil { return "Message" }
        return shape == nil && fault.code == "AccessDeniedException" ? "Message" : "message"
    }
}
