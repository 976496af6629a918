import ApusModel
package import ApusWire
package import Logging

/// Takes a request from its bytes to an operation and back: who, which service, which operation, may they, what.
package struct ServiceDispatcher: Sendable {
    private let services: [String: any AWSService]
    private let tables: [String: OperationTable]
    private let models: [ServiceModel]
    private let authenticator: any Authenticator
    private let authorizer: any Authorizer
    private let logger: Logger

    package init(
        services: [any AWSService], authenticator: any Authenticator, authorizer: any Authorizer, logger: Logger
    ) {
        models = services.map(\.model)
        self.services = Dictionary(uniqueKeysWithValues: services.map { ($0.model.id, $0) })
        tables = self.services.mapValues(\.operations)
        self.authenticator = authenticator
        self.authorizer = authorizer
        self.logger = logger
    }

    /// - Parameter endpoint: how the client reached the server, such as `http://127.0.0.1:4566`.
    package func respond(to request: WireRequest, endpoint: String) async -> WireResponse {
        let id = RequestID()
        // A claim that cannot be read says nothing of the service; authentication says what is wrong with it.
        let claim = (try? SigV4.parse(request)) ?? nil
        guard let model = ServiceChoice.service(of: request, claim: claim, among: models),
            let table = tables[model.id]
        else { return unknownService(request, id) }
        var request = request
        let wire = model.wireProtocol(for: request)
        var operation: OperationModel?
        do {
            let caller = try authenticator.authenticate(&request, for: model)
            let found = try wire.operation(of: request, in: model)
            operation = found
            guard let row = table[found.name] else { throw Self.notAvailable(found.name) }
            try authorizer.authorize(caller.principal, action: row.action, resource: "*")
            let input = try wire.input(of: request, for: found, in: model)
            if let member = input.memberWithNull { throw Self.nullCharacter(in: member, model) }
            let context = RequestContext(
                requestID: id, principal: caller.principal, scope: caller.scope, endpoint: endpoint)
            let output = try await row.run(input, context)
            return wire.response(output, for: found, in: model, requestID: id)
        } catch let fault as Fault {
            return wire.response(fault, for: operation, in: model, requestID: id)
        } catch {
            logger.error(
                "operation failed",
                metadata: [
                    "request.id": "\(id)", "service": "\(model.id)", "operation": "\(operation?.name ?? "?")",
                    "error": "\(error)",
                ])
            return wire.response(Self.internalFailure(model), for: operation, in: model, requestID: id)
        }
    }

    /// Ours: AWS has every operation of its model.
    private static func notAvailable(_ operation: String) -> Fault {
        Fault(
            "UnknownOperationException", status: 404,
            "The operation \(operation) is not available in this version of Apus.")
    }

    /// Ours: names and settings end up where a null character would end them early, in a database and in a process.
    private static func nullCharacter(in member: String, _ model: ServiceModel) -> Fault {
        Fault(
            model.validationCode, status: 400,
            "1 validation error detected: Value at '\(member)' failed to satisfy constraint: "
                + "Member must not contain null characters")
    }

    /// The name that each service has for it.
    private static func internalFailure(_ model: ServiceModel) -> Fault {
        let message = "An error occurred and the request cannot be processed."
        let code = model.error(code: "ServiceException") == nil ? "InternalFailure" : "ServiceException"
        return Fault(code, status: 500, message)
    }

    private func unknownService(_ request: WireRequest, _ id: RequestID) -> WireResponse {
        let fault = Fault(
            "UnknownOperationException", status: 404,
            "No service of this version of Apus has an operation for \(request.method) \(request.path)")
        guard let model = models.first else { return WireResponse(status: 404) }
        return RestJSONProtocol().response(fault, for: nil, in: model, requestID: id)
    }
}

extension ShapeValue {
    /// The name of a member, however deep, whose text or key holds U+0000.
    fileprivate var memberWithNull: String? {
        guard case .structure(let members) = self else { return nil }
        return members.first { $0.value.hasNull }?.key
    }

    private var hasNull: Bool {
        switch self {
        case .string(let text): text.utf8.contains(0)
        case .list(let items): items.contains { $0.hasNull }
        case .map(let entries): entries.contains { $0.key.utf8.contains(0) || $0.value.hasNull }
        case .structure(let members): members.values.contains { $0.hasNull }
        case .boolean, .integer, .double, .blob, .timestamp: false
        }
    }
}
