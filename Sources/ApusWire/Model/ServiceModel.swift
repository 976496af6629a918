/// What the public model says of one AWS service: its operations, shapes and constraints. Immutable.
package final class ServiceModel: Sendable {
    package enum WireName: String, Sendable {
        case restJSON = "rest-json"
        case restXML = "rest-xml"
        case json
        case query
        case ec2
        case rpcV2CBOR = "smithy-rpc-v2-cbor"
    }

    /// Such as `Lambda`, `CloudWatch Logs`.
    package let id: String

    package let fullName: String

    /// Such as `2015-03-31`.
    package let apiVersion: String

    /// The first label of the service's host name.
    package let endpointPrefix: String

    /// The service in a credential scope.
    package let signingName: String

    /// Protocols that the service speaks, the preferred one first; unknown ones are left out.
    package let protocols: [WireName]

    /// Of the json protocol: `1.0`, `1.1`.
    package let jsonVersion: String?

    /// The part of `X-Amz-Target` before the dot.
    package let targetPrefix: String?

    package let xmlNamespace: String?

    /// The code of a fault about broken constraints.
    package let validationCode: String

    /// In the order of their names.
    package let operations: [OperationModel]

    package let shapes: [Shape]

    let operationPlaces: [String: Int]
    let shapePlaces: [String: Int]
    let errorPlaces: [String: Int]
    let routes: RouteTable

    /// Reads a table. A malformed one stops the process: tables are generated and part of the program.
    package convenience init(table: StaticString) {
        self.init(ServiceTable(table))
    }

    init(_ table: ServiceTable) {
        let metadata = table.metadata
        self.id = metadata["serviceId"] ?? ""
        self.fullName = metadata["serviceFullName"] ?? ""
        self.apiVersion = metadata["apiVersion"] ?? ""
        self.endpointPrefix = metadata["endpointPrefix"] ?? ""
        self.signingName = metadata["signingName"] ?? metadata["endpointPrefix"] ?? ""
        self.protocols = (metadata["protocols"] ?? "").split(separator: ",").compactMap { name in
            WireName(rawValue: String(name))
        }
        self.jsonVersion = metadata["jsonVersion"]
        self.targetPrefix = metadata["targetPrefix"]
        self.xmlNamespace = metadata["xmlNamespace"]
        self.validationCode = metadata["validationCode"] ?? "ValidationException"
        self.operations = table.operations
        self.shapes = table.shapes
        self.shapePlaces = table.shapePlaces
        var operationPlaces = [String: Int](minimumCapacity: table.operations.count)
        for (place, operation) in table.operations.enumerated() { operationPlaces[operation.name] = place }
        self.operationPlaces = operationPlaces
        var errorPlaces: [String: Int] = [:]
        for (place, shape) in table.shapes.enumerated() {
            guard let error = shape.error else { continue }
            errorPlaces[error.code] = place
        }
        self.errorPlaces = errorPlaces
        self.routes = RouteTable(table.operations)
    }

    package func operation(_ name: some StringProtocol) -> OperationModel? {
        operationPlaces[String(name)].map { operations[$0] }
    }

    package func shape(_ name: String) -> Shape? { shapePlaces[name].map { shapes[$0] } }

    /// The exception that a code names on the wire.
    package func error(code: String) -> Shape? { errorPlaces[code].map { shapes[$0] } }

    package subscript(_ id: ShapeID) -> Shape { shapes[id.index] }
}
